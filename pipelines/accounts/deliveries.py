"""Records a published delivery in the agency's log: its manifest, its log, and who is in it.

The steps, numbered in the code: 1. read the manifest; 2. store the sets of the assets and
contributors in its ledger; 3. add them to the sets of all deliveries so far; 4. keep the pool's
lines; 5. append the record; 6. write the attestation.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from datetime import datetime
from functools import cache

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.books import Books
from pipelines.accounts.countries import COUNTRIES_SHA256, countries_digest
from pipelines.accounts.holds import HOLDS_SHA256, holds_digest
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.pool_check import check_pool
from pipelines.accounts.published import Published
from pipelines.accounts.renditions import RENDITIONS_SHA256, renditions_digest
from pipelines.format.manifest import open_manifest
from pipelines.ledger.commitments import Domain, commit, domain_salts, encode
from pipelines.ledger.dsse import delivery_statement, envelope
from pipelines.ledger.merkle import HASH_BYTES
from pipelines.ledger.pool_sums import open_sum, sum_fields
from pipelines.ledger.record import AllSets, Kind, Record, in_canonical_form
from pipelines.ledger.set_tree import Rows, merge_rows, sort_rows, sorted_rows
from pipelines.storage.columns import values_of
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
    data = store.read_bytes(f"{layout.delivery_prefix(deal_id, version)}/{layout.MANIFEST}")
    manifest, digest = open_manifest(data), hashlib.sha256(data).hexdigest()  # 1
    log = open_log(store, key) if log is None else log
    event = (str(Kind.DELIVERY), manifest.delivery, digest)
    agency = layout.agency_prefix(deal_id, version)

    @cache
    def own_sets() -> tuple[Rows, Rows]:
        return read_sets(store, f"{agency}/{layout.LEDGER_TABLE}", log.salt)

    def make(index: int, sets: AllSets) -> NewRecord:
        public: dict[str, object] = {"delivery": manifest.delivery, "manifest_sha256": digest}
        public |= {"entries": manifest.ledger.entries, "entries_root": manifest.ledger.root}
        if patched := patched_from(manifest):
            public["patches"] = patched
        public |= sum_record(store, agency, manifest.vkey)
        named, following = write_sets(log.books, *own_sets(), sets)
        private = _pool(store, log.books, agency)
        if renditions := renditions_digest(store, agency):
            private[RENDITIONS_SHA256] = renditions
        return NewRecord(public | named, private, following)

    if (
        not just_made
        and log.books.index_of(event) is None
        and store.exists(f"{agency}/{layout.POOL}")
    ):
        check_pool(store, Published(deal_id, version, manifest, digest), log.openers)

    once = cache(meanwhile)
    at = recorded_at.isoformat()
    record = append_record(log, Kind.DELIVERY, event, at, make, meanwhile=once)  # 5
    once()
    _attest(store, log, manifest, digest, record)  # 6
    return record


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
        data = store.read_bytes(name)
        manifest, digest = open_manifest(data), hashlib.sha256(data).hexdigest()
        found = log.books.index_of((str(Kind.DELIVERY), manifest.delivery, digest))
        if found is None or _attestation_key(manifest.delivery) not in keys:
            missing.append((recorded_at_of(manifest), match[1], match[2]))
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


def set_salt(salt: bytes, domain: Domain, identifier: str) -> bytes:
    """Returns the salt of an asset or contributor in the sets of the log."""
    return domain_salts(salt, domain).salt_for(encode(identifier))


def set_commitment(salt: bytes, domain: Domain, identifier: str) -> bytes:
    """Returns the commitment of an asset or contributor in the sets of the log, 32 bytes."""
    return bytes.fromhex(commit(domain, set_salt(salt, domain, identifier), encode(identifier)))


def write_sets(
    books: Books, assets: Rows, contributors: Rows, sets: AllSets
) -> tuple[dict[str, object], AllSets]:
    """Stores a delivery's sets; returns the fields that name them, and the sets of all so far."""
    roots = books.write_set(assets), books.write_set(contributors)  # 2
    named: dict[str, object] = {
        "assets": len(assets),
        "assets_root": roots[0],
        "contributors": len(contributors),
        "contributors_root": roots[1],
    }
    following = AllSets(  # 3
        *_write_union(books, sets.assets_root, sets.assets, assets, roots[0]),
        *_write_union(books, sets.contributors_root, sets.contributors, contributors, roots[1]),
    )
    return named, following


def read_sets(store: Store, ledger: str, salt: bytes) -> tuple[Rows, Rows]:
    """Returns the sorted commitments of all assets and of all contributors of a ledger.

    Args:
        store: The output.
        ledger: Key of the ledger's table.
        salt: The agency's salt.

    Raises:
        RunError: If there is no ledger.
    """
    found, people = bytearray(), dict[str, bytes]()
    commit_asset = _committer(salt, Domain.LOG_ASSET)
    commit_person = _committer(salt, Domain.LOG_CONTRIBUTOR)
    before = ""
    for group in _ledger_groups(store, ledger):
        for person in set(values_of(group["contributor_id"].unique(), str)) - people.keys():
            people[person] = commit_person(person)
        for asset in values_of(group["asset_id"], str):
            if asset != before:  # entries of an asset lie together
                found += commit_asset(asset)
                before = asset
    rows = np.frombuffer(found, np.uint8).reshape(-1, HASH_BYTES)
    return sort_rows(rows), sorted_rows(people.values())


def _committer(salt: bytes, domain: Domain) -> Callable[[str], bytes]:
    salts, prefix, sha = domain_salts(salt, domain), domain.encode() + b"\x00", hashlib.sha256

    def commitment(identifier: str) -> bytes:
        value = encode(identifier)
        return sha(prefix + salts.salt_for(value) + b"\x00" + value).digest()

    return commitment


def _ledger_groups(store: Store, key: str) -> Iterator[pa.Table]:
    try:
        source = store.open_read(key)
    except FileNotFoundError as error:
        raise RunError(
            "The ledger of a published version is missing",
            f"{store.uri}/{key}",
            "Restore the agency's folder from a copy, then run again.",
        ) from error
    with source, pq.ParquetFile(source) as file:
        for group in range(file.num_row_groups):
            columns = ["asset_id", "contributor_id"]
            yield file.read_row_group(group, columns=columns, use_threads=False)


def _write_union(
    books: Books, root: str, size: int, added: Rows, added_root: str
) -> tuple[int, str]:
    """Stores the union of a stored set and a set that is added; returns its size and root."""
    if size == 0:
        return len(added), added_root
    rows = merge_rows(books.read_set(root, size), added)
    return len(rows), books.write_set(rows)


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


def _attest(store: Store, log: AgencyLog, manifest: Manifest, digest: str, record: Record) -> None:
    """Writes the delivery's attestation beside the log, unless there is one."""
    key = _attestation_key(manifest.delivery)
    predicate: dict[str, object] = {
        "delivery": manifest.delivery,
        "as_of": manifest.as_of,
        "entries": manifest.ledger.entries,
        "entries_root": manifest.ledger.root,
        "log_origin": log.origin,
        "log_index": record.index,
    }
    name = f"{layout.delivery_prefix(*manifest.delivery.split('/'))}/{layout.MANIFEST}"
    if not store.exists(key):
        body = delivery_statement(name, digest, predicate)
        store.write_bytes(key, envelope(log.key.signer, body))


def _attestation_key(delivery: str) -> str:
    return f"{layout.AGENCY_LOG}/{layout.attestation_path(delivery)}"
