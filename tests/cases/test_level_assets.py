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
        assert ("price.levels lists an asset" in one.err) == bool(code)
        assert ("perhaps 'A-1'" in one.err) == (name == "a-1")
