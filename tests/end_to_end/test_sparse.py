"""Sparse libraries: empty units, one asset per unit, and units or libraries refused as a whole."""

from __future__ import annotations

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from tests.end_to_end.command import CommandResult, fairshard, folders, tree
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import (
    DEAL_ID,
    STOPPED,
    Fate,
    Library,
    Planted,
    answer_key,
    draw_library,
    id_in,
)
from tests.end_to_end.sparse_files import write_media
from tests.end_to_end.sparse_run import (
    Run,
    assert_decided,
    assert_reconciled,
    inputs,
    package,
    package_options,
)

_THIRDS = (("c-1", 3_333), ("c-2", 3_333), ("c-3", 3_334))
_BY_ONE = (("c-7", 10_000),)


def planted(unit: int, fate: Fate = Fate.TAKEN, number: int = 0, bits: int = 2) -> Planted:
    """Returns an asset in a unit, with a picture of its own."""
    return Planted(id_in(unit, bits, number), fate, 10 * unit + number)


ONE_SURVIVOR = Library(
    tuple(
        planted(unit, Fate.TAKEN if unit == 7 else STOPPED[unit % 4], bits=4) for unit in range(12)
    ),
    bits=4,
)
LIBRARIES = {
    "one asset a unit": Library(
        (planted(0), planted(1, Fate.DENIED), planted(2), planted(3, Fate.BROKEN))
    ),
    "one survivor": ONE_SURVIVOR,
    "a unit of several": Library(
        (
            *(planted(1, fate, number) for number, fate in enumerate(STOPPED)),
            planted(2),
            planted(3),
        )
    ),
    "the first unit and the last, three contributors of one asset": Library(
        (
            planted(0, Fate.DENIED, bits=3),
            replace(planted(3, bits=3), people=_THIRDS),
            planted(7, Fate.DENIED, bits=3),
        ),
        bits=3,
    ),
    "one sample a family": Library(
        (
            *(
                replace(planted(unit, bits=3), family=family)
                for unit, family in enumerate(("jpg", "png", "webp", "mp4"))
            ),
            planted(5, Fate.DENIED, bits=3),
        ),
        bits=3,
    ),
    "one contributor, one sample a shard": Library(
        (*(replace(planted(unit), people=_BY_ONE) for unit in range(3)), planted(3, Fate.DENIED)),
        target="1KiB",
    ),
    "no model may look": Library(
        (planted(0, Fate.UNSEEN), planted(1, Fate.WORDLESS), planted(2, Fate.UNSEEN))
    ),
    "copies in every unit": Library(
        tuple(
            replace(planted(unit, fate), picture=1)
            for unit, fate in enumerate((Fate.UNSEEN, Fate.TAKEN, Fate.WORDLESS, Fate.TAKEN))
        )
    ),
    "selection refuses the rest": Library(
        (planted(0, Fate.SMALL), planted(1, Fate.DENIED), planted(2))
    ),
}
NOTHING = {
    "by the files": Library(tuple(planted(unit, Fate.DENIED) for unit in range(4))),
    "each for another reason": Library(
        tuple(planted(unit, fate) for unit, fate in enumerate(STOPPED))
    ),
    "the only asset": Library((planted(2, Fate.DENIED),)),
    "the rest by selection": Library((planted(0, Fate.DENIED), planted(3, Fate.SMALL))),
    "by the catalogue": Library(tuple(planted(unit, Fate.WITHDRAWN) for unit in range(4))),
}


@pytest.mark.parametrize(
    "library",
    [
        pytest.param(made, id=name, marks=[pytest.mark.slow] if at % 2 else [])
        for at, (name, made) in enumerate(LIBRARIES.items())
    ],
)
def test_sparse_library_matches_its_answer_key(library: Library, tmp_path: Path) -> None:
    assert_reconciled(package(library, tmp_path))


def assert_nothing_left(run: Run, ended: CommandResult) -> None:
    """Asserts that the run reported "nothing is left to deliver" and left only its decisions."""
    assert ended.code == 1
    assert ended.err.startswith("fairshard package: Nothing is left to deliver"), ended.err
    assert_decided(run, answer_key(run.library))
    assert folders(run.version) == {"agency"}
    assert folders(run.out / "agency") <= {"features", "runs"}


@pytest.mark.parametrize("library", NOTHING.values(), ids=NOTHING)
def test_nothing_left_to_deliver_is_reported(library: Library, tmp_path: Path) -> None:
    run = package(library, tmp_path)
    assert_nothing_left(run, run.ended)
    assert_nothing_left(
        run, run_in_process(*package_options(tmp_path))
    )  # and again, with the features known now


def test_nothing_left_to_deliver_is_reported_by_workers(tmp_path: Path) -> None:
    run = package(NOTHING["by the files"], tmp_path, fairshard, workers=2)
    assert_nothing_left(run, run.ended)


def test_run_continues_after_a_file_is_replaced(tmp_path: Path) -> None:
    library = NOTHING["by the files"]
    package(library, tmp_path)
    allowed = replace(library.assets[2], fate=Fate.TAKEN)
    write_media(allowed, tmp_path / "catalogue")
    library = Library((*library.assets[:2], allowed, library.assets[3]))
    assert_reconciled(Run(library, tmp_path, run_in_process(*package_options(tmp_path))))


@pytest.fixture(scope="module")
def survivor(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """Returns a delivery of one sample, which tests must not change."""
    run = package(ONE_SURVIVOR, tmp_path_factory.mktemp("survivor"))
    assert run.ended.code == 0, run.ended.err
    return run


@pytest.mark.slow
def test_any_number_of_processes_gives_the_same_bytes(survivor: Run, tmp_path: Path) -> None:
    ended = fairshard(*package_options(survivor.root, tmp_path, workers=2))
    assert ended.code == 0, ended.err
    assert tree(tmp_path / DEAL_ID) == tree(survivor.out / DEAL_ID)


def test_known_features_are_not_computed_again(survivor: Run, tmp_path: Path) -> None:
    shutil.copytree(survivor.out / "agency" / "features", tmp_path / "agency" / "features")
    ended = run_in_process(*package_options(survivor.root, tmp_path))
    assert ended.code == 0, ended.err
    assert ended.json["computed"] == {"decoded": 0, "embedded": 0, "captioned": 0}
    assert tree(tmp_path / DEAL_ID) == tree(survivor.out / DEAL_ID)


def test_every_asset_is_explained(survivor: Run) -> None:
    verdicts = answer_key(survivor.library).verdicts
    for asset in survivor.library.assets[3:8]:  # all its fates
        options = ["explain", asset.asset_id, *inputs(survivor.root), "--json"]
        explained = run_in_process(*options, "--out", survivor.out).json
        [decision] = explained["run"]["decisions"]
        found = (decision["outcome"], decision["stage"], ",".join(decision["reasons"]))
        assert found == verdicts[asset.asset_id]
        profile = asset.fate is Fate.WORDLESS  # `explain` does not judge what a profile needs
        alone = "cleared" if profile or asset.fate is Fate.TAKEN else decision["outcome"]
        assert (explained["verdict"], explained["warnings"]) == (alone, [])


@pytest.mark.parametrize("audience", ["agency", "buyer"])
def test_every_decision_is_a_policy(survivor: Run, audience: str, tmp_path: Path) -> None:
    options = ["--run", survivor.version, "--deal", survivor.root / "deal.toml", "--json"]
    ended = run_in_process("odrl", *options, "--for", audience, "--to", tmp_path)
    due = Counter(outcome for outcome, _, _ in answer_key(survivor.library).verdicts.values())
    if audience == "buyer":
        due = Counter(delivered=1, refused=0, dead_letter=0)
    assert ended.code == 0 and ended.json["decisions"] == due, ended.err
    lines = (tmp_path / "decisions.jsonl").read_bytes().splitlines()
    assert len(lines) == due.total()


def test_the_only_sample_is_repaired(survivor: Run, tmp_path: Path) -> None:
    shutil.copytree(survivor.out, tmp_path, dirs_exist_ok=True)
    delivery = tmp_path / DEAL_ID / "v0001" / "delivery"
    for path in ("shards/sparse-jpg-00000.tar", "img_emb/img_emb_0.npy", "checkpoint"):
        (delivery / path).unlink()
    assert run_in_process("verify", delivery, "--quiet").code == 1
    options = [*inputs(survivor.root), "--key", survivor.root / "key", "--workers", 1, "--quiet"]
    ended = run_in_process("verify", delivery, "--repair", *options)
    assert ended.code == 0, ended.err + ended.out
    assert tree(tmp_path / DEAL_ID) == tree(survivor.out / DEAL_ID)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(25))
def test_random_sparse_library_matches_its_answer_key(seed: int, tmp_path: Path) -> None:
    library = draw_library(seed)
    run = package(library, tmp_path)
    if answer_key(library).delivered:
        assert_reconciled(run)
    else:
        assert_nothing_left(run, run.ended)
