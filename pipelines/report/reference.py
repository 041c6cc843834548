"""Writes what is generated anew: JSON Schemas, and the tables in docs/. `make schemas` runs it.

A test compares what is committed with what this makes, so that the pages say what the code does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any, Literal, get_args, get_origin, get_type_hints

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from pipelines import profiles
from pipelines.catalogue import describe
from pipelines.profiles.base import schema_text
from schemas.deal import Deal
from schemas.deal_values import (
    ByteSize,
    CalendarDate,
    ExactShare,
    Keyword,
    OneLine,
    ProfileName,
    TerritoryCode,
)
from schemas.manifest import Manifest
from schemas.profiles import profile_names
from schemas.reasons import REASONS, Reason

ROOT = Path(__file__).resolve().parents[2]
_DIALECT = "https://json-schema.org/draft/2020-12/schema"

_TYPE_DESCRIPTIONS: tuple[tuple[object, str], ...] = (
    (ByteSize, 'size: bytes, or text such as `"512MiB"`'),
    (ExactShare, 'share: text from `"0"` to `"1"`'),
    (TerritoryCode, 'ISO 3166-1 alpha-2 codes, or `"WORLD"` alone'),
    (CalendarDate, "date"),
    (Keyword, "texts"),
    (OneLine, "text"),
    (str, "text"),
    (int, "whole number, 1 or more"),
)

# What a key means; its type, default and allowed values come from the model.
DEAL_KEY_MEANINGS = {
    "deal_id": "names the deal: up to 64 of a-z, 0-9 and `-`, no `-` at an end; not `agency`",
    "buyer": "who buys, on one line",
    "purposes": "what the buyer may do; `inference` is always needed besides",
    "territory": "where the buyer may do it",
    "starts": "first day of the term",
    "ends": "last day of the term, after `starts`",
    "profile": "what the delivery is for, and so what a sample carries: [profiles.md](profiles.md)",
    "media": "kinds of asset that are taken",
    "rights.editorial": "editorial material",
    "rights.ai_generated": "AI-generated material; `label` takes it and marks each sample",
    "rights.minors": "minors; `guardian-release` takes them with a guardian's release",
    "rights.people": "people; with a release, with one that has a biometric rider, or none",
    "rights.unknown_people_count": "assets of which nobody counted the people",
    "rights.sensitive": "assets marked sensitive",
    "rights.inference": "consent to captions and embeddings; `unless-denied` lets silence pass, "
    "`pack-without` delivers what lacks it without either",
    "rights.unknown_property": "assets of which nobody said whether they show protected property",
    "rights.unknown_source": "assets of which nobody said how they were made",
    "rights.non_commercial": "licence codes with NC",
    "rights.no_derivatives": "licence codes with ND",
    "rights.share_alike": "licence codes with SA, which want a review",
    "rights.ends_early": "rights that end before the deal; `until` takes and dates them",
    "rights.shoot_range": "a release's shoot dates; they must hold the asset's `created_at`",
    "rights.max_shoot_days": "days that a release may cover at most",
    "rights.witness": "a release's witness: neither subject nor contributor, and there, or anybody",
    "rights.copyright_conflicts": "files whose EXIF, IIM and XMP name different owners",
    "agreements.ref": "what the agreement is called: a number, a clause",
    "agreements.signed_at": "when it was signed; it counts from that day",
    "agreements.purposes": "for what it grants",
    "agreements.contributors": 'whose works it covers: ids, or `"all"` alone',
    "select.min_short_side": "pixels that the shorter side has at least",
    "select.keywords_any": "an asset has one of these; none listed, every asset passes",
    "select.keywords_none": "an asset has none of these",
    "select.dedupe": "which copies are left out: none, equal bytes, or look-alikes as well",
    "select.max_assets": "assets that are delivered at most",
    "models.clip": "the model that embeds; see [models.md](models.md)",
    "models.captioner": "the model that captions; see [models.md](models.md)",
    "price.currency": "ISO 4217 code in capitals",
    "price.pool": "what the buyer pays, in the currency's decimals, zero or more",
    "price.agency_share": "the agency's part of the pool; the rest is the contributors'",
    "price.allocation": "how the rest is shared: evenly, by `weight`, or by samples",
    "shards.target_bytes": "size that a shard aims at",
    "output.uri": "where deliveries go: a folder or an `s3://` prefix; not a term of the deal",
    "sources.roots": "further folders or `s3://` prefixes that media may lie under",
    "sources.hosts": "web servers that media may come from",
    "sources.trust_lists": "PEM files of the certificates that C2PA signers are trusted by",
    "gate.divert": "rules of the gate that do not stop the run; see below",
    "limits.dead_letter_share": "share of the catalogue's rows that may be dead letters",
    "limits.max_pixels": "pixels of a picture, or of a film's frame, at most",
    "limits.max_media_bytes": "bytes of a file at most",
}


def fill_section(document: str, name: str, body: str) -> str:
    """The document with one generated section written anew.

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
    """Every reason as Markdown, in the order of the enumeration."""
    lines = [
        _table_row(
            "code", "stage", "outcome", "meaning", "found in", "deal keys", "what clears it"
        ),
        _table_row(*["---"] * 7),
    ]
    for reason in Reason:
        info = REASONS[reason]
        outcome = info.outcome.replace("_", " ")
        source, keys = f"`{info.source}`", ", ".join(f"`{key}`" for key in info.governed_by)
        lines.append(
            _table_row(f"`{reason}`", info.stage, outcome, info.sentence, source, keys, info.remedy)
        )
    return "\n".join(lines)


def deal_keys(model: type[BaseModel] = Deal, prefix: str = "") -> Iterator[tuple[str, str, str]]:
    """Each key of a deal: its name, what it holds, and its default in TOML ("" if it has none)."""
    hints = get_type_hints(model, include_extras=True)
    for name, field in model.model_fields.items():
        annotation = hints[name]
        item_type = get_args(annotation)[0] if get_origin(annotation) is list else annotation
        if isinstance(item_type, type) and issubclass(item_type, BaseModel):
            yield from deal_keys(item_type, f"{name}.")
        else:
            default = "" if field.is_required() else _toml_default(field, annotation)
            yield prefix + name, _describe_type(annotation), default


def _describe_type(annotation: Any) -> str:
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
        raise ValueError(f"nothing says in words what {annotation} holds")
    return ", ".join(f'`"{value}"`' for value in purpose)


def _toml_default(field: FieldInfo, annotation: Any) -> str:
    """A default as it is written in a deal."""
    value = field.default
    if annotation == ByteSize:
        for unit, factor in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
            if value % factor == 0:
                return f'"{value // factor}{unit}"'
    return json.dumps(str(value) if isinstance(value, Decimal) else value)


def deal_table() -> str:
    """Every key of a deal as Markdown; required keys are bold."""
    lines = [_table_row("key", "holds", "default", "meaning"), _table_row(*["---"] * 4)]
    for name, holds, default in deal_keys():
        shown = f"`{name}`" if default else f"**`{name}`**"
        lines.append(
            _table_row(shown, holds, f"`{default}`" if default else "", DEAL_KEY_MEANINGS[name])
        )
    return "\n".join(lines)


def _deal_schema() -> dict[str, Any]:
    """The JSON Schema of a deal, with each key's meaning, for editors that show it."""
    schema = Deal.model_json_schema()
    for name, meaning in DEAL_KEY_MEANINGS.items():
        section, _, key = name.rpartition(".")
        section_schema = schema
        if section:
            annotation = Deal.model_fields[section].annotation
            [annotation] = get_args(annotation) or [annotation]  # of a list of sections, one
            section_schema = schema["$defs"][getattr(annotation, "__name__", "")]
        section_schema["properties"][key]["description"] = meaning
    return schema


def _published_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of what we publish: every field is there, defaults included."""
    schema = model.model_json_schema(mode="serialization")
    for part in (schema, *schema.get("$defs", {}).values()):
        if "properties" in part:  # an enumeration has none
            part["required"] = list(part["properties"])
    return schema


def json_schemas() -> dict[str, str]:
    """The JSON Schemas, by path below the root."""
    schemas = {
        "deal": _deal_schema(),
        "manifest": _published_schema(Manifest),
    }
    return {
        f"schemas/jsonschema/{name}.json": json.dumps(
            {"$schema": _DIALECT, **schema}, indent=2, ensure_ascii=False
        )
        + "\n"
        for name, schema in schemas.items()
    }


def profile_schemas() -> dict[str, str]:
    """The profiles' JSON Schemas, by path below the root."""
    return {
        f"schemas/profiles/{name}.json": schema_text(profiles.load_profile(name))
        for name in profiles.profile_names()
    }


def generated_pages(root: Path = ROOT) -> dict[str, str]:
    """The pages with generated parts, written anew, by path below the root."""
    rights, deal, catalogue = (
        (root / "docs" / f"{name}.md").read_text(encoding="utf-8")
        for name in ("rights", "deal", "catalogue")
    )
    return {
        "docs/rights.md": fill_section(rights, "reasons", reasons_table()),
        "docs/deal.md": fill_section(deal, "keys", deal_table()),
        "docs/catalogue.md": describe.fill_sections(catalogue),
    }


def main() -> None:
    """Writes everything that is generated."""
    # The profiles first: what a deal may name is read from their schemas.
    for generate in (profile_schemas, json_schemas, generated_pages):
        for path, text in generate().items():
            target = ROOT / path
            target.parent.mkdir(exist_ok=True)
            target.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
