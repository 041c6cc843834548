"""Records a published delivery in the agency's log: its manifest, its log, and who is in it.

The steps, numbered in the code: 1. read the manifest; 2. store the sets of the assets and
contributors in its ledger (in `delivered_sets`), and 3. add them to the sets of all deliveries so
far; 4. keep the pool's lines; 5. append the record; 6. write the attestation.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from functools import cache

from pipelines.accounts.append import MakeRecord, NewRecord, append_record
from pipelines.accounts.books import Books
from pipelines.accounts.countries import COUNTRIES_SHA256, countries_digest
from pipelines.accounts.delivered_sets import read_sets, write_sets
from pipelines.accounts.holds import HOLDS_SHA256, holds_digest
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pool_check import check_pool
from pipelines.accounts.published import Published, read_version
from pipelines.accounts.renditions import RENDITIONS_SHA256, renditions_digest
from pipelines.ledger.dsse import delivery_statement, envelope
from pipelines.ledger.pool_sums import open_sum, sum_fields
from pipelines.ledger.record import AllSets, Kind, Record, in_canonical_form
from pipelines.ledger.set_tree import Rows
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import RunError
from schemas.manifest import Manifest

_MANIFEST_KEY = re.compile(rf"([a-z0-9-]+)/(v\d{{4,}})/{layout.DELIVERY}/{layout.MANIFEST}")


def record_delivery(
    store: Store,
    key: LogKey,
    deal_id: str,
    version: str,
    recorded_at: datetime,
    just_made: bool = False,
    log: AgencyLog | None = None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Record:
    """Appends the record of a published version, or returns the one that exists.

    Args:
        store: The output.
        key: The agency's key.
        deal_id: The deal.
        version: Name of the version, which has its manifest.
        recorded_at: The run's `as_of`, or the day of the patch.
        just_made: Whether the caller has just written the version's pool; otherwise it is compared
            with what was signed before it is taken over.
        log: The agency's log; opened if it is not given.
        meanwhile: Called once, if possible while it is not known yet whether the record stays.

    Raises:
        RunError: If the log was forked, rolled back or altered, or is signed by another key; or if
            the version's ledger is missing, or its pool is not the one that was signed.
    """
    published = read_version(store, deal_id, version)  # 1
    log = open_log(store, key) if log is None else log
    event = _event(published)
    if not just_made and log.books.index_of(event) is None:
        _check_signed_pool(store, log, published)
    at, make = recorded_at.isoformat(), _record_maker(store, log, published)
    once = cache(meanwhile)
    record = append_record(log, Kind.DELIVERY, event, at, make, meanwhile=once)  # 5
    once()
    _attest(store, log, published, record)  # 6
    return record


def _event(published: Published) -> tuple[str, ...]:
    """Returns what identifies the record of a delivery in the log."""
    return str(Kind.DELIVERY), published.manifest.delivery, published.manifest_sha256


def _check_signed_pool(store: Store, log: AgencyLog, published: Published) -> None:
    """Compares a version's pool, if it has one, with what was signed."""
    if store.exists(f"{published.agency}/{layout.POOL}"):
        check_pool(store, published, log.openers)


def _record_maker(store: Store, log: AgencyLog, published: Published) -> MakeRecord:
    """Returns a function that makes a delivery's record and stores what the record names."""
    manifest, agency = published.manifest, published.agency

    @cache
    def own_sets() -> tuple[Rows, Rows]:
        return read_sets(store, f"{agency}/{layout.LEDGER_TABLE}", log.salt)

    def make(index: int, sets: AllSets) -> NewRecord:
        public: dict[str, object] = {
            "delivery": manifest.delivery,
            "manifest_sha256": published.manifest_sha256,
            "entries": manifest.ledger.entries,
            "entries_root": manifest.ledger.root,
        }
        if patched := patched_from(manifest):
            public["patches"] = patched
        public |= sum_record(store, agency, manifest.vkey)
        named, following = write_sets(log.books, *own_sets(), sets)
        private = _pool(store, log.books, agency)
        if renditions := renditions_digest(store, agency):
            private[RENDITIONS_SHA256] = renditions
        return NewRecord(public | named, private, following)

    return make


def record_missing(store: Store, key: LogKey) -> list[Record]:
    """Records every published version that the log does not have, the earliest `as_of` first.

    Such versions were published before there was a log, or by a run that was killed right after. A
    run that was killed a moment later left a record without the attestation, which is written.

    Args:
        store: The output, all of which is listed.
        key: The agency's key.

    Raises:
        RunError: See `record_delivery`.
    """
    log, missing = open_log(store, key), []
    keys = {item.key for item in store.list()}
    for name in sorted(keys):
        if not (match := _MANIFEST_KEY.fullmatch(name)):
            continue
        published = read_version(store, match[1], match[2])
        is_recorded = log.books.index_of(_event(published)) is not None
        if not is_recorded or _attestation_key(published.manifest.delivery) not in keys:
            missing.append((recorded_at_of(published.manifest), match[1], match[2]))
    return [
        record_delivery(store, key, deal_id, version, as_of)
        for as_of, deal_id, version in sorted(missing)
    ]


def recorded_at_of(manifest: Manifest) -> datetime:
    """Returns the instant that a delivery's record has: its run's `as_of`, or its patch's."""
    made = manifest.as_of if manifest.patches is None else manifest.patches.as_of
    return datetime.fromisoformat(made)


def patched_from(manifest: Manifest) -> str:
    """Returns the delivery that a patch was made from, or ""."""
    return "" if manifest.patches is None else manifest.patches.delivery


def sum_record(store: Store, agency: str, vkey: str) -> dict[str, object]:
    """Returns the fields of a record that commit to a version's signed sum; none without one.

    Args:
        store: The output.
        agency: Key prefix of the version's private part.
        vkey: The key that signed the version.

    Raises:
        NoteError: If the sum is not signed by the key.
    """
    key = f"{agency}/{layout.SUM_NOTE}"
    if not store.exists(key):
        return {}
    note = store.read_bytes(key).decode("utf-8", "replace")
    return sum_fields(open_sum(note, vkey))


def _pool(store: Store, books: Books, agency: str) -> dict[str, object]:
    """Returns the private part of a delivery's record: its pool, if the version has one."""
    if not store.exists(f"{agency}/{layout.POOL}"):
        return {}
    pool = dict(read_json(store, f"{agency}/{layout.POOL}"))
    digest = books.write_lines(store.read_bytes(f"{agency}/{layout.POOL_LINES}"))  # 4
    if pool.get("lines_sha256", digest) != digest:
        raise RunError(
            "The lines of a pool were changed",
            f"{store.uri}/{agency}/{layout.POOL_LINES} has the digest {digest}, pool.json says "
            f"{pool['lines_sha256']}",
            "Restore the agency's folder from a copy, then run again.",
        )
    if "points_sha256" in pool:  # 4
        points = books.write_lines(store.read_bytes(f"{agency}/{layout.POOL_POINTS}"))
        if pool["points_sha256"] != points:
            raise RunError(
                "The points of a pool's lines were changed",
                f"{store.uri}/{agency}/{layout.POOL_POINTS} has the digest {points}",
                "Restore the agency's folder from a copy, then run again.",
            )
    return {
        "pool": in_canonical_form(pool | {"lines_sha256": digest}),
        HOLDS_SHA256: holds_digest(store, f"{agency}/{layout.HOLDS}"),
        COUNTRIES_SHA256: countries_digest(store, agency),
    }


def _attest(store: Store, log: AgencyLog, published: Published, record: Record) -> None:
    """Writes the delivery's attestation beside the log, unless there is one."""
    manifest = published.manifest
    key = _attestation_key(manifest.delivery)
    predicate: dict[str, object] = {
        "delivery": manifest.delivery,
        "as_of": manifest.as_of,
        "entries": manifest.ledger.entries,
        "entries_root": manifest.ledger.root,
        "log_origin": log.origin,
        "log_index": record.index,
    }
    name = layout.manifest_key(*manifest.delivery.split("/"))
    if not store.exists(key):
        body = delivery_statement(name, published.manifest_sha256, predicate)
        store.write_bytes(key, envelope(log.key.signer, body))


def _attestation_key(delivery: str) -> str:
    return f"{layout.AGENCY_LOG}/{layout.attestation_path(delivery)}"
