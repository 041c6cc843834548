"""An asset that a level of the price names must be in the catalogue: a misspelt id moves money."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.common import check
from tests.cases.values_common import asset, csv_bytes, said
from tests.deals import deal_text
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

LEVELS = """
[[price.levels]]
name = "rare"
assets = ["{name}", "A-2"]
[[price.agency_classes]]
level = "rare"
agency_share = "0.1"
[[price.agency_classes]]
level = "other"
agency_share = "0.2"
"""


@pytest.mark.parametrize(("name", "code"), [("A-1", 0), ("a-1", 2), ("A-9", 2)])
def test_a_level_of_an_unknown_asset_stops_everything(tmp_path: Path, name: str, code: int) -> None:
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    tables = {
        "assets": [asset("A-1"), asset("A-2"), asset("A-3")],
        "contributors": [{"contributor_id": "c-1"}],
        "consents": [said()],
    }
    for table, rows in tables.items():
        (catalogue / f"{table}.csv").write_bytes(csv_bytes(rows))
    deal = tmp_path / "deal.toml"
    deal.write_text(deal_text() + LEVELS.format(name=name))
    words = ("--catalogue", catalogue, "--deal", deal, "--as-of", AS_OF)
    out = ("--out", tmp_path / "out", "--workers", 1, "--quiet")
    ended = [check(tmp_path, "--as-of", AS_OF, "--files", "none"), in_process("quote", *words)]
    if code:
        ended.append(in_process("package", *words, *out))
    for one in ended:
        assert one.code == code, one.err
        assert ("lists an asset that the catalogue does not have" in one.err) == bool(code)
        assert ("perhaps 'A-1'" in one.err) == (name == "a-1")


def test_a_pair_to_keep_with_an_unknown_asset_stops_check_and_quote(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    for table, rows in {
        "assets": [asset("A-1"), asset("A-2")],
        "contributors": [{"contributor_id": "c-1"}],
        "consents": [said()],
    }.items():
        (catalogue / f"{table}.csv").write_bytes(csv_bytes(rows))
    deal = tmp_path / "deal.toml"
    words = ("--catalogue", catalogue, "--deal", deal, "--as-of", AS_OF)
    for other, code in (("A-2", 0), ("a-2", 2)):
        deal.write_text(deal_text() + f'[select]\nkeep_both = [["A-1", "{other}"]]\n')
        ended = [check(tmp_path, "--as-of", AS_OF, "--files", "none"), in_process("quote", *words)]
        for one in ended:
            assert one.code == code, one.err
            assert ("1 asset: 'a-2', perhaps 'A-2'" in one.err) == bool(code)


def test_a_no_of_somebody_else_is_not_said_to_resemble_its_own_asset(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    for table, rows in {
        "assets": [asset("A-1"), asset("A-2")],
        "contributors": [{"contributor_id": "c-1"}, {"contributor_id": "c-2"}],
        "consents": [said(), said("deny", "c-2", asset_id="A-1")],
    }.items():
        (catalogue / f"{table}.csv").write_bytes(csv_bytes(rows))
    (tmp_path / "deal.toml").write_text(deal_text())
    ended = check(tmp_path, "--as-of", AS_OF, "--files", "none")
    assert ended.code == 2 and "consents_reach_assets" in ended.err
    assert "the asset is in the catalogue, by other contributors" in ended.err
    assert "perhaps 'A-1'" not in ended.err
