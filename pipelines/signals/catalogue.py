"""Reads the catalogue's grants and consents as signals."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import rfc8785

from pipelines.signals.file.metadata_blocks import printable
from schemas.catalogue import AssetRow, ConsentRow, grant_column
from schemas.rights import ALL_PURPOSES, PURPOSES, Permission, Purpose
from schemas.signal import Origin, Reading, Signal, raw_sha256

AGENCY = "agency"


def read_grants(row: AssetRow) -> Reading:
    """Reads the grant columns of one row of `assets`; an unknown value is a denial."""
    signals = []
    for purpose in PURPOSES:
        column = grant_column(purpose)
        said = row.get(column)
        if said is None:
            continue
        value = Permission(said) if said in list(Permission) else Permission.DENY
        where = f"assets.{column}"
        signals.append(
            Signal(
                Origin.CATALOGUE,
                purpose,
                value,
                AGENCY,
                where,
                raw_sha256(said),
                "",
                printable(said),
            )
        )
    return Reading(tuple(signals))


def read_consents(
    events: Iterable[ConsentRow], contributor_id: str, asset_id: str, as_of: datetime
) -> Reading:
    """Reads one contributor's consents for one asset, in the order in which they were given.

    Every event that counts becomes a dated signal; rule 8 of docs/rights.md decides which applies.
    An event for `all` covers every purpose; a value that is not one of the four is unknown.
    """
    signals = []
    counted = [
        event
        for event in events
        if event["contributor_id"] == contributor_id
        and event.get("asset_id") in (None, asset_id)
        and event["given_at"] <= as_of
    ]
    for event in sorted(counted, key=_order):
        raw = rfc8785.dumps({name: _as_text(value) for name, value in event.items()})
        signals += [_consent_signal(event, purpose, raw) for purpose in _purposes(event["purpose"])]
    return Reading(tuple(signals))


def _order(event: ConsentRow) -> tuple[datetime, str, str]:
    return event["given_at"], str(event["purpose"]), str(event["value"])


def _purposes(said: str) -> tuple[Purpose, ...]:
    if said == ALL_PURPOSES:
        return PURPOSES
    return (Purpose(said),) if said in list(Purpose) else ()


def _as_text(value: object) -> str | None:
    if isinstance(value, datetime):
        return value.isoformat()
    return None if value is None else str(value)


def _consent_signal(event: ConsentRow, purpose: Purpose, raw: bytes) -> Signal:
    said = event["value"]
    scope = "this asset" if event.get("asset_id") else "all works"
    agreement = event.get("agreement_ref")
    signed = f", agreement {agreement}" if agreement and agreement.strip() else ""
    return Signal(
        Origin.CONSENT,
        purpose,
        Permission(said) if said in list(Permission) else Permission.UNKNOWN,
        event["contributor_id"],
        "consents",
        raw_sha256(raw),
        event["given_at"].isoformat(),
        printable(f"{said} to {event['purpose']} for {scope}{signed}"),
    )
