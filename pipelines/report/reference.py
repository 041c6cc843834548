"""Writes the generated files: JSON Schemas and the tables in docs/. `make schemas` runs it.

A test compares the committed files with the generated ones, so that the docs match the code.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines import profiles
from pipelines.catalogue import describe
from pipelines.catalogue.preset_table import header_list, presets_table
from pipelines.profiles.base import schema_text
from pipelines.report.deal_key_meanings import DEAL_KEY_MEANINGS
from pipelines.rights.rules.reasons import REASONS
from schemas.deal import Deal
from schemas.deal_agency import OptionalContact, OptionalName
from schemas.deal_faults import section_model
from schemas.deal_values import (
    MAX_INTEGER,
    AssetList,
    ByteSize,
    CalendarDate,
    Colour,
    ExactShare,
    IdPair,
    Keyword,
    OneLine,
    PayableShare,
    PixelLimit,
    ProfileName,
    TerritoryCode,
)
from schemas.exposure import Exposure
from schemas.grant import Grant
from schemas.latest import Changes, Latest
from schemas.manifest import Manifest
from schemas.notice import Notice, Reply
from schemas.profiles import profile_names
from schemas.removal_list import RemovalList
from schemas.run_record import RunRecord

ROOT = Path(__file__).resolve().parents[2]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE_DESCRIPTIONS: tuple[tuple[object, str], ...] = (
    (ByteSize, 'size: bytes, or text such as `"512MiB"`'),
    (ExactShare, 'share: text from `"0"` to `"1"`'),
    (PayableShare, 'share: text above `"0"`, up to `"1"`'),
    (TerritoryCode, 'ISO 3166-1 alpha-2 codes, or `"WORLD"` alone'),
    (CalendarDate, "date"),
    (Keyword, "texts"),
    (OneLine, "text"),
    (OptionalName, 'text, or `""`'),
    (OptionalContact, 'e-mail or `https://` address, or `""`'),
    (Colour, 'colour: red, green and blue in hex, such as `"#ffffff"`'),
    (AssetList, "file, or list: ids"),
    (IdPair, "two ids"),
    (PixelLimit, "whole number; 0 for no limit"),
    (str, "text"),
)


def fill_section(document: str, name: str, body: str) -> str:
    """Returns the document with one generated section replaced.

    Raises:
        ValueError: If the section's markers are missing.
    """
    start, end = f"<!-- {name} -->\n", f"\n<!-- end {name} -->"
    head, opened, rest = document.partition(start)
    _, closed, tail = rest.partition(end)
    if not opened or not closed:
        raise ValueError(f"the document has no section {name!r}")
    return f"{head}{start}{body}{end}{tail}"


def _table_row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def reasons_table() -> str:
    """Every reason as Markdown."""
    lines = [
        _table_row("code", "stage", "outcome", "meaning", "found in", "deal keys", "how to fix it"),
        _table_row(*["---"] * 7),
    ]
    for reason, info in REASONS.items():
        outcome = info.outcome.in_words
        source, keys = f"`{info.source}`", ", ".join(f"`{key}`" for key in info.governed_by)
        lines.append(
            _table_row(f"`{reason}`", info.stage, outcome, info.sentence, source, keys, info.remedy)
        )
    return "\n".join(lines)


class DealKey(NamedTuple):
    """A key of the deal.

    Attributes:
        name: Its dotted name.
        holds: Its type in words.
        default: Its default as TOML; "" if it has none, or is a key of a list of sections.
        required: Whether it must be given; in an optional section, if the section is given.
    """

    name: str
    holds: str
    default: str
    required: bool


def deal_keys(model: type[BaseModel] = Deal, prefix: str = "") -> Iterator[DealKey]:
    """Yields each deal key."""
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        annotation = hints[name]
        section = section_model(annotation)
        if section is not None:
            in_list = get_origin(annotation) is list
            for key in deal_keys(section, f"{prefix}{name}."):
                yield key._replace(default="") if in_list else key
        else:
            default = "" if _has_no_default(field) else _toml_default(field, annotation)
            holds = _describe_number(field) if annotation is int else _describe_type(annotation)
            yield DealKey(prefix + name, holds, default, field.is_required())


def _has_no_default(field: FieldInfo) -> bool:
    return field.is_required() or field.default is None


def number_range(field: FieldInfo) -> tuple[int, int]:
    """Returns the least and the largest value of a key that holds a whole number.

    Raises:
        ValueError: If the model does not state both.
    """
    least = [limit.ge for limit in field.metadata if hasattr(limit, "ge")]
    most = [limit.le for limit in field.metadata if hasattr(limit, "le")]
    if len(least) != 1 or len(most) != 1:
        raise ValueError(f"the model does not state one range: {field.metadata}")
    return int(str(least[0])), int(str(most[0]))


def _describe_number(field: FieldInfo) -> str:
    least, most = number_range(field)
    if most == MAX_INTEGER:
        return f"whole number, {least:,} or more"
    return f"whole number from {least:,} to {most:,}"


def _describe_type(annotation: Any) -> str:
    if type(None) in get_args(annotation):
        return _describe_type(get_args(annotation)[0])
    if get_origin(annotation) is list:
        return f"list: {_describe_type(get_args(annotation)[0])}"
    if get_origin(annotation) is Literal:
        return ", ".join(f'`"{value}"`' for value in get_args(annotation))
    if annotation == ProfileName:
        return ", ".join(f'`"{name}"`' for name in profile_names())
    for described, description in _TYPE_DESCRIPTIONS:
        if annotation == described:
            return description
    [purpose, *_] = get_args(annotation)
    if not (isinstance(purpose, type) and issubclass(purpose, StrEnum)):
        raise ValueError(f"there is no description for the type {annotation}")
    return ", ".join(f'`"{value}"`' for value in purpose)


def _toml_default(field: FieldInfo, annotation: Any) -> str:
    """Returns a default value as it is written in a deal."""
    value = field.default
    if annotation == ByteSize:
        for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value % factor == 0:
                return f'"{value // factor}{unit}"'
    return json.dumps(str(value) if isinstance(value, Decimal) else value)


def deal_table() -> str:
    """Returns the table of all deal keys as Markdown; required keys are bold."""
    lines = [_table_row("key", "holds", "default", "meaning"), _table_row(*["---"] * 4)]
    for name, holds, default, required in deal_keys():
        shown = f"**`{name}`**" if required else f"`{name}`"
        lines.append(
            _table_row(shown, holds, f"`{default}`" if default else "", DEAL_KEY_MEANINGS[name])
        )
    return "\n".join(lines)


def _section(model: type[BaseModel], name: str) -> type[BaseModel]:
    section = section_model(model.model_fields[name].annotation)
    if section is None:
        raise ValueError(f"{name} is not a section of {model.__name__}")
    return section


def _deal_schema() -> dict[str, Any]:
    """Returns the JSON Schema of a deal, with each key's meaning for editors to show."""
    schema = Deal.model_json_schema()
    for name, meaning in DEAL_KEY_MEANINGS.items():
        *sections, key = name.split(".")
        section_schema = schema
        model: type[BaseModel] = Deal
        for section in sections:
            model = _section(model, section)
            section_schema = schema["$defs"][model.__name__]
        section_schema["properties"][key]["description"] = meaning
    return schema


def _published_schema(model: type[BaseModel]) -> dict[str, Any]:
    """Returns the JSON Schema of a published document, in which every field is required."""
    schema = model.model_json_schema(mode="serialization")
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:  # an enumeration has none
            part["required"] = list(part["properties"])
    return schema


def json_schemas() -> dict[str, str]:
    """Returns the JSON Schemas, by path below the root."""
    schemas = {
        "deal": _deal_schema(),
        "manifest": _published_schema(Manifest),
        "notice": _published_schema(Notice),
        "removal-reply": _published_schema(Reply),
        "removal-list": _published_schema(RemovalList),
        "exposure": _published_schema(Exposure),
        "latest": _published_schema(Latest),
        "changes": _published_schema(Changes),
        "grant": _published_schema(Grant),
        "run": _published_schema(RunRecord),
    }
    return {
        f"schemas/jsonschema/{name}.json": json.dumps(
            {"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False
        )
        + "\n"
        for name, schema in schemas.items()
    }


def profile_schemas() -> dict[str, str]:
    """Returns the profiles' JSON Schemas, by path below the root."""
    return {
        f"schemas/profiles/{name}.json": schema_text(profiles.load_profile(name))
        for name in profiles.profile_names()
    }


def generated_pages(root: Path = ROOT) -> dict[str, str]:
    """Returns the regenerated pages that have generated parts, by path below the root."""
    rights, deal, catalogue, exports = (
        (root / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("rights", "deal", "catalogue", "agency-exports")
    )
    exports = fill_section(exports, "presets", presets_table())
    return {
        "docs/rights.md": fill_section(rights, "reasons", reasons_table()),
        "docs/deal.md": fill_section(deal, "keys", deal_table()),
        "docs/catalogue.md": describe.fill_sections(catalogue),
        "docs/agency-exports.md": fill_section(exports, "headers", header_list()),
    }


def main() -> None:
    """Writes all generated files."""
    # Write the profiles first: the names that a deal may use are read from their schemas.
    for generate in (profile_schemas, json_schemas, generated_pages):
        for path, text in generate().items():
            target = ROOT / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
