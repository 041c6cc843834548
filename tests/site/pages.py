"""Reads the commands of a page of docs/, with the files that it shows and what it prints."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
_BLOCK = re.compile(r"^```(\w*)(?: title=\"([^\"]+)\")?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Step:
    """A command of a page.

    Attributes:
        command: The command, on one line.
        printed: What the page shows that it prints; None if the page does not show it.
    """

    command: str
    printed: str | None


def files_of(page: str) -> dict[str, str]:
    """Returns the blocks of a page that have a file's name, by that name."""
    return {name: text for _, name, text in _blocks(page) if name}


def steps_of(page: str) -> list[Step]:
    """Returns the commands of a page in order: those of blocks without a language."""
    return [
        step
        for language, name, text in _blocks(page)
        if not language and not name
        for step in (_session(text) if text.startswith("$ ") else _commands(text))
    ]


def _blocks(page: str) -> list[tuple[str, str, str]]:
    return _BLOCK.findall((DOCS / page).read_text(encoding="utf-8"))


def _joined(text: str) -> str:
    return re.sub(r" *\\\n *", " ", text)


def _commands(text: str) -> list[Step]:
    return [Step(line, None) for line in _joined(text).splitlines()]


def _session(text: str) -> list[Step]:
    parts = re.split(r"^\$ ", _joined(text), flags=re.MULTILINE)[1:]
    found = [part.partition("\n") for part in parts]
    return [Step(command, printed) for command, _, printed in found]
