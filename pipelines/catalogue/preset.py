"""Presets: mappings of the files that agencies' contributors export, on which a mapping may build.

A preset says what an agency's file says. What the file does not say stays unknown, until a second
table gives it.
"""

from __future__ import annotations

import copy
import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from pipelines.catalogue.mapping_values import close_matches, require_section
from schemas.errors import InputError
from schemas.presets import PRESETS

# What holds of every preset: none of these files has an id, a kind of medium or a contributor.
_ASSETS: dict[str, object] = {
    "from_file_name": ["asset_id", "media_type"],
    "base_names": ["asset_id"],
    "editorial_captions": True,
}
_SYNONYMS = {"yes": ("y", "true", "1", "1.0"), "no": ("n", "false", "0", "0.0")}
_MADE_SECTIONS = ("variants", "gathered", "first", "filled")
_APPENDED = ("ignore", "unused", "joins")


@dataclass(frozen=True)
class Preset:
    """A preset.

    Attributes:
        name: As `--preset` names it.
        agency: The agency, for people.
        header: The header row of its file.
        source: The bytes of the preset.
    """

    name: str
    agency: str
    header: str
    source: bytes

    @property
    def columns(self) -> list[str]:
        """The names in its header row."""
        return self.header.split(";" if ";" in self.header else ",")

    def document(self) -> dict[str, object]:
        """Returns the mapping that it stands for, as TOML is read."""
        raw = tomllib.loads(self.source.decode())
        tables = dict(require_section(raw["mapping"], "mapping"))
        assets = copy.deepcopy(_ASSETS) | dict(require_section(tables["assets"], "assets"))
        values = dict(require_section(assets.get("values", {}), "values"))
        own = require_section(raw["preset"], "preset")
        for column, words in require_section(own.get("words", {}), "words").items():
            values[column] = _spellings(require_section(words, column))
        assets["values"] = values
        return {"mapping": {**tables, "assets": assets, "consents": {"base_names": ["asset_id"]}}}


def _spellings(words: dict[str, object]) -> dict[str, str]:
    """Returns each word in every case, with its synonyms."""
    found: dict[str, str] = {}
    for word, ours in words.items():
        for one in (word, *_SYNONYMS.get(word, ())):
            found |= dict.fromkeys((one, one.capitalize(), one.upper()), str(ours))
    return found


@cache
def load_preset(name: str) -> Preset:
    """Returns a preset.

    Raises:
        InputError: If there is none of this name.
    """
    if name not in PRESETS:
        guesses = close_matches(name, PRESETS)
        hint = f"Did you mean {guesses[0]}? " if guesses else ""
        raise InputError(
            "There is no such preset", f"preset {name!r}", f"{hint}There are {', '.join(PRESETS)}."
        )
    source = (resources.files("pipelines.catalogue.presets") / f"{name}.toml").read_bytes()
    own = tomllib.loads(source.decode())["preset"]
    return Preset(name, own["agency"], own["header"], source)


def build_on(preset: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    """Returns a mapping that builds on a preset; where both speak of a column, its own word counts.

    Args:
        preset: From `Preset.document`.
        own: The mapping as TOML is read.
    """
    result = {key: value for key, value in own.items() if key != "mapping"}
    tables = dict(require_section(preset["mapping"], "mapping"))
    for table, raw in require_section(own.get("mapping", {}), "mapping").items():
        base = require_section(tables.get(table, {}), f"mapping.{table}")
        section = require_section(raw, f"mapping.{table}")
        tables[table] = build_table_on(base, section, f"mapping.{table}")
    return {**result, "mapping": tables}


def build_table_on(
    base: dict[str, object], own: dict[str, object], where: str
) -> dict[str, object]:
    """Returns a table's section that builds on another, as `build_on` does for all tables."""
    kept = dict(base)
    _drop_stated(kept, own, where)
    return _merged(kept, own)


def _drop_stated(base: dict[str, object], own: dict[str, object], where: str) -> None:
    """Takes out of a preset's table what the mapping says itself of a column."""
    stated: set[str] = set()
    for key in ("columns", "constants", *_MADE_SECTIONS):
        stated |= require_section(own.get(key, {}), f"{where}.{key}").keys()
    for key in _MADE_SECTIONS:
        if isinstance(found := base.get(key), dict):
            base[key] = {ours: value for ours, value in found.items() if ours not in stated}
    if isinstance(names := base.get("from_file_name"), list):
        base["from_file_name"] = [name for name in names if name not in stated]
    coded = require_section(own.get("codes", {}), f"{where}.codes")
    constants = require_section(own.get("constants", {}), f"{where}.constants")
    if isinstance(values := base.get("values"), dict):
        base["values"] = {k: v for k, v in values.items() if k not in coded and k not in constants}


def _merged(base: dict[str, object], own: dict[str, object]) -> dict[str, object]:
    result = dict(base)
    for key, value in own.items():
        before = result.get(key)
        if isinstance(before, dict) and isinstance(value, dict):
            result[key] = _merged(before, value)
        elif key in _APPENDED and isinstance(before, list) and isinstance(value, list):
            result[key] = [*before, *value]
        else:
            result[key] = value
    return result
