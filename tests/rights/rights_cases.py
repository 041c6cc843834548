"""Builds a case that satisfies every rule, of which tests change one thing at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, cast

import numpy as np
import pyarrow as pa

from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.detail import describe_refusals
from pipelines.rights.rules.screen import build_rights_index, reasons_of, screen_batch
from pipelines.storage.columns import values_of
from schemas.catalogue import (
    AGREEMENTS_SCHEMA,
    ASSETS_SCHEMA,
    CONSENTS_SCHEMA,
    CONTRIBUTORS_SCHEMA,
    RELEASES_SCHEMA,
    ContributorShare,
)
from schemas.deal import Deal

Row = dict[str, Any]

AS_OF = datetime(2026, 6, 30, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
STARTS, ENDS = date(2026, 1, 1), date(2029, 1, 1)
DAY = timedelta(days=1)
SHOT = date(2025, 1, 1)


def deal_values(**changes: Any) -> Row:
    """Returns a deal as parsed TOML; the keys of a section are changed as `rights={...}`."""
    row: Row = {
        "deal_id": "acme-2026-01",
        "buyer": "Acme Models",
        "purposes": ["train_gen"],
        "territory": ["US", "NO"],
        "starts": STARTS,
        "ends": ENDS,
        "price": {"pool": "100.00", "currency": "USD"},
    }
    return row | changes


def deal(**changes: Any) -> Deal:
    return Deal.model_validate(deal_values(**changes))


def deal_with_rights(**changes: str) -> Deal:
    return deal(rights=changes)


def asset(**changes: Any) -> Row:
    """Returns an asset that every rule clears, without people or property."""
    row: Row = {
        "asset_id": "a-1",
        "media_uri": "a-1.jpg",
        "media_type": "image",
        "contributors": split_shares(("c-1", 10_000)),
        "licence_model": "RF",
        "licence_class": "creative",
        "status": "active",
        "people_count": 0,
        "property": False,
        "digital_source_type": "digitalCapture",
        "created_at": SHOT,
    }
    return row | changes


def split_shares(*shares: tuple[str | None, int | None]) -> list[ContributorShare]:
    rows: list[Row] = [{"contributor_id": who, "share_bp": part} for who, part in shares]
    return cast("list[ContributorShare]", rows)


def event(value: str, minutes: int = -60, who: str = "c-1", **changes: Any) -> Row:
    """Returns a consent event, `minutes` after `AS_OF`."""
    row: Row = {
        "contributor_id": who,
        "purpose": "all",
        "value": value,
        "given_at": AS_OF + timedelta(minutes=minutes),
    }
    return row | changes


def release(**changes: Any) -> Row:
    """Returns a model release without faults."""
    row: Row = {
        "release_id": "r-1",
        "kind": "model",
        "signed_at": date(2025, 5, 1),
        "subject_signed": True,
        "photographer_signed": True,
        "ml_use": "allow",
        "shoot_from": SHOT,
        "shoot_until": SHOT,
    }
    row |= changes
    row.setdefault("subject_ref", f"subject of {row['release_id']}")
    return row


def property_release(**changes: Any) -> Row:
    return release(**{"release_id": "p-1", "kind": "property"} | changes)


def agreement(ref: str = "A-1", who: str = "c-1", **changes: Any) -> Row:
    """Returns an agreement for every purpose that is in force."""
    row: Row = {
        "agreement_ref": ref,
        "contributor_id": who,
        "purposes": ["all"],
        "signed_at": date(2020, 1, 1),
    }
    return row | changes


def listed_agreements(consents: Sequence[Row]) -> list[Row]:
    """Returns the agreements that consents name, all in force."""
    named = {
        ((event.get("agreement_ref") or "").strip(), event["contributor_id"]) for event in consents
    }
    return [agreement(ref, who) for ref, who in sorted(named) if ref]


def microseconds(instant: datetime) -> int:
    return (instant - datetime(1970, 1, 1, tzinfo=UTC)) // TICK


def rights_index(
    terms: Deal,
    consents: Sequence[Row] | None = None,
    releases: Sequence[Row] = (),
    contributors: Sequence[str] = ("c-1", "c-2"),
    as_of: datetime = AS_OF,
    agreements: Sequence[Row] | None = None,
) -> RightsIndex:
    """Returns the index for screening; if no consents are given, everyone allows everything.

    If no agreements are given, all that the consents name are listed and in force.
    """
    events = [event("allow", who=who) for who in contributors] if consents is None else consents
    return build_rights_index(
        pa.Table.from_pylist([{"contributor_id": c} for c in contributors], CONTRIBUTORS_SCHEMA),
        pa.Table.from_pylist(list(events), CONSENTS_SCHEMA),
        pa.Table.from_pylist(list(releases), RELEASES_SCHEMA),
        pa.Table.from_pylist(
            listed_agreements(events) if agreements is None else list(agreements),
            AGREEMENTS_SCHEMA,
        ),
        terms,
        microseconds(as_of),
    )


def reason_codes(
    assets: Sequence[Row], terms: Deal, joined: RightsIndex, repeated: Sequence[bool] | None = None
) -> list[set[str]]:
    """Returns the reason codes of each asset."""
    table = pa.Table.from_pylist(list(assets), ASSETS_SCHEMA)
    twice = np.zeros(len(assets), np.bool_) if repeated is None else np.array(repeated, np.bool_)
    mask = screen_batch(table, joined, terms, twice)
    return [set(reasons_of(int(bits))) for bits in mask]


def details(assets: Sequence[Row], terms: Deal, joined: RightsIndex) -> list[str]:
    """Returns the detail of each asset; all must be refused."""
    table = pa.Table.from_pylist(list(assets), ASSETS_SCHEMA)
    mask = screen_batch(table, joined, terms, np.zeros(len(assets), np.bool_))
    assert (mask != 0).all()
    return values_of(describe_refusals(table, mask, joined, terms), str)


def screened_codes(row: Row, terms: Deal | None = None, **joined: Any) -> set[str]:
    """Returns the reasons of one asset."""
    terms = terms or deal()
    [found] = reason_codes([row], terms, rights_index(terms, **joined))
    return found
