"""Chains of runs on one output, each killed by SIGKILL at a random moment, until one completes.

After every kill the output is checked: a delivery is readable only if it is complete, and every
object with its final name has its final bytes. After every further run, repeated work is counted.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from tests.faults.outputs import (
    STAGES,
    Expected,
    ObjectState,
    RunOutput,
    check_ended,
    check_not_torn,
    committed_shards,
    redone,
    stage,
)
from tests.faults.runs import CommandRun, RunStarter

Launch = Callable[[Mapping[str, str]], CommandRun]


class KillMoment(Protocol):
    """The moment at which a run is killed."""

    @property
    def kind(self) -> str:
        """The kind of moment, for the summary."""

    @property
    def env(self) -> Mapping[str, str]:
        """Returns the environment that makes a run kill itself, if it is to do so."""

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """Waits for the moment and kills the run's group; returns False if it ended before."""


@dataclass(frozen=True)
class AfterDelay:
    """A delay after the start."""

    after_s: float
    kind: str = "time"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`."""
        until = time.monotonic() + self.after_s
        while time.monotonic() < until and not run.ended():
            time.sleep(0.002)
        return run.kill()


@dataclass(frozen=True)
class AfterEvent:
    """The moment at which something exists in the output, plus an optional delay."""

    what: str
    happened: Callable[[RunOutput], bool]
    later_s: float = 0.0
    kind: str = "event"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`."""
        while not self.happened(output) and not run.ended():
            time.sleep(0.0005)
        time.sleep(self.later_s)
        return run.kill()


@dataclass(frozen=True)
class AtFileOperation:
    """A file operation of the run, which kills its own group right before or after it."""

    env: Mapping[str, str]
    kind: str = "file operation"

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`."""
        return run.wait() < 0


@dataclass
class Tally:
    """Counts of what was tried and what resulted."""

    seed: int
    kills: int = 0
    chains: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    stages: Counter[str] = field(default_factory=Counter)
    most_redone: int = 0
    redone: int = 0
    most_runs: int = 0
    runs: int = 0
    left: int = 0

    def add(self, other: Tally) -> None:
        """Adds the counts of another tally."""
        for name in ("kills", "chains", "redone", "runs", "left"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.most_redone = max(self.most_redone, other.most_redone)
        self.most_runs = max(self.most_runs, other.most_runs)
        self.kinds += other.kinds
        self.stages += other.stages

    def table(self, title: str) -> str:
        """Returns the counts as text to print."""
        kinds = ", ".join(f"{name} {count}" for name, count in self.kinds.most_common())
        lines = [
            f"{title}: seed {self.seed}",
            f"  kills {self.kills} in {self.chains} chains; runs {self.runs}, "
            f"at most {self.most_runs} in one chain",
            f"  complete shards written again: {self.redone} in all, "
            f"at most {self.most_redone} by one run",
            f"  leftovers at the end, removed by clean: {self.left}",
            f"  killed by {kinds}",
        ]
        lines += [f"  {self.stages[name]:5}  {name}" for name in STAGES if self.stages[name]]
        return "\n".join(lines)


@dataclass
class KillChain:
    """One output and the runs on it.

    Attributes:
        output: The output, initially as before the first run.
        expected: What an uninterrupted run leaves.
        launch: Starts a run of the command.
        workers: How many complete shards one run may write again.
        tally: The counts.
    """

    output: RunOutput
    expected: Expected
    launch: Launch
    workers: int
    tally: Tally

    def go(self, moments: Sequence[KillMoment]) -> None:
        """Kills a run at each moment unless one ends before, lets the last one end, and checks."""
        self.tally.chains += 1
        runs = 0
        for moment in moments:
            runs += 1
            if not self._kill(moment):
                break
        else:
            runs += 1
            self._end(self.launch({}))
        self.tally.runs += runs
        self.tally.most_runs = max(self.tally.most_runs, runs)
        self.tally.left += check_ended(self.output, self.expected)

    def _kill(self, moment: KillMoment) -> bool:
        before = self.output.snapshot()
        run = self.launch(moment.env)
        killed = moment.strike(run, self.output)
        if not killed:
            assert run.code == 0, run.output_text()
        self.wait_until_gone(run)
        found = check_not_torn(self.output, self.expected)
        self._count_redone(before, found)
        if killed:
            self.tally.kills += 1
            self.tally.kinds[moment.kind] += 1
            self.tally.stages[stage(found, self.expected)] += 1
        return killed

    def _end(self, run: CommandRun) -> None:
        before = self.output.snapshot()
        assert run.wait() == 0, run.output_text()
        self._count_redone(before, self.output.snapshot())

    def wait_until_gone(self, run: CommandRun) -> None:
        """Waits until no process of the group is alive."""
        until = time.monotonic() + 30
        while left := run.members():
            assert time.monotonic() < until, left
            time.sleep(0.005)

    def _count_redone(self, before: dict[str, ObjectState], after: dict[str, ObjectState]) -> None:
        again = redone(before, after, self.expected)
        assert not again & committed_shards(before, self.expected), again
        assert len(again) <= self.workers, again
        self.tally.redone += len(again)
        self.tally.most_redone = max(self.tally.most_redone, len(again))


def chain_lengths(chance: random.Random, kills: int) -> Iterator[int]:
    """Yields random chain lengths that add up to `kills`."""
    while kills > 0:
        length = min(kills, chance.choice((1, 1, 2, 2, 3, 4, 6)))
        yield length
        kills -= length


def launcher(
    starter: RunStarter,
    arguments: Sequence[object],
    env: Mapping[str, str] | None = None,
    attributes: Mapping[str, int | float] | None = None,
) -> Launch:
    """Returns a function that starts the same command each time."""
    return lambda more: starter.start(
        *arguments, env={**(env or {}), **more}, attributes=attributes
    )
