"""What people read has no words that analysts stumbled over: messages, helps, reasons and pages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.errors import counted

ROOT = Path(__file__).parents[2]

_THINGS = "rows|assets|contributors|samples|files|shards|entries|bytes|releases|workers"

# What to write instead is beside each.
WORDS = {
    r"dead letters?": "failed asset",
    r"mend(s|ed|ing)?": "fix",
    r"left out, and why": "excluded assets, by reason",
    r"deals? asks?": "the deal requires",
    r"unfit for training|fine for a look": "for demonstration only",
    r"these very inputs": "the same inputs",
    r"cures?": "how to fix",
    r"diverted": "report only",
    r"stands? in": "appears in",
    r"let it end": "wait for it to finish",
    r"(?<!there )is no (folder|file|delivery|number|valid)": "is not a …",
    r"what is bad anew|anew": "rebuild, again",
    r"the (gate|walk)": "catalogue checks, pipeline",
    rf"(?<![\w.,-])1 ({_THINGS})": "a singular",
}
_PATTERN = re.compile("|".join(rf"\b(?:{word})\b" for word in WORDS), re.IGNORECASE)
# Keys and names of programs: `gate.divert`, `dead_letter_share`.
_CODE = re.compile(r"```.*?```|`[^`]*`", re.DOTALL)


def _texts_of_code(path: Path) -> Iterator[str]:
    """The texts of a module that are no docstrings, f-strings as one text."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs:
            yield node.value


def _found(text: str) -> list[str]:
    return [match.group() for match in _PATTERN.finditer(text)]


def _modules() -> Iterator[Path]:
    for folder in ("pipelines", "schemas"):
        yield from sorted((ROOT / folder).rglob("*.py"))


def test_messages_and_helps_use_plain_words() -> None:
    found = {
        f"{path.relative_to(ROOT)}: {text[:80]!r}": words
        for path in _modules()
        for text in _texts_of_code(path)
        # a word alone is a key or a name, as in `"diverted": 3`
        if " " in text.strip() and (words := _found(text))
    }
    assert not found


def test_pages_use_plain_words() -> None:
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    found = {
        str(path.relative_to(ROOT)): words
        for path in pages
        if (words := _found(_CODE.sub("", path.read_text(encoding="utf-8"))))
    }
    assert not found


def test_expectations_and_pages_for_people_use_plain_words() -> None:
    files = [
        *sorted((ROOT / "schemas" / "expectations").glob("*.json")),
        *sorted((ROOT / "pipelines").rglob("*.js")),
    ]
    found = {
        str(path.relative_to(ROOT)): words
        for path in files
        if (words := _found(path.read_text(encoding="utf-8").replace('"divert"', "")))
    }
    assert not found


@pytest.mark.parametrize(
    "text",
    ["It is a dead letter.", "1 contributors", "Mend it.", "/x is no folder", "the deal asks"],
)
def test_the_search_finds_what_it_looks_for(text: str) -> None:
    assert _found(text)


@pytest.mark.parametrize("text", ["21 rows", "1.1 rows", "a failed asset", "recommend", "secure"])
def test_the_search_finds_nothing_else(text: str) -> None:
    assert not _found(text)


def test_one_of_a_thing_is_singular() -> None:
    assert [counted(n, "delivery", "deliveries") for n in (0, 1, 1200)] == [
        "0 deliveries",
        "1 delivery",
        "1,200 deliveries",
    ]
