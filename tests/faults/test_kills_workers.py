"""Two worker processes: the whole group is killed, or one worker, or the command alone."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.faults.conftest import ShardedLibrary
from tests.faults.kills import AfterDelay, AfterEvent, KillChain, KillMoment, Tally, launcher
from tests.faults.outputs import (
    Expected,
    RunOutput,
    check_ended,
    check_error_message,
    check_not_torn,
)
from tests.faults.runs import CommandRun, RunStarter, command_of, wait_until
from tests.faults.test_kills_local import events

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("FAIRSHARD_WORKER_KILLS", "24"))
# Long enough for a worker that watches its parent five times a second, on a busy machine.
_ENDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class KillOneProcess:
    """One process of the group alone, as soon as something is there."""

    event: AfterEvent
    worker: bool
    kind: str = "one process alone"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`. What is left of the run must end by itself."""
        while not self.event.happened(output):
            if run.ended():
                return False
            time.sleep(0.0005)
        workers = [pid for pid in run.members() if "pipelines.steps.worker" in command_of(pid)]
        if run.ended() or not workers:
            run.wait()
            return False
        os.kill(workers[0] if self.worker else run.pid, signal.SIGKILL)
        code = run.wait()
        if code == 0:
            return False  # the worker had done its share
        if self.worker:
            assert code == 1, run.output_text()
            check_error_message(run.errors())
        else:
            assert code == -signal.SIGKILL
        assert wait_until(lambda: not run.members(), _ENDS_WITHIN_S), [
            command_of(pid) for pid in run.members()
        ]
        return True


@pytest.mark.slow
def test_nothing_outlives_the_command(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    output = library.warm(tmp_path / "out")
    launch = launcher(runs, library.package(output.uri, "--workers", 2))
    writing = events(chance, expected)[6]
    KillChain(output, expected, launch, 2, tally).go([KillOneProcess(writing, worker=False)])
    assert tally.kills == 1


@pytest.mark.slow
def test_two_workers(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    output = library.warm(tmp_path / "whole")
    begun = time.monotonic()
    run = runs.start(*library.package(output.uri, "--workers", 2))
    assert run.wait() == 0, run.output_text()
    took = time.monotonic() - begun
    assert check_ended(output, expected) == 0
    number = 0
    while tally.kills < KILLS:
        number += 1
        output = library.warm(tmp_path / str(number))
        passed = events(chance, expected)
        moments: list[KillMoment] = [
            AfterDelay(chance.uniform(0, took)),
            KillOneProcess(passed[chance.choice((2, 4))], worker=True),
            KillOneProcess(passed[4], worker=False),
            passed[chance.choice((5, 6))],
            KillOneProcess(passed[5], worker=True),
            passed[chance.choice((9, 11))],
        ]
        launch = launcher(runs, library.package(output.uri, "--workers", 2))
        KillChain(output, expected, launch, 2, tally).go(moments)
    print(tally.table("kills, two workers, a folder"))
    check_not_torn(output, expected)
