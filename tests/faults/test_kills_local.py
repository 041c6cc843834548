"""Runs that write to a folder and are killed at any moment leave no torn delivery.

FAIRSHARD_KILLS and FAIRSHARD_KILL_SEED change how many kills the long test tries, and which.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from tests.faults.conftest import ShardedLibrary
from tests.faults.kills import (
    AfterDelay,
    AfterEvent,
    AtFileOperation,
    KillChain,
    KillMoment,
    Tally,
    chain_lengths,
    launcher,
)
from tests.faults.outputs import TEMPORARY, Expected, Folder, RunOutput, check_ended
from tests.faults.runs import RunStarter
from tests.faults.shim import FileFault, compiler

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261122"))
KILLS = int(os.environ.get("FAIRSHARD_KILLS", "150"))


def some(pattern: str, count: int = 1) -> Callable[[RunOutput], bool]:
    """Returns a check for whether at least `count` files match the pattern."""

    def happened(output: RunOutput) -> bool:
        return len(list(islice(Path(output.uri).glob(pattern), count))) == count

    return happened


def events(chance: random.Random, expected: Expected) -> list[AfterEvent]:
    """Returns moments, in order, that every run passes if it starts from the beginning."""
    version, shards = expected.version, len(expected.shards)
    names = [
        ("the version is claimed", f"agency/claims/{version}/*.json", 1),
        ("the run is recorded", f"{version}/agency/run.json", 1),
        ("a unit is done", "agency/work/*/units/*.json", chance.randint(1, 3)),
        ("the shards are planned", "agency/work/*/plan/*", chance.randint(1, shards)),
        ("a temporary file exists", f"{version}/delivery/shards/{TEMPORARY}*", 1),
        ("a shard has its name", f"{version}/delivery/shards/*.tar", chance.randint(1, shards)),
        ("a shard is committed", "agency/work/*/shards/*.json", chance.randint(1, shards)),
        ("decisions are written", f"{version}/agency/decisions/*", 1),
        ("the ledger is written", f"{version}/agency/ledger/*.parquet", 1),
        ("the checkpoint is written", f"{version}/delivery/checkpoint", 1),
        ("indexes are written", f"{version}/delivery/.nv-meta/*", chance.randint(1, 4)),
        ("the manifest's temporary file exists", f"{version}/delivery/{TEMPORARY}*", 1),
        ("the manifest exists", expected.manifest, 1),
    ]
    return [
        AfterEvent(what, some(pattern, count), chance.choice((0.0, 0.0, 0.001, 0.01)))
        for what, pattern, count in names
    ]


def operations(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, folder: Path
) -> list[str]:
    """Returns every file operation of a complete run, from the shim's log."""
    log = folder / "operations"
    output = library.warm(folder / "counted")
    env = FileFault(output.uri, log=str(log)).environment()
    run = runs.start(*library.package(output.uri, "--workers", 1), env=env)
    assert run.wait() == 0, run.output_text()
    check_ended(output, expected)
    return log.read_text().splitlines()


def cuts(
    chance: random.Random, output: Folder, counted: list[str], kills: int, last: bool
) -> list[KillMoment]:
    """Returns kills at file operations: anywhere, or among the last ones around the manifest."""
    first = next(at for at, line in enumerate(counted) if line.endswith("/checkpoint")) - 20
    moments: list[KillMoment] = []
    for _ in range(kills):
        nth = chance.randint(first if last and not moments else 1, len(counted))
        how = chance.choice(("before", "after"))
        moments.append(AtFileOperation(FileFault(output.uri, nth=nth, how=how).environment()))
    return moments


def test_few_kills_at_any_moment(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    passed = events(chance, expected)
    # On a busy machine a run may pass a moment before it is noticed; early ones are then retried.
    for number, chosen in enumerate(((0, 3, 5, 9), (4, 6, 11), (12,), *[(0, 3, 5)] * 5)):
        if number > 2 and tally.kills >= 6:
            break
        output = library.warm(tmp_path / str(number))
        moments: list[KillMoment] = [passed[at] for at in chosen]
        if number == 0:
            moments.insert(1, AfterDelay(chance.uniform(0, expected.took_s)))
        launch = launcher(runs, library.package(output.uri, "--workers", 1))
        KillChain(output, expected, launch, 1, tally).go(moments)
    print(tally.table("kills, fast"))
    assert tally.kills >= 6, tally


@pytest.mark.slow
def test_kills_at_random_moments(
    library: ShardedLibrary,
    runs: RunStarter,
    expected: Expected,
    tmp_path: Path,
) -> None:
    chance, tally = random.Random(SEED), Tally(SEED)
    # Without a compiler, runs cannot be killed at a file operation.
    kinds = 3 if compiler() else 2
    counted = operations(library, runs, expected, tmp_path) if compiler() else []
    number = 0
    while tally.kills < KILLS:
        for length in chain_lengths(chance, KILLS - tally.kills):
            number += 1
            output = library.warm(tmp_path / f"out-{number}")
            arguments = library.package(output.uri, "--workers", 1)
            kind = number % kinds
            moments: list[KillMoment]
            if kind == 0:
                took = expected.took_s
                moments = [AfterDelay(chance.uniform(0, took)) for _ in range(length)]
            elif kind == 1:
                at = sorted(chance.sample(range(13), length))
                passed = events(chance, expected)
                moments = [passed[index] for index in at]
            else:
                moments = cuts(chance, output, counted, length, chance.random() < 0.5)
            launch = launcher(runs, arguments)
            KillChain(output, expected, launch, 1, tally).go(moments)
            shutil.rmtree(output.root)
    print(tally.table("kills, one worker, a folder"))
    assert tally.most_redone <= 1, tally


@pytest.mark.slow
def test_kills_before_features_are_computed(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    """Features computed before the kill are kept, and the bytes are those of a warm run."""
    chance, tally = random.Random(SEED + 1), Tally(SEED + 1)
    begun = time.monotonic()
    output = Folder(tmp_path / "cold")
    run = runs.start(*library.package(output.uri, "--workers", 1))
    assert run.wait() == 0, run.output_text()
    took = time.monotonic() - begun
    check_ended(output, expected)
    for number in range(12):
        if tally.kills >= 6:
            break
        output = Folder(tmp_path / str(number))
        launch = launcher(runs, library.package(output.uri, "--workers", 1))
        # Each run finds the features of the previous one, and takes less time.
        moments = [AfterDelay(chance.uniform(0, took / at)) for at in (1, 2, 3)]
        KillChain(output, expected, launch, 1, tally).go(moments)
    print(tally.table("kills, cold features"))
    assert tally.kills >= 6, tally


def test_clean_removes_leftovers_of_a_killed_run(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    output = library.warm(tmp_path / "out")
    arguments = library.package(output.uri, "--workers", 1)
    run = runs.start(*arguments)
    there = AfterEvent("a temporary", some(f"{expected.version}/delivery/shards/{TEMPORARY}*"))
    assert there.strike(run, output)
    left = {key for key in output.snapshot() if TEMPORARY in key}
    cleaning = runs.start("clean", output.uri, "--older-than", "0s", "--dry-run", "--json")
    assert cleaning.wait() == 0 and left <= {item["name"] for item in cleaning.json()["found"]}
    cleaned = runs.start("clean", output.uri, "--older-than", "0s", "--json")
    assert cleaned.wait() == 0
    kinds = {item["kind"] for item in cleaned.json()["found"]}
    assert kinds >= {"unpublished version"} and cleaned.json()["removed"] >= len(left) + 1
    # Only features and records are left, and a run that uses them makes the same delivery.
    kept = ("agency/features/", "agency/runs/")
    assert all(key.startswith(kept) for key in output.snapshot()), output.snapshot()
    run = runs.start(*arguments)
    assert run.wait() == 0, run.output_text()
    assert check_ended(output, expected) == 0
