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

from tests.faults.conftest import Library
from tests.faults.kills import Chain, Clock, Event, Moment, Tally, launcher
from tests.faults.outputs import Expected, Output, check_ended, check_not_torn, told
from tests.faults.runs import Run, Starter, await_that, command_of
from tests.faults.test_kills_local import events

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("FAIRSHARD_WORKER_KILLS", "24"))
# Long enough for a worker that watches its parent five times a second, on a busy machine.
_ENDS_WITHIN_S = 30.0


@dataclass(frozen=True)
class Alone:
    """One process of the group alone, as soon as something is there."""

    event: Event
    worker: bool
    kind: str = "one process alone"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: Run, output: Output) -> bool:
        """See `Moment.strike`. What is left of the run must end by itself."""
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
            assert code == 1, run.said()
            told(run.errors())
        else:
            assert code == -signal.SIGKILL
        assert await_that(lambda: not run.members(), _ENDS_WITHIN_S), [
            command_of(pid) for pid in run.members()
        ]
        return True


@pytest.mark.slow
def test_nothing_outlives_the_command(
    library: Library, runs: Starter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    output = library.warm(tmp_path / "out")
    launch = launcher(runs, library.package(output.uri, "--workers", 2))
    writing = events(chance, expected)[6]
    Chain(output, expected, launch, 2, tally).go([Alone(writing, worker=False)])
    assert tally.kills == 1


@pytest.mark.slow
def test_two_workers(library: Library, runs: Starter, expected: Expected, tmp_path: Path) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    output = library.warm(tmp_path / "whole")
    begun = time.monotonic()
    run = runs.start(*library.package(output.uri, "--workers", 2))
    assert run.wait() == 0, run.said()
    took = time.monotonic() - begun
    assert check_ended(output, expected) == 0
    number = 0
    while tally.kills < KILLS:
        number += 1
        output = library.warm(tmp_path / str(number))
        passed = events(chance, expected)
        moments: list[Moment] = [
            Clock(chance.uniform(0, took)),
            Alone(passed[chance.choice((2, 4))], worker=True),
            Alone(passed[4], worker=False),
            passed[chance.choice((5, 6))],
            Alone(passed[5], worker=True),
            passed[chance.choice((9, 11))],
        ]
        launch = launcher(runs, library.package(output.uri, "--workers", 2))
        Chain(output, expected, launch, 2, tally).go(moments)
    print(tally.table("kills, two workers, a folder"))
    check_not_torn(output, expected)
