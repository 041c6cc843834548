"""Runs with two worker processes, of which the whole group, one worker or the command is killed."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pipelines.steps import worker
from tests.end_to_end.command import environment
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

ROOT = Path(__file__).parents[2]
SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("FAIRSHARD_WORKER_KILLS", "24"))
RANDOM_KILLS = int(os.environ.get("FAIRSHARD_RANDOM_WORKER_KILLS", "20"))
# Long enough on a busy machine for a worker that checks its parent five times a second.
_ENDS_WITHIN_S = 30.0
# Limit for the time from the death of a worker to the end of the command.
_TOLD_WITHIN_S = 10.0


def kill_worker(run: CommandRun, pid: int) -> float:
    """Kills a worker and asserts that the command ends soon with a message that names it.

    Returns:
        The time from the kill to the end in seconds; 0 if the command succeeded anyway.
    """
    struck = time.monotonic()
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    if run.wait() == 0:
        return 0.0  # the worker had finished its part
    took = time.monotonic() - struck
    assert run.code == 1, run.output_text()
    # The killed worker's decoder ends by itself soon after the worker's death.
    assert wait_until(lambda: not run.members(), _TOLD_WITHIN_S), [
        command_of(pid) for pid in run.members()
    ]
    error = run.errors()
    check_error_message(error)
    which = rf"worker_\d+, process {pid}, killed by signal 9 \(perhaps out of memory\)"
    assert re.search(rf"A worker process died: {which}\. Run the same command again", error), error
    assert took < _TOLD_WITHIN_S, took
    return took


@dataclass(frozen=True)
class KillOneProcess:
    """A kill of one process of the group, as soon as something exists in the output."""

    event: AfterEvent
    worker: bool
    kind: str = "one process alone"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`. The rest of the run must end by itself."""
        while not self.event.happened(output):
            if run.ended():
                return False
            time.sleep(0.0005)
        workers = run.workers()
        if run.ended() or not workers:
            run.wait()
            return False
        if self.worker:
            return kill_worker(run, workers[0]) > 0
        os.kill(run.pid, signal.SIGKILL)
        if run.wait() == 0:
            return False
        assert run.code == -signal.SIGKILL
        assert wait_until(lambda: not run.members(), _ENDS_WITHIN_S), [
            command_of(pid) for pid in run.members()
        ]
        return True


@dataclass
class Random:
    """A kill of one worker, a delay after the first worker was started."""

    after_s: float
    chance: random.Random
    took_s: list[float]
    kind: str = "a worker at random"
    env: Mapping[str, str] = field(default_factory=dict)

    def strike(self, run: CommandRun, output: RunOutput) -> bool:
        """See `KillMoment.strike`."""
        while not run.workers() and not run.ended():
            time.sleep(0.002)
        until = time.monotonic() + self.after_s
        while time.monotonic() < until and not run.ended():
            time.sleep(0.002)
        workers = run.workers()
        took = kill_worker(run, self.chance.choice(workers)) if workers else 0.0
        run.wait()
        self.took_s += [took] if took else []
        return took > 0


def workers_live_s(run: CommandRun) -> float:
    """Waits for the end of an undisturbed run; returns how long its workers lived, in seconds."""
    while not run.workers():
        assert not run.ended(), run.output_text()
        time.sleep(0.002)
    begun = time.monotonic()
    while run.workers():
        time.sleep(0.002)
    lived = time.monotonic() - begun
    assert run.wait() == 0, run.output_text()
    return lived


@pytest.mark.slow
def test_command_ends_soon_after_a_worker_is_killed(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally, took_s = random.Random(SEED), Tally(SEED), list[float]()
    output = library.warm(tmp_path / "whole")
    lived_s = workers_live_s(runs.start(*library.package(output.uri, "--workers", 2)))
    assert check_ended(output, expected) == 0
    number = 0
    while tally.kills < RANDOM_KILLS:
        assert number < 5 * RANDOM_KILLS, tally
        output = library.warm(tmp_path / str(number))
        launch = launcher(runs, library.package(output.uri, "--workers", 2))
        after_s = lived_s * (number % RANDOM_KILLS + chance.random()) / RANDOM_KILLS
        before = tally.kills
        KillChain(output, expected, launch, 2, tally).go([Random(after_s, chance, took_s)])
        if tally.kills == before:
            lived_s *= 0.8  # too late: the machine was busier during the measurement
        number += 1
    print(tally.table("one worker killed, a folder"))
    took = f"median {statistics.median(took_s):.1f}, at most {max(took_s):.1f}"
    print(f"  undisturbed workers lived {lived_s:.1f} s; seconds from kill to end: {took}")


@pytest.mark.parametrize("forked", [True, False])
def test_worker_that_cannot_start_is_reported(
    forked: bool, library: ShardedLibrary, tmp_path: Path
) -> None:
    """A command that runs another thread starts the process, and any other forks it from itself."""
    root, output = tmp_path / "tree", library.warm(tmp_path / "out")
    for name in ("pipelines", "schemas"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=skipped)
    module = root.joinpath(*worker.__name__.split(".")).with_suffix(".py")
    text, mark = module.read_text(), root / "mark"
    start = f"def {'serve_workers(connection: Connection)' if forked else 'main()'} -> None:\n"
    assert text.count(start) == 1
    broken = f"    open({str(mark)!r}, 'w').close()\n    import no_such_module\n"
    module.write_text(text.replace(start, start + broken))
    script = root / "script.py"
    thread = "" if forked else "threading.Thread(target=time.sleep, args=[99], daemon=True).start()"
    imports = "import sys, threading, time\nfrom pipelines.cli import main\n"
    script.write_text(f"{imports}{thread}\nsys.exit(main())\n")
    done = subprocess.run(
        [sys.executable, str(script), *map(str, library.package(output.uri, "--workers", 2))],
        cwd=root,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=300,
    )
    # It starts with the command, which then prepares its run before it needs workers.
    assert time.time() - mark.stat().st_mtime < 3 * _TOLD_WITHIN_S
    first, *lines = done.stderr.splitlines()
    assert done.returncode == 1 and len(lines) <= 10, done.stderr
    assert re.fullmatch(
        r"fairshard package: A worker process died: the process that starts workers, process \d+, "
        r"ended with exit status 1\. Run the same command again: .* The worker's last lines:",
        first,
    )
    assert lines[-1] == "  ModuleNotFoundError: No module named 'no_such_module'"
    assert str(module) in done.stderr


@pytest.mark.slow
def test_no_process_outlives_the_command(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    output = library.warm(tmp_path / "out")
    launch = launcher(runs, library.package(output.uri, "--workers", 2))
    writing = events(chance, expected)[6]
    KillChain(output, expected, launch, 2, tally).go([KillOneProcess(writing, worker=False)])
    assert tally.kills == 1


@pytest.mark.slow
def test_kills_with_two_workers(
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
