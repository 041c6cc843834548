"""Two commands at once on one output: one log, every event once, and no version twice.

Each pair starts at the same moment, a few times with one of them a little later. A command may
refuse and say why, since another process holds a version; repeated, it ends.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.accounts.independent import check_books, read_log
from tests.end_to_end.small_library import in_process
from tests.faults.runs import RunStarter
from tests.faults.test_kills_books import REVENUE, published, unpublished, words_of

__all__ = ["published", "unpublished"]  # fixtures

SEED = int(os.environ.get("FAIRSHARD_KILL_SEED", "20261127"))
DELAYS = (0.0, 0.0, 0.02, 0.1, 0.2)
PAIRS = {
    "the same removal": ("revoke", "revoke"),
    "two removals": ("revoke", "revoke a-1"),
    "removal and payment": ("revoke", "pay"),
    "removal and fund": ("revoke", "fund"),
    "the same payment": ("pay", "pay"),
    "two payments": ("pay", "pay two"),
    "payment and new version": ("pay", "package"),
    "removal and new version": ("revoke", "package"),
}


def words(name: str, folder: Path) -> list[object]:
    found = words_of(name.split()[0], folder)
    match name:
        case "revoke a-1":
            at = found.index("a-0")
            return [*found[:at], "a-1", *found[at + 2 :]]
        case "pay two":
            out = ["pay", "--out", folder / "out", "--delivery", "small/v0001", "--name", "two"]
            return [*out, *REVENUE]
        case _:
            return found


def events(folder: Path) -> list[str]:
    """What the books say has happened, after the independent verifier has checked the log."""
    leaves = read_log(folder / "out/agency/log")
    check_books(folder / "out", leaves)
    said = ("notice", "delivery", "patches")
    kinds = Counter(leaf["kind"] for leaf in leaves)
    assert [leaf["index"] for leaf in leaves] == list(range(len(leaves))), kinds
    return [
        " ".join([leaf["kind"], *(str(leaf[name]) for name in said if name in leaf)])
        for leaf in leaves
    ]


def check_whole(folder: Path, found: list[str]) -> None:
    """Every event once, no version patched twice, and sound deliveries, proofs and statements."""
    once = [one for one in found if not one.startswith("payment")]
    assert len(set(once)) == len(once), found
    patched = [
        one.split()[-1] for one in found if one.startswith("delivery") and len(one.split()) > 2
    ]
    assert len(set(patched)) == len(patched), found
    out = folder / "out"
    for version in sorted((out / "small").glob("v*")):
        done = in_process("verify", version / "delivery", "--allow-unpinned", "--quiet")
        assert done.code == 0, (version, done.err)
    proof = in_process("prove", "--out", out, "--asset", "a-0", "--to", folder / "proof.json")
    assert proof.code == 0, proof.err
    vkey = out / "agency/log/log.vkey"
    checked = in_process("check-proof", folder / "proof.json", "--key", vkey)
    assert checked.code == 0, (checked.out, checked.err)
    said = in_process("statement", "--out", out, "--all", "--to", folder / "statements")
    assert said.code == 0, said.err


@pytest.mark.slow
@pytest.mark.parametrize("pair", PAIRS)
def test_two_at_once_never_fork(
    pair: str, published: Path, tmp_path: Path, runs: RunStarter
) -> None:
    chance = random.Random(f"{SEED} {pair}")
    refused = Counter[str]()
    for number, delay in enumerate(DELAYS):
        folder = tmp_path / f"trial-{number}"
        shutil.copytree(published, folder)
        names = list(PAIRS[pair])
        chance.shuffle(names)
        first = runs.start(*words(names[0], folder))
        time.sleep(delay)
        running = [first, runs.start(*words(names[1], folder))]
        for run, name in zip(running, names, strict=True):
            if run.wait() != 0:
                assert run.code in (1, 2), run.output_text()
                refused[run.errors().partition(": ")[2].partition(":")[0]] += 1
                again = runs.start(*words(name, folder))
                assert again.wait() in (0, 1, 2), again.output_text()
        for name in names:  # whoever comes later completes everything
            run = runs.start(*words(name, folder))
            assert run.wait() == 0, (pair, name, run.output_text())
        found = events(folder)
        check_whole(folder, found)
        assert sum(one.startswith("payment") for one in found) == len(
            {name for name in names if name.split()[0] in ("pay", "fund")}
        )
        shutil.rmtree(folder)
    print(f"\n{pair}: {len(DELAYS)} trials, refused {dict(refused)}")
