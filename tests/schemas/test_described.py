"""Tests how models are described in their JSON Schema."""

from __future__ import annotations

import subprocess
import sys

from schemas.profiles.described import DescribedModel

_IMPORTED = """
import importlib, linecache
for name in ("common", "depth", "tracks"):
    importlib.import_module(f"schemas.profiles.{name}")
print([name for name in linecache.cache if "schemas" in name])
"""


class _Part(DescribedModel):
    size: int
    """In bytes, of
    the whole."""
    name: str
    other: str
    """Something."""


class _Whole(_Part):
    other: str
    part: _Part
    """Another part."""


def _descriptions(schema: dict[str, dict[str, dict[str, str]]]) -> dict[str, str | None]:
    return {name: field.get("description") for name, field in schema["properties"].items()}


def test_fields_are_described_by_the_docstrings_below_them() -> None:
    """Inherited fields as well, but not one that is declared again."""
    schema = _Whole.model_json_schema()
    assert _descriptions(schema) == {
        "size": "In bytes, of\nthe whole.",
        "name": None,
        "other": None,
        "part": "Another part.",
    }
    assert _descriptions(schema["$defs"]["_Part"])["other"] == "Something."


def test_no_source_is_parsed_until_a_schema_is_asked_for() -> None:
    command = [sys.executable, "-c", _IMPORTED]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
