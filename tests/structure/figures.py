"""The structure of the code, read from its imports: rooms, arrows, circles, what `verify` reaches.

A room is a folder with modules in it; the loose modules of `pipelines/` are a room each. An arrow
leads from a room to another that one of its modules imports.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Container, Iterable, Iterator, Mapping
from functools import cache
from pathlib import Path

import networkx

ROOT = Path(__file__).parents[2]
PACKAGES = ("pipelines", "schemas")
# The module that verifies a delivery, today and before the levels were introduced.
_VERIFIERS = ("pipelines.verify.delivery", "pipelines.verify")


@cache
def read_modules(root: Path) -> dict[str, set[str]]:
    """Every module of a checkout with the modules of the project that it imports, at any depth.

    It takes seconds, so that a process reads a checkout once; callers change nothing of it.
    """
    paths = {
        _module_of(path.relative_to(root)): path
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    return {
        name: set(_imported(ast.parse(path.read_text(encoding="utf-8")), paths.keys())) - {name}
        for name, path in paths.items()
    }


def _module_of(path: Path) -> str:
    parts = path.with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imported(tree: ast.AST, known: Container[str]) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                if inner in known:
                    yield inner
                elif node.module in known:
                    yield node.module


def room_of(module: str) -> str:
    """The room of a module."""
    package, _, rest = module.partition(".")
    if not rest:
        return package
    folder = module.rpartition(".")[0]
    return module if folder == "pipelines" else folder


def arrows(modules: Mapping[str, set[str]]) -> set[tuple[str, str]]:
    """The arrows between rooms. Packages that only open a folder belong to that folder."""
    folders = {name for name in modules if any(other.startswith(f"{name}.") for other in modules)}

    def room(module: str) -> str:
        return module if module in folders else room_of(module)

    found = {(room(module), room(other)) for module, others in modules.items() for other in others}
    return {(one, other) for one, other in found if one != other}


def levels() -> list[list[str]]:
    """The levels from the top down, as the contract in pyproject.toml names their folders."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    layers = next(item["layers"] for item in contracts if item["id"] == "levels")
    named = [[name.strip() for name in layer.split(":")] for layer in layers]
    return [[f"pipelines.{name}" for name in level] for level in named] + [["schemas"]]


def upward(modules: Mapping[str, set[str]]) -> list[tuple[str, str]]:
    """Imports from a lower level to a higher one."""
    height = {name: -depth for depth, level in enumerate(levels()) for name in level}

    def at(module: str) -> int | None:
        return height.get(".".join(module.split(".")[: 1 if module.startswith("schemas") else 2]))

    found = []
    for module, others in sorted(modules.items()):
        for other in sorted(others):
            low, high = at(module), at(other)
            if low is not None and high is not None and high > low:
                found.append((module, other))
    return found


def circles(edges: Iterable[tuple[str, str]]) -> list[set[str]]:
    """Groups of modules, or of rooms, each of which reaches every other of its group."""
    components = networkx.strongly_connected_components(networkx.DiGraph(list(edges)))
    return [set(group) for group in components if len(group) > 1]


def reached(modules: Mapping[str, set[str]], start: str) -> set[str]:
    """The modules that importing one imports, itself not counted."""
    found, todo = set[str](), [start]
    while todo:
        for other in modules[todo.pop()] - found:
            found.add(other)
            todo.append(other)
    return found - {start}


def figures(modules: Mapping[str, set[str]]) -> dict[str, int]:
    """What docs/architecture.md states of the structure."""
    verifier = next(name for name in _VERIFIERS if name in modules)
    between = arrows(modules)
    circling = circles(between)
    return {
        "modules": len(modules),
        "rooms": len({room_of(module) for module in modules}),
        "arrows between rooms": len(between),
        "arrows that are part of a circle of rooms": sum(
            one in group and other in group for one, other in between for group in circling
        ),
        "circles of modules": len(
            circles((name, other) for name, others in modules.items() for other in others)
        ),
        "imports from a level to a higher one": len(upward(modules)),
        "modules that verify reaches": len(reached(modules, verifier)),
    }
