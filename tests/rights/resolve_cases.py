"""What a file and a server say of an asset that the catalogue clears, and what comes of it."""

from __future__ import annotations

from datetime import date
from typing import Any

from pipelines.rights.resolve import Resolution, resolve
from pipelines.signals.catalogue import read_grants
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from schemas.rights import Purpose, Value
from schemas.signal import (
    Claim,
    ClaimKind,
    Fault,
    Origin,
    Reading,
    Signal,
    merge_readings,
    raw_sha256,
)
from tests.rights.rights_cases import AS_OF, Row, asset, deal

TODAY = AS_OF.date()


def say(
    value: str,
    purpose: Purpose = Purpose.TRAIN_GEN,
    origin: Origin = Origin.FILE,
    where: str = "XMP x",
) -> Signal:
    said = f"says-{value}"
    return Signal(origin, purpose, Value(value), "", where, raw_sha256(said), "", said)


def state(kind: ClaimKind, value: str, where: str = "") -> Claim:
    return Claim(kind, value, where or f"XMP plus:{kind}", raw_sha256(value))


def broken(origin: Origin = Origin.FILE) -> Fault:
    return Fault(origin, f"{origin} part", "cut short", raw_sha256("cut"))


def standing(*purposes: Purpose, ref: str = "A-1", who: str = "c-1") -> list[dict[str, str]]:
    return [{"purpose": p.value, "contributor_id": who, "ref": ref} for p in purposes]


def judge(
    *found: Signal | Claim | Fault, terms: Deal | None = None, as_of: date = TODAY, **row: Any
) -> Resolution:
    """Resolves an asset that the catalogue clears, with its grants among what is read."""
    whole: Row = dict.fromkeys(ASSETS_SCHEMA.names) | asset()
    whole |= {"inference": True, "usable_until": None, "agreements": []} | row
    reading = Reading(
        tuple(item for item in found if isinstance(item, Signal)),
        tuple(item for item in found if isinstance(item, Claim)),
        tuple(item for item in found if isinstance(item, Fault)),
    )
    resolution = resolve(
        whole, merge_readings((read_grants(whole), reading)), terms or deal(), as_of
    )
    assert resolution.detail.isprintable()
    assert bool(resolution.detail) == bool(resolution.reasons)
    return resolution


def codes(*found: Signal | Claim | Fault, **changes: Any) -> list[str]:
    return [reason.value for reason in judge(*found, **changes).reasons]
