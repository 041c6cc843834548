"""A process that leaves has done what others do when they exit."""

from __future__ import annotations

import subprocess
import sys

_LEAVES = """
import atexit, sys, threading, time
from concurrent.futures import ThreadPoolExecutor
from pipelines.process.leave import leave

class Kept:
    def __del__(self):
        print("freed")

kept = Kept()
atexit.register(lambda: print("exit function"))
threading.Thread(target=lambda: (time.sleep(0.2), print("thread"))).start()
threading.Thread(target=lambda: time.sleep(60), daemon=True).start()
ThreadPoolExecutor(1).submit(lambda: (time.sleep(0.1), print("pool")))
print("at work", end=" ")
leave(int(sys.argv[1]))
"""


def _run(code: str, *arguments: str, **options: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *arguments]
    return subprocess.run(
        command,
        stdout=options.get("stdout", subprocess.PIPE),
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )


def test_threads_and_exit_functions_end_and_output_is_written() -> None:
    for status in (0, 1, 130):
        done = _run(_LEAVES, str(status))
        assert (done.returncode, done.stderr) == (status, "")
        assert done.stdout.split() == "at work pool thread exit function".split()


def test_output_that_cannot_be_written_is_said() -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = _run(
            "from pipelines.process.leave import leave\nprint(1)\nleave(0)", stdout=full.fileno()
        )
    assert done.returncode != 0
    assert "No space left" in done.stderr


def test_the_command_leaves_with_its_code() -> None:
    code = (
        "import sys; sys.argv = ['fairshard', *sys.argv[1:]]\nfrom pipelines.cli import run; run()"
    )
    assert _run(code, "--version").returncode == 0
    done = _run(code, "verify", "/nowhere/at/all", "--allow-unpinned")
    assert done.returncode in (1, 2)
    assert done.stderr.startswith("fairshard verify: ")
