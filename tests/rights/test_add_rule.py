"""A new rule is one record in one file: screening, traces, docs and ODRL follow from it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
RULES = Path("pipelines/rights/rules")

ASSET_RULE = """\
    Rule(
        code="language.not_english",
        topic=Topic(14, "language", lambda traced: one_line(traced.row["language"])),
        where=lambda batch: ~one_of(batch.column("language"), ["en"]),
        columns=("language",),
        sentence="The asset is not described in English.",
        remedy="Describe it in English.",
    ),
"""
RELEASE_RULE = """\
    _rule(
        "release.endless",
        ReleaseFault(("valid_until",), alone=lambda part: ~is_present(part.column("valid_until"))),
        "A needed release has no last day.",
        "releases.valid_until",
        "Have a last day agreed.",
    ),
"""


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    for name in ("pipelines", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def add_record(file: Path, record: str) -> None:
    """Appends a record to a module's rules."""
    text = file.read_text()
    end = ")\n"
    assert text.endswith(f"    ),\n{end}")
    file.write_text(text.removesuffix(end) + record + end)


def what_it_says(root: Path) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-c", "from tests.rights.what_a_tree_says import main; main()"],
        cwd=root,
        env={"PYTHONPATH": f"{root}:{ROOT}", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


@pytest.mark.long
def test_asset_is_cleared_without_the_new_rule(copied: Path) -> None:
    answer = what_it_says(copied)
    assert answer["codes"] == answer["odrl"] == answer["docs"] == []
    assert answer["detail"] is None and "language" not in answer["said"]


@pytest.mark.long
def test_asset_rule_is_one_record(copied: Path) -> None:
    add_record(copied / RULES / "selection.py", ASSET_RULE)
    answer = what_it_says(copied)
    assert answer["codes"] == ["language.not_english"]
    assert answer["detail"] == "language=not stated"
    assert answer["seen"] == {"language.not_english": ["language=not stated"]}
    assert answer["rules"] == {"language": ["language.not_english"]}
    assert answer["said"]["language"] == "not stated"
    assert answer["docs"] == [
        "| `language.not_english` | screen | refused | The asset is not described in English. "
        "| `assets.language` |  | Describe it in English. |"
    ]
    [reason] = answer["odrl"]
    assert reason == {
        "code": "language.not_english",
        "sentence": "The asset is not described in English.",
        "foundIn": "assets.language",
        "howToFix": "Describe it in English.",
        "stage": "screen",
    }


@pytest.mark.long
def test_release_rule_is_one_record(copied: Path) -> None:
    add_record(copied / RULES / "release_faults.py", RELEASE_RULE)
    answer = what_it_says(copied)
    # The asset's only release is now invalid; the missing release is listed before its cause.
    assert answer["codes"] == ["release.model_missing", "release.endless"]
    assert answer["detail"] == "people_count=1; release_ids=[r-1]"
    assert answer["seen"]["release.endless"] == ["release_ids=[r-1]", "r-1: valid_until=not stated"]
    assert answer["rules"] == {"releases": ["release.model_missing", "release.endless"]}
    assert [node["code"] for node in answer["odrl"]] == answer["codes"]
    assert len(answer["docs"]) == 2
