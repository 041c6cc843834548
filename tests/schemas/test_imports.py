"""Beam stays where the graph is: nouns and rules can be used without it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = sorted(
    path.relative_to(ROOT).as_posix()
    for folder in ("schemas", "pipelines")
    for path in (ROOT / folder).rglob("*.py")
)
GRAPH = {"pipelines/steps/package.py", "pipelines/steps/runner.py", "pipelines/steps/worker.py"}
# Commands start the graph, a repair starts it again, and the report shows what came of it.
STARTS_THE_GRAPH = ("pipelines/commands/", "pipelines/report/", "pipelines/repair/remake.py")


def may_use_beam(source: str) -> bool:
    inside = source.startswith("pipelines/") and Path(source).name == "transforms.py"
    return inside or source in GRAPH


def imports(text: str) -> set[str]:
    """Every module that a text imports, at any depth, by whatever form of import."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = "." * node.level + (node.module or "")
            found |= {base, *(f"{base}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant):
            called = ast.unparse(node.func)
            if called.endswith("import_module") or called == "__import__":
                found.add(str(node.args[0].value))
    return found


def is_beam(module: str) -> bool:
    return module.split(".")[0] == "apache_beam"


@pytest.mark.parametrize(
    "text",
    [
        "import apache_beam",
        "import apache_beam.io as io",
        "from apache_beam import PTransform",
        "def f():\n    from apache_beam.io import x",
        "if x:\n    import apache_beam as beam",
        "import importlib\nimportlib.import_module('apache_beam.io')",
        "__import__('apache_beam')",
    ],
)
def test_every_form_of_import_is_seen(text: str) -> None:
    assert any(is_beam(module) for module in imports(text))


def test_there_is_something_to_look_at() -> None:
    beam = {source for source in SOURCES if may_use_beam(source)}
    assert len(beam) > len(GRAPH)
    assert all(any(map(is_beam, imports((ROOT / source).read_text()))) for source in beam)
    assert len(SOURCES) - len(beam) > 50


@pytest.mark.parametrize("source", [source for source in SOURCES if not may_use_beam(source)])
def test_the_rest_never_imports_beam(source: str) -> None:
    assert not [module for module in imports((ROOT / source).read_text()) if is_beam(module)]


@pytest.mark.parametrize("source", [source for source in SOURCES if source.startswith("schemas/")])
def test_schemas_never_import_pipelines(source: str) -> None:
    found = imports((ROOT / source).read_text())
    assert not [module for module in found if module.split(".")[0] == "pipelines"]
    assert not [module for module in found if module.startswith(".")]


@pytest.mark.parametrize("source", [source for source in SOURCES if not may_use_beam(source)])
def test_pure_modules_do_not_reach_for_the_graph(source: str) -> None:
    """Else they would bring Beam in by a detour."""
    if source.startswith(STARTS_THE_GRAPH):
        return
    graph = {path.removesuffix(".py").replace("/", ".") for path in SOURCES if may_use_beam(path)}
    assert not imports((ROOT / source).read_text()) & graph
