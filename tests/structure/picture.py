"""The picture in docs/architecture.md, drawn from the code: levels as bands, folders as boxes.

A line leads down from a folder to the folders on lower levels that it imports; a line that follows
from others is left out. Imports within one level are listed by name below the box, so that no line
runs sideways.
"""

from __future__ import annotations

from collections.abc import Mapping
from html import escape

import networkx

from tests.structure.figures import ROOT, arrows, levels

PICTURE = ROOT / "docs" / "architecture.svg"
# Rows of the picture from the top down: what a level is called, and how many layers of the contract
# (or `schemas`) it holds.
_ROWS = (("front", 3), ("steps", 1), ("products", 1), ("run", 1), ("pure", 1), ("ground", 2))
_WIDTH, _MARGIN, _LABEL = 1120, 16, 88
_BOX_HEIGHT, _GAP = 44, 74


def picture(modules: Mapping[str, set[str]]) -> str:
    """The picture as SVG text.

    Args:
        modules: Every module with those that it imports; see `figures.read_modules`.
    """
    bands, places = list(rows().values()), dict[str, tuple[float, float, float]]()
    for number, names in enumerate(bands):
        width = (_WIDTH - _LABEL - _MARGIN) / len(names)
        top = _MARGIN + number * (_BOX_HEIGHT + _GAP)
        for at, name in enumerate(names):
            places[name] = (_LABEL + at * width + 4, top, width - 8)
    height = _MARGIN * 2 + len(bands) * (_BOX_HEIGHT + _GAP) - _GAP
    edges = _folder_arrows(modules)
    level_of = {name: number for number, names in enumerate(bands) for name in names}
    lines = [
        _line(places[one], places[other])
        for one, other in sorted(
            networkx.transitive_reduction(networkx.DiGraph(sorted(edges))).edges
        )
        if level_of[one] < level_of[other]
    ]
    beside: dict[str, list[str]] = {}
    for one, other in sorted(edges):
        if level_of[one] == level_of[other]:
            beside.setdefault(one, []).append(_short(other))
    sizes = {name: sum(_folder(module) == name for module in modules) for name in places}
    boxes = [_box(name, places[name], sizes[name], beside.get(name, [])) for name in sorted(places)]
    titles = [
        f'<text x="{_MARGIN}" y="{_MARGIN + number * (_BOX_HEIGHT + _GAP) + 26}" '
        f'class="level">{title}</text>'
        for number, (title, _) in enumerate(_ROWS)
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" '
            'role="img" aria-label="Levels of the code and the imports between its folders">',
            _STYLE,
            f'<rect width="{_WIDTH}" height="{height}" class="page"/>',
            *lines,
            *titles,
            *boxes,
            "</svg>",
            "",
        ]
    )


_STYLE = """<style>
text { font-family: system-ui, sans-serif; font-size: 13px; fill: #1b2733; }
.page { fill: #ffffff; }
.level { font-weight: 600; fill: #5b6b7b; }
.box { fill: #eef4fb; stroke: #7a9cc0; }
.beside { font-size: 9.5px; fill: #5b6b7b; }
path { fill: none; stroke: #9fb3c8; stroke-opacity: 0.55; }
</style>"""


def rows() -> dict[str, list[str]]:
    """The six levels from the top down, by name, with their folders."""
    named, found = levels(), {}
    for title, count in _ROWS:
        found[title] = [name for level in named[:count] for name in level]
        named = named[count:]
    return found


def _folder(module: str) -> str:
    """The folder on a level that a module belongs to; `pipelines.cli` is one of its own."""
    parts = module.split(".")
    return "schemas" if parts[0] == "schemas" else ".".join(parts[:2])


def _folder_arrows(modules: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    known = {name for row in rows().values() for name in row}
    found = {(_folder(one), _folder(other)) for one, other in arrows(modules)}
    return {(one, other) for one, other in found if one != other and {one, other} <= known}


def _short(name: str) -> str:
    return name.removeprefix("pipelines.")


def _line(one: tuple[float, float, float], other: tuple[float, float, float]) -> str:
    x1, y1 = one[0] + one[2] / 2, one[1] + _BOX_HEIGHT
    x2, y2 = other[0] + other[2] / 2, other[1]
    bend = (y2 - y1) * 0.5
    return (
        f'<path d="M{x1:.0f},{y1:.0f} C{x1:.0f},{y1 + bend:.0f} '
        f'{x2:.0f},{y2 - bend:.0f} {x2:.0f},{y2:.0f}"/>'
    )


def _box(name: str, place: tuple[float, float, float], size: int, beside: list[str]) -> str:
    x, y, width = place
    middle = x + width / 2
    modules = "module" if size == 1 else "modules"
    parts = [
        f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{_BOX_HEIGHT}" rx="6" '
        'class="box"/>',
        f'<text x="{middle:.0f}" y="{y + 20:.0f}" text-anchor="middle">'
        f"{escape(_short(name))}</text>",
        f'<text x="{middle:.0f}" y="{y + 35:.0f}" text-anchor="middle" class="beside">'
        f"{size} {modules}</text>",
    ]
    if beside:
        parts.append(
            f'<text x="{middle:.0f}" y="{y + _BOX_HEIGHT + 12:.0f}" text-anchor="middle" '
            f'class="beside">&#8594; {escape(" ".join(beside))}</text>'
        )
    return "".join(parts)
