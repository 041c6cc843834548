"""Builds statements of files and servers on an asset that the catalogue clears, and resolves it."""

from __future__ import annotations

from datetime import date
from typing import Any, cast

from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.signals.catalogue import read_grants
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from schemas.rights import Permission, Purpose
from schemas.signal import (
    AssertionKind,
    FileAssertion,
    Origin,
    Reading,
    ReadingFault,
    Signal,
    merge_readings,
    raw_sha256,
)
from schemas.unit import ClearedRow
from tests.rights.rights_cases import AS_OF, Row, asset, deal

TODAY = AS_OF.date()


def make_signal(
    value: str,
    purpose: Purpose = Purpose.TRAIN_GEN,
    origin: Origin = Origin.FILE,
    where: str = "XMP x",
) -> Signal:
    said = f"says-{value}"
    return Signal(origin, purpose, Permission(value), "", where, raw_sha256(said), "", said)


def make_assertion(kind: AssertionKind, value: str, where: str = "") -> FileAssertion:
    return FileAssertion(kind, value, where or f"XMP plus:{kind}", raw_sha256(value))


def make_fault(origin: Origin = Origin.FILE) -> ReadingFault:
    return ReadingFault(origin, f"{origin} part", "cut short", raw_sha256("cut"))


def signed_by(*purposes: Purpose, ref: str = "A-1", who: str = "c-1") -> list[dict[str, str]]:
    return [{"purpose": p.value, "contributor_id": who, "ref": ref} for p in purposes]


def resolve_case(
    *found: Signal | FileAssertion | ReadingFault,
    terms: Deal | None = None,
    as_of: date = TODAY,
    **row: Any,
) -> Resolution:
    """Resolves an asset that the catalogue clears; the reading includes its grants."""
    whole: Row = dict.fromkeys(ASSETS_SCHEMA.names) | asset()
    whole |= {"inference": True, "usable_until": None, "agreements": []} | row
    reading = Reading(
        tuple(item for item in found if isinstance(item, Signal)),
        tuple(item for item in found if isinstance(item, FileAssertion)),
        tuple(item for item in found if isinstance(item, ReadingFault)),
    )
    cleared = cast("ClearedRow", whole)
    merged = merge_readings((read_grants(cleared), reading))
    resolution = resolve_rights(cleared, merged, terms or deal(), as_of)
    assert resolution.detail.isprintable()
    assert bool(resolution.detail) == bool(resolution.reasons)
    return resolution


def resolved_codes(*found: Signal | FileAssertion | ReadingFault, **changes: Any) -> list[str]:
    return [reason.value for reason in resolve_case(*found, **changes).reasons]
