"""A run that is ended leaves no piece of it at work, or ends its process without its lease."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from pipelines.steps.pieces import PIECES, Pieces
from pipelines.steps.portable import INTERRUPTED, nothing_left_at_work
from schemas.errors import RunError

ROOT = Path(__file__).parents[2]
LONG_WORK = """
import threading, time
from pipelines.steps import portable
from pipelines.steps.pieces import PIECES

def work():
    with PIECES.working():
        time.sleep(99)

portable._CANCEL_S = 0.2
threading.Thread(target=work).start()
while PIECES.end(0):
    PIECES.allow()
try:
    with portable.nothing_left_at_work():
        raise {error}
finally:
    print("the lease is released")
"""


def test_pieces_end_before_the_run_does_and_no_more_begin() -> None:
    pieces, begun, wrote = Pieces(), threading.Event(), list[str]()

    def work() -> None:
        with pieces.working():
            begun.set()
            time.sleep(0.2)
            wrote.append("unit")

    thread = threading.Thread(target=work)
    thread.start()
    begun.wait()
    assert not pieces.end(0.01) and not wrote
    assert pieces.end(10) and wrote == ["unit"]
    with pytest.raises(RunError, match="ended"), pieces.working():
        wrote.append("after the end")
    pieces.allow()
    with pieces.working():
        wrote.append("next run")
    thread.join()
    assert wrote == ["unit", "next run"]


def test_a_piece_that_fails_is_not_at_work() -> None:
    pieces = Pieces()
    with pytest.raises(ValueError), pieces.working():
        raise ValueError
    assert pieces.end(0)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), ValueError("lost")])
def test_an_error_arrives_when_nothing_is_at_work(error: BaseException) -> None:
    with pytest.raises(type(error)), nothing_left_at_work():
        raise error
    with pytest.raises(RunError), PIECES.working():
        raise AssertionError("it began after the end")
    with nothing_left_at_work(), PIECES.working():
        pass


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        ("KeyboardInterrupt", INTERRUPTED, "interrupted; run the same command again to continue\n"),
        ("OSError('lost')", 1, "lost; run the same command again to continue\n"),
    ],
)
def test_a_process_ends_with_its_lease_if_its_work_goes_on(
    error: str, status: int, said: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", LONG_WORK.format(error=error)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.endswith(said)
