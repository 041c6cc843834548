"""The files of a library match its plan and its answer key."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.demo.contributors import HOSTILE_CONTRIBUTOR_ID
from pipelines.demo.library import DemoLibrary, make_library
from pipelines.demo.plan import make_plan
from pipelines.demo.roles.hostile_names import (
    HOSTILE_ASSET_IDS,
    HOSTILE_FILE_NAMES,
    HOSTILE_TITLES,
    WRITTEN_ASSET_IDS,
)
from schemas.catalogue import TABLES
from schemas.deal import load_deal
from schemas.errors import InputError

ASSETS = 165  # about one of each role


@dataclass(frozen=True)
class LoadedDemo:
    """A library with its assets table, with ids as they are compared, and answer key loaded."""

    library: DemoLibrary
    key: dict[str, Any]
    rows: list[dict[str, Any]]


@pytest.fixture(scope="module")
def loaded_demo(tmp_path_factory: pytest.TempPathFactory) -> LoadedDemo:
    library = make_library(tmp_path_factory.mktemp("library"), seed=0, assets=ASSETS)
    key = json.loads(library.answer_key.read_text(encoding="utf-8"))
    rows = pq.read_table(library.catalogue / "assets.parquet").to_pylist()
    as_compared = {written: plain for plain, written in WRITTEN_ASSET_IDS.items()}
    for row in rows:
        row["asset_id"] = as_compared.get(row["asset_id"], row["asset_id"])
    return LoadedDemo(library, key, rows)


def _digests(root: Path) -> dict[str, str]:
    return {
        str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_with_any_number_of_workers(tmp_path: Path) -> None:
    done: list[tuple[int, int]] = []
    first = make_library(tmp_path / "a", 7, 90, progress=lambda n, of: done.append((n, of)))
    second = make_library(tmp_path / "b", 7, 90, workers=2)
    assert _digests(first.root) == _digests(second.root)
    assert done == [(number, 90) for number in range(1, 91)]


def test_tables_have_the_columns_of_the_schema_and_several_row_groups(
    loaded_demo: LoadedDemo,
) -> None:
    for name, schema in TABLES.items():
        table = pq.read_schema(loaded_demo.library.catalogue / f"{name}.parquet")
        wanted = [field for field in schema if field.name != "agency_share"]  # nobody has one
        assert table.names == [field.name for field in wanted]
        assert table.types == [field.type for field in wanted]
    assert pq.read_metadata(loaded_demo.library.catalogue / "assets.parquet").num_row_groups > 1
    assert len(loaded_demo.rows) == ASSETS == loaded_demo.key["rows"]


def test_deals_can_be_loaded_and_match_the_key(loaded_demo: LoadedDemo) -> None:
    loaded = {load_deal(path).deal_id for path in loaded_demo.library.deals.values()}
    assert loaded == set(loaded_demo.library.deals) == set(loaded_demo.key["deals"])
    strict = load_deal(loaded_demo.library.deals["demo-strict"])
    assert strict.select.max_assets == loaded_demo.key["deals"]["demo-strict"]["max_assets"]


def test_files_are_those_that_the_key_describes(loaded_demo: LoadedDemo) -> None:
    paths = {media["path"] for media in loaded_demo.key["media"].values() if media["path"]}
    for media in loaded_demo.key["media"].values():
        if media["path"] is not None:
            data = (loaded_demo.library.catalogue / media["path"]).read_bytes()
            assert len(data) == media["bytes"]
            assert hashlib.sha256(data).hexdigest() == media["sha256"]
    on_disk = {
        path.relative_to(loaded_demo.library.catalogue).as_posix()
        for path in (loaded_demo.library.catalogue / "media").rglob("*")
        if path.is_file()
    }
    # The extra file belongs to the row without an id.
    assert paths <= on_disk
    assert len(on_disk - paths) == loaded_demo.key["unnamed_rows"]


def test_rows_state_nothing_false_about_their_files(loaded_demo: LoadedDemo) -> None:
    stated = 0
    for row in loaded_demo.rows:
        media = loaded_demo.key["media"].get(row["asset_id"])
        if media is None or row["sha256"] is None:
            continue
        stated += 1
        honest = row["sha256"] == media["sha256"]
        assert honest == (loaded_demo.key["roles"][row["asset_id"]] != "wrong_digest")
        if row["bytes"] is not None:
            assert row["bytes"] == media["bytes"]
        if row["width"] is not None:
            assert (row["width"], row["height"]) == (media["width"], media["height"])
    assert ASSETS // 4 < stated < ASSETS


def test_uris_point_to_the_files_or_are_unreachable(loaded_demo: LoadedDemo) -> None:
    for row in loaded_demo.rows:
        if row["media_uri"] is None or row["asset_id"] is None:
            continue
        role = loaded_demo.key["roles"][row["asset_id"]]
        written = loaded_demo.key["media"][row["asset_id"]]["path"]
        unreachable = role.startswith("outside_") or role in (
            "missing",
            "line_break",
            "withdrawn_and_missing",
        )
        assert (written is None) == unreachable
        assert (row["media_uri"] == written) == (not unreachable)


def test_exact_copies_have_equal_bytes_and_others_do_not(loaded_demo: LoadedDemo) -> None:
    media, roles = loaded_demo.key["media"], loaded_demo.key["roles"]
    main = loaded_demo.key["deals"]["demo-main"]["duplicates"]
    for lost, how in main.items():
        equal = media[lost]["sha256"] == media[how["kept"]]["sha256"]
        assert equal == (how["kind"] == "exact")
    contributors = {row["asset_id"]: row["contributors"] for row in loaded_demo.rows}
    pairs = [(lost, how["kept"]) for lost, how in main.items() if how["kind"] == "exact"]
    assert pairs
    # Of different contributors, none would be kept before the agency has ruled.
    assert all(contributors[lost] == contributors[kept] for lost, kept in pairs)
    owners: dict[str, list[Any]] = {}
    for asset_id in media:
        if roles[asset_id].startswith(("claimed_", "placeholder_")):
            owners.setdefault(media[asset_id]["sha256"], []).append(contributors[asset_id])
    assert {len(own) for own in owners.values()} == {2, 3}
    assert all(len(set(map(str, own))) == len(own) for own in owners.values())
    again = {"trio_same", "exact_second", "held_copy", "claimed_again"}
    again |= {"placeholder_second", "placeholder_third"}
    digests = [media[i]["sha256"] for i in media if roles[i] not in again]
    named = [digest for digest in digests if digest is not None]
    assert len(named) == len(set(named))


def test_keywords_name_the_subject(loaded_demo: LoadedDemo) -> None:
    for row in loaded_demo.rows:
        if row["asset_id"] is None:
            continue
        subject = loaded_demo.key["subjects"][row["asset_id"]]
        assert row["keywords"][:2] == [subject["noun"], subject["colour"]]
        assert subject["colour"] in subject["caption"]


def test_hostile_names_occur(loaded_demo: LoadedDemo) -> None:
    ids = {row["asset_id"] for row in loaded_demo.rows}
    titles = {row["title"] for row in loaded_demo.rows}
    stems = {Path(row["media_uri"] or "").name.rpartition(".")[0] for row in loaded_demo.rows}
    assert len(ids & set(HOSTILE_ASSET_IDS)) >= 5
    assert len(titles & set(HOSTILE_TITLES)) >= 5
    assert len(stems & set(HOSTILE_FILE_NAMES)) >= 5
    people = pq.read_table(loaded_demo.library.catalogue / "contributors.parquet").to_pylist()
    assert HOSTILE_CONTRIBUTOR_ID in {person["contributor_id"] for person in people}
    assert len({person["currency"] for person in people}) >= 8
    assert "JPY" in {person["currency"] for person in people}
    assert len(people) >= 25


def test_a_large_enough_library_has_all_hostile_names() -> None:
    plan = make_plan(0, 360)
    assert set(HOSTILE_ASSET_IDS) <= {asset.asset_id for asset in plan.assets}
    assert set(HOSTILE_TITLES) <= {asset.title for asset in plan.assets}
    stems = {Path(asset.path).name.rpartition(".")[0] for asset in plan.assets}
    assert set(HOSTILE_FILE_NAMES) <= stems


def test_a_folder_with_a_catalogue_is_not_changed(loaded_demo: LoadedDemo) -> None:
    before = _digests(loaded_demo.library.root)
    with pytest.raises(InputError, match="catalogue exists already"):
        make_library(loaded_demo.library.root, assets=90)
    assert _digests(loaded_demo.library.root) == before
