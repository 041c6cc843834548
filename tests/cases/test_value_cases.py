"""The field cases about cells, ids and references, each run by `check` and by `package`."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cases.common import case_folder, check, outcomes, package
from tests.end_to_end.command import CommandResult

pytestmark = pytest.mark.long


@dataclass(frozen=True)
class Packaged:
    """What both commands said, and each asset's reasons if the run got so far."""

    check: CommandResult
    package: CommandResult
    reasons: dict[str, list[str]]


def run_case(name: str, folder: Path, terms: str = "") -> Packaged:
    case = folder / name
    shutil.copytree(case_folder(name), case)
    with (case / "deal.toml").open("a", encoding="utf-8") as deal:
        deal.write(terms)
    checked = check(case, "--json")
    packaged = package(case, folder / "out", "--json")
    reasons = {asset: why for asset, (_, why) in outcomes(folder / "out").items()}
    return Packaged(checked, packaged, reasons)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (
            "01-orphan-consents",
            ("'123'", "perhaps '00123'", "perhaps 'c-2'", "gate.divert", "consents.contributor_id"),
        ),
        ("16-pandas-floats", ("'7.0'", "perhaps '7'", "gate.divert")),
        ("18-id-float", ("asset_id", "floating-point", "as text")),
    ],
)
def test_both_commands_stop(name: str, words: tuple[str, ...], tmp_path: Path) -> None:
    ended = run_case(name, tmp_path)
    for result in (ended.check, ended.package):
        assert result.code == 2
        missing = [word for word in words if word not in result.err]
        assert not missing, result.err


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("02-literal-null", {"A-1": ["file.denied"], "A-2": ["consent.withdrawn"]}),
        ("08-int96", {"A-1": []}),
        ("09-same-subject", {"A-1": ["release.model_missing"]}),
        ("10-same-day", {"A-1": ["consent.withdrawn"], "A-2": ["consent.withdrawn"]}),
        ("28-capital-values", {"A-1": [], "A-2": [], "A-3": []}),
        ("35-revoked-twin", {"A-1": ["release.model_missing", "release.revoked"]}),
        ("38-day-of-shoot", {"A-1": []}),
    ],
)
def test_decisions(name: str, expected: dict[str, list[str]], tmp_path: Path) -> None:
    ended = run_case(name, tmp_path)
    assert ended.check.code == ended.package.code, ended.check.err
    found = {asset: why for asset, why in ended.reasons.items() if asset in expected}
    assert found == expected, ended.package.err


def test_a_diverted_rule_is_reported_everywhere(tmp_path: Path) -> None:
    rules = ["consents_reach_contributors", "consents_reach_assets"]
    ended = run_case("01-orphan-consents", tmp_path, f"\n[gate]\ndivert = {rules}\n")
    [reading] = tmp_path.rglob("agency/reading.json")
    kept = json.loads(reading.read_text())["reported_rules"]
    for reported in (ended.check.json["reported"], ended.package.json["reported_rules"], kept):
        assert [found["rule"] for found in reported] == rules
        assert {'="c-2"', "123"} <= set(reported[0]["examples"])
        assert reported[1]["examples"] == ["a-5.jpg"]
    # What only the form of Unicode and what is not seen kept apart has found its author.
    assert ended.reasons["A-3"] == ended.reasons["A-4"] == ["consent.withdrawn"]


def test_absent_words_and_capitals_are_said(tmp_path: Path) -> None:
    absent = run_case("02-literal-null", tmp_path / "absent").check.json["absent"]
    assert absent == {"consents.agreement_ref": 2, "consents.asset_id": 1}
    respelled = run_case("28-capital-values", tmp_path / "capitals").check.json["respelled"]
    assert respelled["assets.status"] == 3
