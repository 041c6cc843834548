"""docs/versions.md states the format numbers that the code has."""

from __future__ import annotations

import importlib
import re
from typing import get_args

from pipelines.verify.state import _STATE_FORMAT
from schemas.manifest import Manifest
from tests.structure.figures import ROOT

TEXT = (ROOT / "docs" / "versions.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| [^|]+ \| `([\w/]+)\.py(?::(\w+))?`([^|]*)\| `([^`]+)` \|", re.MULTILINE)


def stated() -> dict[tuple[str, str], str]:
    """The numbers of the page, by module and constant, or by module and field."""
    found = {}
    for path, constant, field, value in ROW.findall(TEXT):
        named = re.search(r"`(\w+)`", field)
        found[path.replace("/", "."), named[1] if named else constant] = value
    return found


def test_the_numbers_are_those_of_the_code() -> None:
    numbers = stated()
    assert len(numbers) >= 8
    *_, manifest = get_args(Manifest.model_fields["fairshard_manifest"].annotation)
    assert numbers.pop(("schemas.manifest", "fairshard_manifest")) == str(manifest)
    assert numbers.pop(("pipelines.verify.state", "fairshard_state")) == str(_STATE_FORMAT)
    for (module, constant), value in numbers.items():
        assert str(getattr(importlib.import_module(module), constant)) == value, constant


def test_every_format_number_of_the_code_is_on_the_page() -> None:
    constants = {
        (f"{path.relative_to(ROOT).with_suffix('')}".replace("/", "."), name)
        for package in ("pipelines", "schemas")
        for path in (ROOT / package).rglob("*.py")
        for name in re.findall(
            r"^([A-Z]\w*_VERSION) = ", path.read_text(encoding="utf-8"), re.MULTILINE
        )
    }
    others = {("pipelines.format.energon", "ENERGON_VERSION")}  # a format of others
    assert constants - others <= set(stated())
