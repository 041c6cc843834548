"""A folder that is written as a whole or not at all, killed at any of its steps."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from pipelines.delivery.output_folder import check_free, unfinished

FILES = 3
WHOLE = {str(number): f"{number}".encode() * 1000 for number in range(FILES)}


def write(folder: Path, killed_at: int) -> None:
    """Writes the folder's files; the process ends itself at a step, of which rename is the last."""
    steps = iter(range(killed_at, -1, -1))

    def step() -> None:
        if next(steps, -1) == 0:
            os.kill(os.getpid(), signal.SIGKILL)

    with unfinished(folder) as partial:
        step()
        for name, data in WHOLE.items():
            (partial / name).write_bytes(data[: len(data) // 2])
            step()
            (partial / name).write_bytes(data)
            step()
    step()


@pytest.mark.parametrize("killed_at", range(2 * FILES + 2))
def test_a_kill_leaves_all_or_nothing(tmp_path: Path, killed_at: int) -> None:
    folder = tmp_path / "out"
    child = os.fork()
    if not child:
        try:
            write(folder, killed_at)
        finally:
            os._exit(0)  # never pytest's own end
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    if killed_at == 2 * FILES + 1:  # behind the rename
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == WHOLE
        return
    assert not folder.exists()
    check_free(folder)
    write(folder, -1)  # the same call again
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == WHOLE
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
