"""Generates the tables of docs/catalogue.md from the schemas and suites that the code uses."""

from __future__ import annotations

import pyarrow as pa

from pipelines.catalogue.suite import REFERENCE_RULES, load_suite
from schemas.catalogue import CONTRIBUTOR_SHARE, TABLES

# Notes on columns whose names do not explain everything.
_COLUMN_NOTES = {
    "media_uri": "relative to the catalogue, or `file://`, `s3://`, `https://`",
    "media_type": "`image`, `video`",
    "contributors": "shares in basis points, which sum to 10000",
    "licence_model": "`RF` (royalty-free), `RM` (rights-managed)",
    "licence_class": "`creative`, `editorial`",
    "status": "`active`, `withdrawn`, `legal_hold`",
    "licence_code": "SPDX",
    "created_at": "an instant is reduced to the day in its own zone",
    "exclusive": "exclusively licensed to another party",
    "exclusive_purposes": "any of the [six purposes](deal.md#purposes); absent = every purpose",
    "exclusive_from": "first day of the exclusive licence; absent = always",
    "exclusive_until": "last day of the exclusive licence; absent = no end",
    "territories_in": "ISO 3166-1 alpha-2; absent = world",
    "territories_out": "ISO 3166-1 alpha-2",
    "digital_source_type": "a term of IPTC, such as `digitalCapture`; see below",
    "sha256": "64 hexadecimal digits",
    "width": "pixels",
    "height": "pixels",
    "duration_ms": "milliseconds",
    "weight": "for the allocations `weighted` and `two_factor`; absent = 1",
    "credit": "the author's name as the licence lets it be shown; needed where `licence_code` asks "
    "for attribution ([delivery.md](delivery.md#attribution))",
    "source_url": "where the work is published, `http://` or `https://`; for the same licences",
    "boxes": "of a film: the file with the boxes of objects in its frames, named like `media_uri` "
    "([profiles.md](profiles.md#boxes)); for the profile `box-motion`",
    "poses": "of a film: the file with the poses of a person ([profiles.md](profiles.md#poses)); "
    "for the profile `human-motion`",
    "depth": "of a film: the file with depth maps of its frames "
    "([profiles.md](profiles.md#depth)); for the profile `structure-depth`",
    "purpose": "one of the [six](deal.md#purposes), or `all`",
    "value": "`allow`, `deny`, `conditional`, `unknown`",
    "kind": "`model`, `property`",
    "agreement_ref": "must be listed in `agreements` or the deal; else it lifts nothing",
    "ml_use": "`allow`, `deny`, `conditional`, `unknown`",
}
# The same for columns that mean something else in another table.
_TABLE_NOTES = {
    ("contributors", "currency"): "ISO 4217; absent = the deal's",
    ("contributors", "agency_share"): "`0.35` or `35 %`; absent = the deal's",
    ("consents", "asset_id"): "limits the event to one asset",
    ("consents", "basis"): "`explicit`, `terms`, `silence`",
    ("consents", "notice_at"): "of silence: the day of the notice, in its own zone",
    ("consents", "window_days"): "of silence: days after the notice in which one may object",
    ("agreements", "agreement_ref"): "as consents name it",
    ("agreements", "contributor_id"): "who signed it: one row for each of them",
    ("agreements", "purposes"): "what it covers: of the six, or `all`",
    ("agreements", "signed_at"): "absent = not signed",
    ("agreements", "valid_from"): "first day; absent = from the day of signing",
    ("agreements", "valid_until"): "last day; absent = no end",
}
_FAILURE_EFFECTS = {"stop": "stops the run", "divert": "failed asset", "report": "report only"}


def _type_name(kind: pa.DataType) -> str:
    if kind == pa.list_(CONTRIBUTOR_SHARE):
        return "splits"
    if pa.types.is_list(kind):
        return "list of texts"
    if pa.types.is_timestamp(kind):
        return "instant"
    if pa.types.is_date(kind):
        return "date"
    if pa.types.is_boolean(kind):
        return "yes or no"
    return "whole number" if pa.types.is_integer(kind) else "text"


def _column_note(table: str, name: str) -> str:
    if name.startswith("grant_"):
        return _COLUMN_NOTES["value"]
    if (table, name) in _TABLE_NOTES:
        return _TABLE_NOTES[table, name]
    return _COLUMN_NOTES.get(name, "")


def columns_table(table: str) -> str:
    """Returns the columns of a catalogue table as Markdown; required columns are bold."""
    lines = ["| column | holds | |", "| --- | --- | --- |"]
    for field in TABLES[table]:
        name = f"`{field.name}`" if field.nullable else f"**`{field.name}`**"
        lines.append(f"| {name} | {_type_name(field.type)} | {_column_note(table, field.name)} |")
    return "\n".join(lines)


def rules_table(table: str) -> str:
    """Returns the catalogue check rules of a table as Markdown."""
    lines = ["| rule | requirement | a failure |", "| --- | --- | --- |"]
    for rule in REFERENCE_RULES if table == "references" else load_suite(table).rules:
        lines.append(f"| `{rule.name}` | {rule.sentence} | {_FAILURE_EFFECTS[rule.on_failure]} |")
    return "\n".join(lines)


def generated_sections() -> dict[str, str]:
    """Returns every generated section of docs/catalogue.md, by the name in its markers."""
    columns = {f"columns {table}": columns_table(table) for table in TABLES}
    return columns | {f"rules {table}": rules_table(table) for table in (*TABLES, "references")}


def fill_sections(document: str) -> str:
    """Returns the document with its generated sections replaced.

    Raises:
        ValueError: If a section's markers are missing.
    """
    for name, body in generated_sections().items():
        start, end = f"<!-- {name} -->\n", f"\n<!-- end {name} -->"
        head, opened, rest = document.partition(start)
        _, closed, tail = rest.partition(end)
        if not opened or not closed:
            raise ValueError(f"the document has no section {name!r}")
        document = f"{head}{start}{body}{end}{tail}"
    return document
