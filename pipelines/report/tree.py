"""Prints a folder as a short tree: folders down to a depth, files by name or pattern."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

_LEADING_LETTERS = re.compile(r"[A-Za-z]+")
_MAX_NAME_LENGTH = 26
# Their contents are for programs.
_NOT_OPENED = frozenset({"attestations", "books", "features", "media", "tile"})


def tree_lines(root: Path, depth: int) -> Iterator[str]:
    """Yields the lines of a tree, indented by two spaces per level.

    Args:
        root: The folder at the top.
        depth: How many levels of folders below it are shown.
    """
    yield from _lines(root, root.name, 0, depth)


def _lines(folder: Path, name: str, level: int, depth: int) -> Iterator[str]:
    children = sorted(folder.iterdir())
    folders = [child for child in children if child.is_dir()]
    files = [child.name for child in children if child.is_file()]
    yield (f"{'  ' * level}{name}/".ljust(28) + "  ".join(_name_patterns(files))).rstrip()
    if level == depth or name in _NOT_OPENED:
        return
    for child in folders:
        yield from _lines(child, child.name, level + 1, depth)


def _name_patterns(files: list[str]) -> list[str]:
    """Returns file names, with names of the same prefix and ending joined into one pattern."""
    by_pattern: dict[str, list[str]] = defaultdict(list)
    for name in files:
        path = Path(name)
        start = _LEADING_LETTERS.match(path.stem)
        by_pattern[f"{start[0] if start else ''}*{path.suffix}"].append(name)
    return sorted(
        pattern if len(names) > 1 or len(names[0]) > _MAX_NAME_LENGTH else names[0]
        for pattern, names in by_pattern.items()
    )
