"""Commands that write to the books, killed by SIGKILL at any moment, end as if undisturbed.

Moments are random in time: one in each of as many equal spans of an undisturbed run, and some near
its end. After each kill, everything with its final name must have its final bytes, and the same
command must end with exactly the bytes of the undisturbed run.

FAIRSHARD_KILL_SEED changes the moments.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.accounts.independent import check_books, read_log
from tests.end_to_end.small_library import SmallLibrary
from tests.faults.outputs import TEMPORARY
from tests.faults.runs import RunStarter

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261127"))
KILLS = 50
# Written again or in place while a run goes on; what they say in the end is compared.
_MOVING = ("checkpoint", "log.vkey", "signing.key.checkpoint", "run.json")
# Other in every run, or left for `clean`.
_UNLIKE = tuple(f"out/agency/{name}" for name in ("work/", "claims/", "runs/", "features/seen-"))
TERMS = '[[thresholds]]\ncurrency = "USD"\namount = "0.50"\n'
DAY = "2026-12-01"
REVENUE = ["--amount", "7.01", "--currency", "USD", "--agency-share", "0.40", "--period", "2026-H2"]
REVENUE += ["--source", "generative licences", "--date", DAY]


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six assets of two contributors, published for 10.00."""
    folder = tmp_path_factory.mktemp("books") / "library"
    folder.mkdir()
    made = SmallLibrary(folder)
    made.add_contributor("c-2")
    made.add(3, side=600)
    made.add(3, side=600, contributors=[{"contributor_id": "c-2", "share_bp": 10_000}])
    done = made.package()
    assert done.code == 0, done.err
    (folder / "payout.toml").write_text(TERMS)
    return folder


@pytest.fixture(scope="module")
def unpublished(published: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same library before it was packaged, with its features and its key."""
    folder = tmp_path_factory.mktemp("before") / "library"
    shutil.copytree(published, folder, ignore=shutil.ignore_patterns("out"))
    agency = folder / "out" / "agency"
    shutil.copytree(published / "out/agency/features", agency / "features")
    shutil.copy(published / "out/agency/signing.key", agency)
    return folder


def words_of(name: str, folder: Path) -> list[object]:
    """The command of a test, on its own copy of the library."""
    out = ["--out", folder / "out"]
    match name:
        case "pay":
            return ["pay", *out, "--delivery", "small/v0001", "--name", "one", *REVENUE]
        case "fund":
            return ["fund", *out, "--deal", "small=7.01", "--name", "one", *REVENUE[2:]]
        case "payout":
            run = ["--terms", folder / "payout.toml", "--date", DAY, "--to", folder / "run"]
            return ["payout", *out, *run]
        case "revoke":
            why = ["--reason", "takedown", "--effective", DAY, "--as-of", "2026-11-27"]
            return ["revoke", *out, "--asset", "a-0", "a-4", "--money", "reverse", *why]
        case _:
            what = ["--catalogue", folder / "catalogue", "--deal", folder / "deal.toml"]
            return ["package", *out, *what, "--as-of", DAY, "--workers", 1, "--quiet"]


@dataclass
class Tally:
    """What was tried, and what was found."""

    name: str
    took_s: float
    kills: int = 0
    runs: int = 0
    too_late: int = 0
    stages: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        stages = ", ".join(f"{count} {stage}" for stage, count in self.stages.most_common())
        return (
            f"{self.name}: seed {SEED}, {self.kills} kills in {self.runs} runs of "
            f"{self.took_s:.2f} s undisturbed; {self.too_late} came too late; killed {stages}"
        )


@dataclass
class Trial:
    """A command on copies of a library, always at the same path."""

    name: str
    before: Path
    folder: Path
    runs: RunStarter
    times: list[float] = field(default_factory=list)

    @property
    def took_s(self) -> float:
        """How long an undisturbed run takes on this machine at the moment."""
        return statistics.median(self.times[-3:])

    def fresh(self) -> None:
        """Begins with a new copy."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.before, self.folder)

    def run(self, kill_after_s: float | None = None) -> bool:
        """Runs the command; returns whether it was killed."""
        run = self.runs.start(*words_of(self.name, self.folder))
        began = time.monotonic()
        if kill_after_s is None:
            assert run.wait() == 0, run.output_text()
            self.times.append(time.monotonic() - began)
            return False
        until = time.monotonic() + kill_after_s
        while time.monotonic() < until and not run.ended():
            time.sleep(0.0005)
        killed = run.kill()
        while run.members():
            time.sleep(0.002)
        return killed

    def files(self) -> dict[str, str]:
        """Digests of all files by path, but what is left for `clean`, or tells of this process.

        The cache of files' digests is left out: which files enter it depends on their age. So are
        the records of runs, which say how long each took.
        """
        found = {
            path.relative_to(self.folder).as_posix(): path.read_bytes()
            for path in self.folder.rglob("*")
            if path.is_file()
        }
        return {
            name: hashlib.sha256(data).hexdigest()
            for name, data in found.items()
            if TEMPORARY not in name and not name.startswith(_UNLIKE)
        }


def stage(found: Mapping[str, str], before: Mapping[str, str], whole: Mapping[str, str]) -> str:
    """How far the killed run was."""
    if found == before:
        return "before anything was written"
    return "after everything was written" if found == whole else "while it wrote"


def moments(chance: random.Random, kills: int) -> Iterator[float]:
    """Yields a moment in each of equal spans of a run, then moments near the end without limit."""
    for at in range(kills):
        yield (at + chance.random()) / kills
    while True:
        yield chance.uniform(0.5, 1.0)


def kill_often(name: str, before: Path, folder: Path, runs: RunStarter, kills: int) -> Tally:
    """Kills a command at random moments, and compares what follows with an undisturbed run."""
    trial = Trial(name, before, folder, runs)
    trial.fresh()
    untouched = trial.files()
    for _ in range(3):
        trial.fresh()
        trial.run()
    whole = trial.files()
    assert len(whole) > len(untouched)
    leaves = read_log(folder / "out/agency/log")
    check_books(folder / "out", leaves)
    tally, chance = Tally(name, trial.took_s), random.Random(f"{SEED} {name}")
    for moment in moments(chance, kills):
        trial.fresh()
        tally.runs += 1
        if not trial.run(moment * trial.took_s):
            tally.too_late += 1
            assert trial.files() == whole
            continue
        tally.kills += 1
        check_left(tally, trial.files(), untouched, whole)
        if chance.random() < 0.3:  # whoever completes it may be killed as well
            tally.runs += 1
            trial.run(chance.uniform(0.2, 1.0) * trial.took_s)
        tally.runs += 1
        trial.run()
        found = trial.files()
        assert found == whole, (moment, differences(found, whole))
        if tally.kills == kills:
            break
    print(f"\n{tally}")
    return tally


def check_left(
    tally: Tally, found: Mapping[str, str], before: Mapping[str, str], whole: Mapping[str, str]
) -> None:
    """Checks what a kill left: nothing is gone, and nothing is there in part."""
    lost = [name for name in before if name not in found and not name.endswith(_MOVING)]
    torn = [
        name
        for name, digest in found.items()
        if not name.endswith((*_MOVING, ".part", ".tmp"))
        and "/lease" not in name
        and digest not in (whole.get(name), before.get(name))
    ]
    assert not lost and not torn, (lost, torn)
    tally.stages[stage(found, before, whole)] += 1


def differences(found: Mapping[str, str], whole: Mapping[str, str]) -> Sequence[str]:
    return sorted(name for name in {*found, *whole} if found.get(name) != whole.get(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["pay", "payout", "revoke", "fund", "package"])
def test_kills_at_fifty_moments(
    name: str, published: Path, unpublished: Path, tmp_path: Path, runs: RunStarter
) -> None:
    before = unpublished if name == "package" else published
    tally = kill_often(name, before, tmp_path / "trial", runs, KILLS)
    assert tally.kills == KILLS
    assert tally.stages["while it wrote"] >= KILLS // 10, tally
