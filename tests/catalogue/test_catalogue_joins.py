"""A joined file adds columns by a key, and none of its rows is passed over."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.catalogue.checks import prepare_checks
from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from schemas.errors import InputError
from tests.cases.test_references import ALTERED, IDS, altered
from tests.cases.values_common import (
    DEAL,
    Row,
    asset,
    csv_bytes,
    deal,
    decide,
    release,
    said,
    write_csv,
)
from tests.end_to_end.small_library import in_process

pytestmark = pytest.mark.long

MAPPING = '[[mapping.assets.joins]]\nfile = "rights.csv"\n'


def library(
    folder: Path, rights: Sequence[Row], mapping: str = MAPPING, assets: Sequence[Row] = ()
) -> Path:
    rows = [dict(row) for row in assets] or [asset("A-1"), asset("A-2"), asset("A-3")]
    joined = {name for row in rights for name in row} - {"asset_id"}
    write_csv(
        folder,
        assets=[{k: v for k, v in row.items() if k not in joined} for row in rows],
        contributors=[{"contributor_id": "c-1"}],
        consents=[said()],
    )
    (folder / "rights.csv").write_bytes(csv_bytes(rights))
    (folder / "mapping.toml").write_text(mapping, encoding="utf-8")
    return folder


def column(folder: Path, name: str) -> list[Any]:
    return list(read_table(open_catalogue(str(folder)), "assets")[name].to_pylist())


def test_columns_are_added_by_the_key(tmp_path: Path) -> None:
    rights = [
        {"asset_id": " A-3", "sensitive": "true", "territories_out": "US;CA"},
        {"asset_id": "A-1", "sensitive": "No", "territories_out": ""},
    ]
    folder = library(tmp_path, rights)
    assert column(folder, "sensitive") == [False, None, True]
    assert column(folder, "territories_out") == [None, None, ["US", "CA"]]
    cleared = decide(folder, deal()).cleared
    assert cleared == ["A-1", "A-2"] or cleared == ["A-1"]
    assert "A-3" not in cleared


def test_an_asset_without_a_row_lacks_what_is_required(tmp_path: Path) -> None:
    folder = library(tmp_path, [{"asset_id": "A-1", "status": "active"}])
    assert decide(folder, deal()).reasons == {
        "A-1": "",
        "A-2": "row.unreadable",
        "A-3": "row.unreadable",
    }


def test_names_and_values_are_mapped(tmp_path: Path) -> None:
    mapping = (
        f'{MAPPING}key = "asset_id"\ncolumns = {{ asset_id = "Image No", status = "State" }}\n'
        'values.status = { "On sale" = "active", "Gone" = "withdrawn" }\n'
        'ignore = ["Licence text"]\n'
        'csv.separator = ";"\n'
    )
    rights = [{"Image No": f"A-{i}", "State": "On sale", "Licence text": "-"} for i in (1, 2)]
    rights += [{"Image No": "A-3", "State": "Gone", "Licence text": "-"}]
    folder = library(tmp_path, rights, mapping)
    (folder / "rights.csv").write_bytes(csv_bytes(rights).replace(b",", b";"))
    rows = [{k: v for k, v in asset(f"A-{i}").items() if k != "status"} for i in (1, 2, 3)]
    (folder / "assets.csv").write_bytes(csv_bytes(rows))
    assert column(folder, "status") == ["active", "active", "withdrawn"]


def test_a_key_with_two_values_stops_the_run(tmp_path: Path) -> None:
    same = [{"asset_id": "A-1", "sensitive": "true"}] * 2
    folder = library(tmp_path, [*same, {"asset_id": "A-2", "sensitive": ""}])
    assert column(folder, "sensitive") == [True, None, None]
    rows = prepare_checks(open_catalogue(str(folder)), deal(), 0).watch.joins[0].count
    assert (rows.rows, rows.repeated) == (2, 1)
    for other in ("false", ""):
        rights = [same[0], {"asset_id": "A\u200b-1", "sensitive": other}]
        with pytest.raises(InputError, match=r"has two values.*'A-1': sensitive is True"):
            column(library(tmp_path, rights), "sensitive")


NO: dict[str, str] = {
    "status": "withdrawn",
    "licence_class": "editorial",
    "sensitive": "true",
    "exclusive": "yes",
    "minors": "1",
    "people_count": "2",
    "territories_in": "NO",
    "territories_out": "US",
    "valid_until": "2020-01-01",
    "grant_train_gen": "deny",
    "release_ids": "R-9",
    "licence_code": "CC-BY-NC-4.0",
}
YES = {"status": "active", "licence_class": "creative", "sensitive": "no", "people_count": "0"}


@pytest.mark.parametrize("name", sorted(NO))
def test_a_no_that_reaches_nobody_stops_the_run(name: str, tmp_path: Path) -> None:
    harmless = asset().get(name, "")
    rights: list[Row] = [{"asset_id": f"A-{i}", name: harmless} for i in (1, 2, 3)]
    rights.append({"asset_id": "a-1", name: NO[name]})
    folder = library(tmp_path, rights)
    stopped = decide(folder, deal()).stopped
    for words in ("joined_rows_reach_tables", "'a-1'", "perhaps 'A-1'", "rights.csv"):
        assert words in stopped
    diverted = decide(folder, deal('[gate]\ndivert = ["joined_rows_reach_tables"]'))
    assert not diverted.stopped
    other = [*rights[:3], {"asset_id": "a-1", name: harmless}]
    assert not decide(library(tmp_path, other), deal()).stopped


@pytest.mark.parametrize("kind", ["--json", "--quiet"])
def test_check_and_package_count_the_rows(kind: str, tmp_path: Path) -> None:
    rights: list[Row] = [{"asset_id": f"A-{i}", "sensitive": "no"} for i in (1, 1, 2, 3, 7)]
    folder = library(tmp_path / "catalogue", [*rights, {"asset_id": "", "sensitive": ""}])
    (tmp_path / "deal.toml").write_text(DEAL, encoding="utf-8")
    words = ("--catalogue", folder, "--deal", tmp_path / "deal.toml")
    counts = {"read": 6, "used": 3, "failed": 0, "blank": 1, "repeated": 1, "unmatched": 1}
    if kind == "--json":
        found = json.loads(in_process("check", *words, "--files", "none", "--json").out)
        assert found["reading"]["rows"]["rights.csv"] == counts
        assert found["reading"]["columns"]["rights.csv"]["read"] == 2
        assert found["reading"]["files"]["tables"]["joined files"] == 1
        assert found["other_references"] == {"joined_rows_without_rights": 1}
        return
    more = ("--out", tmp_path / "out", "--as-of", "2026-06-30", "--workers", 1, kind)
    in_process("package", *words, *more)
    [record] = tmp_path.rglob("agency/reading.json")
    assert json.loads(record.read_text())["catalogue"]["rows"]["rights.csv"] == counts


REFUSED = [
    ([{"asset_id": "A-1", "statuss": "withdrawn"}], MAPPING, "would not be read"),
    ([{"asset_id": "A-1", "note": "x"}], MAPPING, "does not add to it"),
    ([{"id": "A-1", "sensitive": "no"}], MAPPING, r"lacks the column asset_id"),
    ([{"asset_id": "A-1", "sensitive": "perhaps"}], MAPPING, "no row of this file"),
    ([{"asset_id": "NULL", "sensitive": "yes"}], MAPPING, "asset_id = '': missing"),
    ([{"asset_id": "A-1", "sensitive": "no"}], f'{MAPPING}key = "weight"', "unknown key"),
    ([{"asset_id": "A-1", "sensitive": "no"}], "[mapping.assets]\njoins = 3", "list of TOML"),
    ([{"asset_id": "A-1", "sensitive": "no"}], "[[mapping.assets.joins]]", "names no file"),
    ([{"asset_id": "A-1", "sensitive": "no"}], MAPPING * 2, "names a file twice"),
    (
        [{"asset_id": "A-1", "sensitive": "no"}],
        MAPPING.replace("assets", "releases").replace(
            "]\n", ']\ncolumns.release_id = "asset_id"\n'
        ),
        "sensitive' may say|not there",
    ),
]


@pytest.mark.parametrize(("rights", "mapping", "why"), REFUSED)
def test_what_is_not_certain_stops_the_run(
    rights: list[Row], mapping: str, why: str, tmp_path: Path
) -> None:
    folder = library(tmp_path, rights, mapping)
    with pytest.raises(InputError, match=why):
        column(folder, "asset_id")


def test_a_column_that_the_table_has_too_stops_the_run(tmp_path: Path) -> None:
    folder = library(tmp_path, [{"asset_id": "A-1", "sensitive": "no"}])
    (folder / "assets.csv").write_bytes(csv_bytes([asset()]))
    with pytest.raises(InputError, match="sensitive, which is joined from another file"):
        column(folder, "asset_id")


@pytest.mark.parametrize(
    "stated",
    ["constants]\nsensitive = false", "values.sensitive]\nno = true", "columns]\nsensitive = 'x'"],
)
def test_nothing_in_the_tables_section_may_hide_a_joined_column(
    stated: str, tmp_path: Path
) -> None:
    mapping = f"[mapping.assets.{stated}\n{MAPPING}"
    folder = library(tmp_path, [{"asset_id": "A-1", "sensitive": "yes"}], mapping)
    with pytest.raises(InputError, match=r"joined column.*rights\.csv has"):
        column(folder, "sensitive")


def test_releases_and_contributors_may_be_joined(tmp_path: Path) -> None:
    folder = write_csv(
        tmp_path,
        assets=[asset(people_count="1", release_ids="R-1")],
        contributors=[{"contributor_id": "c-1"}],
        consents=[said()],
        releases=[{k: v for k, v in release().items() if k not in ("revoked_at", "ml_use")}],
    )
    rows = [{"release_id": "R-1", "revoked_at": "2026-01-01T00:00:00Z", "ml_use": "allow"}]
    mapping = MAPPING.replace("assets", "releases")
    (folder / "rights.csv").write_bytes(csv_bytes(rows))
    (folder / "mapping.toml").write_text(mapping)
    assert "release.revoked" in decide(folder, deal()).reasons["A-1"]
    lost = [rows[0] | {"release_id": "r-1"}]
    (folder / "rights.csv").write_bytes(csv_bytes(lost))
    stopped = decide(folder, deal()).stopped
    assert "perhaps 'R-1'" in stopped


def is_lost(who: str, names: list[str], first: bool, folder: Path) -> bool:
    rights: list[Row] = [{"asset_id": who, "sensitive": ""}]
    rights.append({"asset_id": altered(who, names), "sensitive": "true"})
    library(folder, rights[::-1] if first else rights, assets=[asset(who)])
    return bool(decide(folder, deal(), gate=False).cleared)


ALTERATIONS = st.lists(st.sampled_from(sorted(ALTERED)), min_size=1, max_size=3)


@settings(max_examples=25)
@given(who=st.sampled_from(IDS), names=ALTERATIONS, first=st.booleans())
def test_no_generated_no_is_lost(
    who: str, names: list[str], first: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert not is_lost(who, names, first, tmp_path_factory.mktemp("c"))


@pytest.mark.slow
@settings(max_examples=10_000)
@given(who=st.sampled_from(IDS), names=ALTERATIONS, first=st.booleans())
def test_no_generated_no_is_lost_at_length(
    who: str, names: list[str], first: bool, tmp_path_factory: pytest.TempPathFactory
) -> None:
    assert not is_lost(who, names, first, tmp_path_factory.mktemp("c"))


def test_every_batch_is_joined(tmp_path: Path) -> None:
    assets = [asset(f"A-{i}") for i in range(40)]
    rights = [{"asset_id": f"A-{i}", "sensitive": str(i % 2)} for i in range(40)]
    catalogue = open_catalogue(str(library(tmp_path, rights, assets=assets)))
    found: list[Any] = []
    for batch in read_batches(catalogue.parts("assets")[0], catalogue.mapping, 7):
        found += batch.table["sensitive"].to_pylist()
    assert found == [bool(i % 2) for i in range(40)]
