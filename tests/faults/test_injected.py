"""Makes file operations on the output fail: each kind, at its n-th call, with EIO, ENOSPC and more.

A run either succeeds with the right bytes, or exits with code 1 and says what failed, where and
what to do. What it left is not torn, and the same command without the fault gives the same bytes.
FAIRSHARD_FAULTS changes how many faults the long test tries.
"""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.conftest import ShardedLibrary
from tests.faults.outputs import Expected, Folder, check_ended, check_error_message, check_not_torn
from tests.faults.runs import RunStarter
from tests.faults.shim import FileFault

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
FAULTS = int(os.environ.get("FAIRSHARD_FAULTS", "140"))
WAYS = {
    "write": ("ENOSPC", "EIO", "EDQUOT", "EFBIG", "short"),
    "open": ("ENOSPC", "EIO", "EMFILE", "EROFS"),
    "openread": ("EIO", "EMFILE"),
    "read": ("EIO",),
    "fsync": ("EIO", "ENOSPC"),
    "close": ("EIO", "ENOSPC", "EDQUOT"),
    "rename": ("EIO", "ENOSPC", "EROFS"),
    "link": ("EIO", "ENOSPC", "EMLINK"),
    "mkdir": ("ENOSPC", "EIO"),
    "unlink": ("EIO", "EROFS"),
    "rmdir": ("EIO",),
    "chmod": ("EIO",),
    "stat": ("EIO",),
    "list": ("EIO", "EMFILE"),
}


@dataclass
class FaultTally:
    """Counts of the faults that were tried and of the runs' results."""

    failed: Counter[str] = field(default_factory=Counter)
    passed: Counter[str] = field(default_factory=Counter)

    def table(self) -> str:
        """Returns the counts as text to print."""
        lines = ["fault: runs that failed with a message, runs that succeeded"]
        for name in sorted({*self.failed, *self.passed}):
            lines.append(f"  {name:16} {self.failed[name]:4} {self.passed[name]:4}")
        return "\n".join(lines)


def count(
    library: ShardedLibrary, broken_runs: RunStarter, folder: Path, expected: Expected
) -> Counter[str]:
    """Returns how often a complete run makes each kind of call on the output."""
    counted: Counter[str] = Counter()
    for call in ("*", "read", "stat", "list"):
        log, output = folder / f"log-{ord(call[0])}", library.warm(folder / f"o-{ord(call[0])}")
        env = FileFault(output.uri, call, log=str(log)).environment()
        run = broken_runs.start(*library.package(output.uri, "--workers", 1), env=env)
        assert run.wait() == 0, run.output_text()
        check_ended(output, expected)
        counted.update(line.split(" ", 1)[0] for line in log.read_text().splitlines())
    return counted


def attempt(
    library: ShardedLibrary,
    broken_runs: RunStarter,
    expected: Expected,
    output: Folder,
    fault: FileFault,
    tally: FaultTally,
    again: bool,
) -> None:
    """Runs with a fault and, if that fails, runs the same command without it."""
    arguments = library.package(output.uri, "--workers", 1)
    run = broken_runs.start(*arguments, env=fault.environment())
    code = run.wait()
    name = f"{fault.call} {fault.how}"
    print(f"{name}, call {fault.nth}, {fault.row} in a row: exit code {code}")
    keeps_files = bool(code) and fault.call == "unlink"
    check_not_torn(output, expected, may_keep_temporary=keeps_files)
    again = again or keeps_files  # the next run removes what could not be removed
    if code:
        assert code == 1, (fault, code, run.errors())
        check_error_message(run.errors())
        tally.failed[name] += 1
        if again:
            run = broken_runs.start(*arguments)
            assert run.wait() == 0, run.output_text()
    else:
        tally.passed[name] += 1
    if again or not code:
        check_ended(output, expected)


def test_few_injected_faults(
    library: ShardedLibrary, broken_runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    tally = FaultTally()
    for number, (call, how, nth, row) in enumerate(
        (
            ("write", "ENOSPC", 60, 10_000),
            ("write", "short", 1, 10_000),
            ("fsync", "EIO", 150, 1),
        )
    ):
        output = library.warm(tmp_path / str(number))
        fault = FileFault(output.uri, call, nth, how, row)
        attempt(library, broken_runs, expected, output, fault, tally, again=number == 0)
    print(tally.table())
    assert tally.passed["write short"] == 1 and tally.failed.total() == 2


@pytest.mark.slow
def test_every_kind_of_injected_fault(
    library: ShardedLibrary, broken_runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), FaultTally()
    counted = count(library, broken_runs, tmp_path, expected)
    kinds = [call for call in WAYS if counted[call]]
    assert len(kinds) > len(WAYS) - 3, counted
    share = -(-FAULTS // len(kinds))
    for call in kinds:
        many = counted[call]
        # Evenly spaced calls of the kind, starting at a random one, with each errno in turn.
        stride = max(1, many // share)
        first = chance.randint(1, stride)
        for number, nth in enumerate(range(first, many + 1, stride)):
            how = WAYS[call][number % len(WAYS[call])]
            row = chance.choice((1, 1, 10_000))
            # Never the same place twice: the key remembers the log that was there.
            output = library.warm(tmp_path / f"{call}-{nth}")
            fault = FileFault(output.uri, call, nth, how, row)
            attempt(library, broken_runs, expected, output, fault, tally, again=number % 3 == 0)
            shutil.rmtree(output.root)
    print(f"seed {SEED}, calls of a complete run: {dict(counted)}")
    print(tally.table())
