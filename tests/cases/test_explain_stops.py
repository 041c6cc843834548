"""`explain` agrees with `check` on a catalogue that stops a run, whichever row is at fault."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cases.values_common import DEAL, Row, asset, release, said, write_csv
from tests.end_to_end.command import AS_OF
from tests.end_to_end.small_library import in_process

WHO = [{"contributor_id": "bolly"}]
RULES = {
    "consents_reach_contributors": {"consents": [said("deny", "Bolly")]},
    "consents_reach_assets": {"consents": [said("deny", "bolly", asset_id="A-l")]},
    "revocations_reach_assets": {"releases": [release(revoked_at="2026-01-01T00:00:00Z")]},
    "splits_sum": {"assets": [asset("A-2", contributors="bolly:9999")]},
}


@pytest.mark.parametrize("rule", RULES)
def test_the_other_commands_and_explain_agree(rule: str, tmp_path: Path) -> None:
    good: dict[str, list[Row]] = {
        "assets": [asset("A-1", "bolly")],
        "consents": [said(contributor="bolly")],
        "releases": [],
    }
    tables = {name: [*rows, *RULES[rule].get(name, [])] for name, rows in good.items()}
    write_csv(tmp_path / "c", contributors=WHO, **{k: rows for k, rows in tables.items() if rows})
    deal = tmp_path / "deal.toml"
    words = ["--catalogue", tmp_path / "c", "--deal", deal, "--as-of", AS_OF, "--json"]

    deal.write_text(DEAL, encoding="utf-8")
    checked = in_process("check", *words, "--files", "none")
    explained = in_process("explain", "A-1", *words)
    assert (checked.code, explained.code) == (2, 0)
    [warning] = explained.json["warnings"]
    assert rule in warning and rule in checked.err
    assert explained.json["why_no_file"].endswith("a run would stop before.")

    deal.write_text(f'{DEAL}[gate]\ndivert = ["{rule}"]\n', encoding="utf-8")
    checked = in_process("check", *words, "--files", "none")
    explained = in_process("explain", "A-1", *words, "--no-fetch")
    assert (checked.code, explained.code) == (0, 0)
    assert explained.json["warnings"] == []
    assert explained.json["reported_rules"] == checked.json["reported"]
    named = [found["rule"] for found in explained.json["reported_rules"]]
    assert named == ([] if rule == "splits_sum" else [rule])
