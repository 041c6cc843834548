"""Catalogues without media have the same roles and an answer for every row."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipelines.demo.metadata_only import METADATA_ROLES, ROW_GROUP_ROWS, make_metadata_only
from pipelines.demo.tables import DEMO_CONTRIBUTORS
from pipelines.rights.rules.listing import SCREENING_RULES
from schemas.catalogue import TABLES
from schemas.deal import load_deal
from schemas.errors import InputError

ROWS = 200_000


def _reasons(out: Path, column: str) -> list[list[str]]:
    values: list[Any] = pq.read_table(out / "answer_key.parquet")[column].to_pylist()
    return values


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    make_metadata_only(folder, seed=2, assets=ROWS)
    return folder


def test_tables_conform_and_row_groups_are_bounded(out: Path) -> None:
    for name, schema in (TABLES | {"contributors": DEMO_CONTRIBUTORS}).items():
        file = pq.ParquetFile(out / "catalogue" / f"{name}.parquet")
        assert file.schema_arrow.equals(schema)
        groups = range(file.num_row_groups)
        assert max(file.metadata.row_group(i).num_rows for i in groups) <= ROW_GROUP_ROWS
    assert pq.read_metadata(out / "catalogue" / "assets.parquet").num_rows == ROWS
    for name in ("deal.toml", "deal-images.toml", "deal-strict.toml"):
        load_deal(out / name)


def test_the_key_has_one_row_per_asset_in_the_same_order(out: Path) -> None:
    ids = pq.read_table(out / "catalogue" / "assets.parquet", columns=["asset_id"])["asset_id"]
    key = pq.read_table(out / "answer_key.parquet")
    assert key["asset_id"].equals(ids)
    assert set(key["role"].to_pylist()) == {role.name for role in METADATA_ROLES}


def test_every_screening_reason_is_planted_and_most_assets_are_cleared(out: Path) -> None:
    columns = ("reasons_main", "reasons_images", "reasons_strict")
    planted = {code for name in columns for codes in _reasons(out, name) for code in codes}
    # There are no films here, so no asset has a media type that a deal does not accept, and no deal
    # refuses personal data or has a profile for films or a list of
    # assets; and nothing was removed before.
    missing = {rule.code for rule in SCREENING_RULES} - planted
    profiles = {code for code in missing if code.startswith("profile.")}
    assert missing - profiles == {
        *("select.media_type", "select.not_listed", "text.personal_data", "asset.removed")
    }
    cleared = sum(not codes for codes in _reasons(out, "reasons_main"))
    assert 0.8 * ROWS < cleared < 0.95 * ROWS


def test_planted_faults_have_the_reasons_that_they_cause(out: Path) -> None:
    names = ["asset_id", "status", "exclusive", "people_count", "release_ids", "contributors"]
    assets = pq.read_table(out / "catalogue" / "assets.parquet", columns=names).to_pylist()
    reasons = _reasons(out, "reasons_main")
    ids = Counter(row["asset_id"] for row in assets)
    for row, codes in zip(assets, reasons, strict=True):
        assert (row["status"] == "withdrawn") == ("asset.withdrawn" in codes)
        assert row["exclusive"] or "licence.exclusive" not in codes
        assert (row["people_count"] is None) == ("people.unknown_count" in codes)
        assert (ids[row["asset_id"]] == 2) == ("asset.duplicate_id" in codes)
        shares = [share["share_bp"] for share in row["contributors"]]
        sound = sum(shares) == 10_000 and min(shares) > 0
        assert sound != ("splits.not_whole" in codes)
        authors = [share["contributor_id"] for share in row["contributors"]]
        assert len(set(authors)) == len(authors)


def test_releases_and_consents_refer_to_existing_rows(out: Path) -> None:
    folder = out / "catalogue"
    assets = pq.read_table(folder / "assets.parquet", columns=["asset_id", "release_ids"])
    named = {i for ids in assets["release_ids"].to_pylist() for i in ids or ()}
    listed = pq.read_table(folder / "releases.parquet")["release_id"].to_pylist()
    assert len(listed) == len(set(listed))
    assert set(listed) <= named
    unlisted = sum("release.unknown_id" in codes for codes in _reasons(out, "reasons_main"))
    assert len(named) - len(listed) == unlisted
    people = set(pq.read_table(folder / "contributors.parquet")["contributor_id"].to_pylist())
    consents = pq.read_table(folder / "consents.parquet").to_pylist()
    assert {row["contributor_id"] for row in consents} <= people
    narrow = {row["asset_id"] for row in consents} - {None}
    assert narrow <= set(assets["asset_id"].to_pylist())
    assert 0.9 * ROWS / 400 < len(people) < 1.3 * ROWS / 400


def _digests(folder: Path) -> list[str]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return [hashlib.sha256(path.read_bytes()).hexdigest() for path in files]


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        make_metadata_only(tmp_path / name, seed, 5_000)
    assert _digests(tmp_path / "a") == _digests(tmp_path / "b") != _digests(tmp_path / "c")


def test_a_catalogue_without_room_for_every_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="100 assets"):
        make_metadata_only(tmp_path, 0, 100)
