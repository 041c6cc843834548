"""Small catalogues about cells, ids and references, and what becomes of them before any media."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipelines.catalogue.agreement_references import find_agreement_references
from pipelines.catalogue.checks import CatalogueChecks, prepare_checks
from pipelines.catalogue.joins import watch_joins
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.read import open_catalogue, read_batches, read_table
from pipelines.catalogue.reference_verdict import reference_error
from pipelines.catalogue.references import find_unreached, watch_references
from pipelines.catalogue.suite import load_suite
from pipelines.rights.rules.screen import build_rights_index, reasons_of, screen_batch
from schemas.catalogue import SMALL_TABLES
from schemas.deal import Deal, parse_deal
from schemas.errors import InputError
from tests.deals import deal_text

AS_OF = datetime(2026, 6, 30, tzinfo=UTC)
AS_OF_US = int(AS_OF.timestamp()) * 1_000_000

DEAL = deal_text()

Row = dict[str, Any]
Rows = Sequence[Mapping[str, Any]]


def deal(more: str = "") -> Deal:
    return parse_deal(DEAL + more, "deal.toml")


def asset(asset_id: str = "A-1", contributor: str = "c-1", **changes: Any) -> Row:
    """An asset that is cleared."""
    row: Row = {
        "asset_id": asset_id,
        "media_uri": "media/1.jpg",
        "media_type": "image",
        "contributors": f"{contributor}:10000",
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "active",
        "created_at": "2024-05-01",
        "people_count": "0",
        "minors": "false",
        "property": "false",
        "sensitive": "false",
        "digital_source_type": "digitalCapture",
    }
    return row | changes


def said(value: str = "allow", contributor: str = "c-1", **changes: Any) -> Row:
    """A consent: a yes of long ago, or another value of this year."""
    when = "2024-01-01T00:00:00Z" if value == "allow" else "2026-03-01T00:00:00Z"
    row: Row = {"contributor_id": contributor, "purpose": "all", "value": value, "given_at": when}
    return row | {"agreement_ref": "", "asset_id": ""} | changes


def release(release_id: str = "R-1", **changes: Any) -> Row:
    """A model release that is valid for `asset`."""
    row: Row = {
        "release_id": release_id,
        "kind": "model",
        "subject_ref": "model-77",
        "signed_at": "2024-05-01",
        "subject_signed": "true",
        "photographer_signed": "true",
        "minor": "false",
        "ml_use": "allow",
        "shoot_from": "2024-04-01",
        "shoot_until": "2024-06-01",
        "witness_ref": "w",
        "revoked_at": "",
    }
    return row | changes


def agreement(ref: str = "A-1", contributor: str = "c-1", **changes: Any) -> Row:
    """An agreement that is in force."""
    row: Row = {"agreement_ref": ref, "contributor_id": contributor, "purposes": "all"}
    return row | {"signed_at": "2020-01-01", "revoked_at": ""} | changes


def csv_bytes(rows: Rows) -> bytes:
    names = list(dict.fromkeys(name for row in rows for name in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, names, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def write_csv(folder: Path, **tables: Rows) -> Path:
    """Writes tables as CSV; without contributors, the authors of the consents."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, rows in tables.items():
        (folder / f"{name}.csv").write_bytes(csv_bytes(rows))
    return folder


@dataclass(frozen=True)
class Decided:
    """What becomes of a catalogue: why it stops, or each asset's reasons (none: cleared)."""

    stopped: str
    reasons: dict[str, str] = field(default_factory=dict)
    notes: CellNotes = field(default_factory=CellNotes)

    @property
    def cleared(self) -> list[str]:
        return [] if self.stopped else [name for name, why in self.reasons.items() if not why]


def decide(folder: Path, terms: Deal, gate: bool = True) -> Decided:
    """Reads, checks and screens a catalogue as `check` and `package` do.

    Args:
        folder: The catalogue.
        terms: The deal.
        gate: Whether to run the expectations, which take most of the time.
    """
    try:
        return _decide(folder, terms, gate)
    except InputError as error:
        return Decided(str(error))


def _decide(folder: Path, terms: Deal, gate: bool) -> Decided:
    catalogue = open_catalogue(str(folder))
    notes = CellNotes()
    contributors, consents, releases, agreements = (
        read_table(catalogue, name, notes) for name in SMALL_TABLES
    )
    if gate:
        checks = prepare_checks(catalogue, terms, AS_OF_US)
    else:
        for one, name in ((contributors, "contributor_id"), (releases, "release_id")):
            if len(set(one[name].to_pylist())) < len(one):
                return Decided(f"{name}_unique")
        small = {
            "contributors": contributors,
            "consents": consents,
            "releases": releases,
            "agreements": agreements,
        }
        joins = watch_joins(catalogue, small, notes)
        named = find_agreement_references(contributors, consents, agreements, terms)
        watch = watch_references(contributors, consents, releases, named, joins)
        divert = frozenset(terms.gate.divert)
        checks = CatalogueChecks(catalogue, load_suite(), divert, contributors, watch)
    index = build_rights_index(contributors, consents, releases, agreements, terms, AS_OF_US)
    summaries: list[GateSummary] = []
    reached, reasons = [], {}
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            notes.add(batch.notes)
            table: pa.Table = batch.table
            if gate:
                checked, found = checks.check_batch(batch)
                table = checked.table
                summaries.append(checked.summary)
                reasons.update({row.asset_id: row.reason for row in checked.failed_rows})
            else:
                found = checks.watch.reached_by(table, batch.unread, batch.notes.odd_asset_ids)
            reached.append(found)
            reasons.update({row.asset_id: row.reason for row in batch.failed_rows})
            mask = screen_batch(table, index, terms, np.zeros(len(table), np.bool_))
            for asset_id, bits in zip(table["asset_id"].to_pylist(), mask.tolist(), strict=True):
                reasons[str(asset_id)] = " ".join(reasons_of(bits))
    if gate:
        error = checks.judge(summaries, reached).error
    else:
        ids = checks._asset_ids
        unreached = find_unreached(checks.watch, reached, ids)
        error = reference_error(unreached, checks.watch, ids, checks.divert)
    return Decided(str(error) if error else "", reasons, notes)
