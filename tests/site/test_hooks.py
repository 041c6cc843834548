"""What the site makes of links and names that were written for the repository."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def hooks() -> ModuleType:
    spec = importlib.util.spec_from_file_location("site_hooks", ROOT / "infra/site/hooks.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("source", "page", "text", "expected"),
    [
        ("README.md", "index.md", "[a](docs/deal.md#keys)", "[a](deal.md#keys)"),
        ("docs/deal.md", "deal.md", "[a](models.md)", "[a](models.md)"),
        ("docs/deal.md", "deal.md", "[a](#keys)", "[a](#keys)"),
        ("docs/deal.md", "deal.md", "[a](https://x.example/)", "[a](https://x.example/)"),
        ("docs/deal.md", "deal.md", "[a](../README.md)", "[a](index.md)"),
        (
            "docs/profiles.md",
            "profiles.md",
            "[a](../pipelines/media/shot_rules.py)",
            "[a](reference/pipelines/media/shot_rules.md)",
        ),
        ("docs/profiles.md", "profiles.md", "[a](../schemas/profiles/)", "a"),
        (
            "CONTRIBUTING.md",
            "contributing/index.md",
            "[a](docs/contributing/add-a-store.md)",
            "[a](add-a-store.md)",
        ),
        (
            "docs/x.md",
            "x.md",
            "see `pipelines/format/tar.py:TarWriter.add`.",
            "see [`pipelines/format/tar.py:TarWriter.add`]"
            "(reference/pipelines/format/tar.md#pipelines.format.tar.TarWriter.add).",
        ),
        (
            "docs/x.md",
            "x.md",
            "`schemas/ledger.py:FULL_SPLIT_BP`",
            "[`schemas/ledger.py:FULL_SPLIT_BP`](reference/schemas/ledger.md)",
        ),
        ("docs/x.md", "x.md", "`pipelines/none.py`", "`pipelines/none.py`"),
        ("docs/x.md", "x.md", "# `schemas/deal.py`", "# `schemas/deal.py`"),
        (
            "docs/x.md",
            "x.md",
            "```\n[a](../README.md) `schemas/deal.py`\n```",
            "```\n[a](../README.md) `schemas/deal.py`\n```",
        ),
        ("docs/x.md", "x.md", "[a](../nothing.md)", "[a](../nothing.md)"),
    ],
)
def test_links(hooks: ModuleType, source: str, page: str, text: str, expected: str) -> None:
    assert hooks.rewrite(text, source, page) == expected


def test_every_page_is_in_the_contents_of_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    listed = set(re.findall(r"^\| \[(docs/[\w/-]+\.md)\]", readme, re.MULTILINE))
    there = {path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md")}
    assert listed == there
