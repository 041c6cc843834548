"""`fairshard export`, killed at lines of its own code, is whole or absent, and then ends right."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.delivery.test_export import ALL, FORMATS, SAMPLES, exported, sign, write_shard
from tests.format.test_manifest import SIGNER

#: Exports, and kills itself at the nth line of the code of exports; prints how many lines ran.
EXPORT = """
import os, signal, sys
from pipelines.cli import main
from pipelines.delivery import export_mds

export_mds._SHARD_BYTES = 9_000
stop, lines = int(sys.argv[1]), 0
own = ("delivery/export", "delivery/output_folder", "commands/export")

def trace(frame, event, argument):
    global lines
    if not any(f"pipelines/{name}" in frame.f_code.co_filename for name in own):
        return None
    if event == "line":
        lines += 1
        if lines == stop:
            os.kill(os.getpid(), signal.SIGKILL)
    return trace

sys.settrace(trace)
code = main(sys.argv[2:])
sys.settrace(None)
print(lines)
sys.exit(code)
"""
# Steps over all of its code, and lines at its end, where it gets its name.
_SPREAD, _LAST = 6, 16


def started(delivery: Path, kind: str, out: Path, stop: int) -> tuple[int, str]:
    """Runs the command in a process; returns its exit code, and what it printed last."""
    options = ["export", str(delivery), "--to", kind, "--out", str(out), "--vkey", SIGNER.vkey]
    words = [sys.executable, "-c", EXPORT, str(stop), *options]
    done = subprocess.run(
        words, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=False
    )
    return done.returncode, (done.stdout + done.stderr).strip()


@pytest.mark.slow
@pytest.mark.parametrize("kind", FORMATS)
def test_an_export_that_is_killed_is_whole_or_absent(tmp_path: Path, kind: str) -> None:
    delivery = tmp_path / "delivery"
    (delivery / "shards").mkdir(parents=True)
    sign(delivery, [write_shard(delivery, name, one, False) for name, one in SAMPLES.items()])
    code, printed = started(delivery, kind, tmp_path / "whole", 0)
    lines = int(printed.split("\n")[-1])
    assert code == 0 and lines > 100, printed
    steps = {1 + n * (lines - 1) // _SPREAD for n in range(_SPREAD)}
    steps |= set(range(lines - _LAST, lines + 1, 4))
    whole = 0
    for step in sorted(steps):
        folder = tmp_path / f"step{step}"
        folder.mkdir()
        out = folder / "out"
        assert started(delivery, kind, out, step)[0] == -signal.SIGKILL
        if out.exists():  # it was killed after its last step
            whole += 1
            assert exported(kind, out) == ALL
            code, printed = started(delivery, kind, out, 0)
            assert code == 2 and "The destination already exists" in printed
            assert exported(kind, out) == ALL
            continue
        code, printed = started(delivery, kind, out, 0)
        assert code == 0, printed
        assert exported(kind, out) == ALL
        assert [path.name for path in folder.iterdir()] == ["out"]
    assert whole and len(steps) - whole >= _SPREAD
