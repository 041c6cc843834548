"""Lease records: numbered, write-once objects that say which process may write to a version.

agency/claims/<deal_id>/<version>/0001.json   the holder: written once, never changed
agency/claims/<deal_id>/<version>/0001.beat   the heartbeat: rewritten while the holder is alive

The record with the highest number belongs to the holder. A process takes over by creating the next
number. If several try, the store lets only one succeed; `write_new` (a hard link, or
`If-None-Match: *`) is all this requires of the store. When a holder finishes, it removes the
records, lowest number first and its own last. A new record counts only if it is the latest and its
predecessor still exists, so that no process can succeed a record that was removed. Ages are
measured by the store's clock alone, never by comparing the clocks of two machines. The records lie
outside the version, so the delivery does not depend on them.

Why simpler designs do not work:

1. A single object that successors replace: two processes find the holder dead; the first deletes
   its record and writes its own, then the second deletes that one and writes its own. Both believe
   they hold the lease. Neither a folder nor most S3 services can replace an object on condition
   that it is unchanged.
2. A record that is rewritten as its own heartbeat: a holder checks that the record is its own, then
   pauses. A second process takes over and finishes, and a third starts again at 0001. The first
   then overwrites the third's 0001 and believes that it holds the lease.
3. Records named by their predecessor's token and found by following the chain from the first,
   without numbers or listings: a holder that was silent for a long time finishes after a second
   process has taken over. It removes the first record, so the second's can no longer be found, and
   a third process holds the version at the same time. A numbered record can be found whatever was
   removed before it.
"""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import TypeAdapter, ValidationError

from pipelines.process.identity import Liveness, ProcessIdentity, liveness_of
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError

LEASE_RECORDS = f"{layout.AGENCY}/claims"
# Earlier versions of the program also left `.done` objects.
_RECORD_NAME = re.compile(r"(\d{4,})\.(json|beat|done)")


@dataclass(frozen=True)
class LeaseRecord:
    """One process's lease of a version; it may be sent to workers.

    Attributes:
        deal_id: The deal.
        version: Name of the version.
        number: Number of the record, from 1.
        run_id: The run that holds the lease.
        holder: The process that holds it.
        started: Start time, ISO 8601; informative only, since machines' clocks differ.
        token: A random string by which a holder recognises its own record.
    """

    deal_id: str
    version: str
    number: int
    run_id: str
    holder: ProcessIdentity
    started: str
    token: str

    @property
    def folder(self) -> str:
        """Key prefix of the version's lease records."""
        return lease_folder(self.deal_id, self.version)

    def key(self, kind: str = "json") -> str:
        """Key of the record, or of its heartbeat if `kind` is "beat"."""
        return f"{self.folder}/{self.number:04d}.{kind}"

    def to_json(self) -> bytes:
        """Returns the record as it is stored."""
        return _RECORD.dump_json(self) + b"\n"

    def describe(self) -> str:
        """Describes the holder in words."""
        who = f"process {self.holder.pid} on {self.holder.host}"
        return f"{self.deal_id}/{self.version}: run {self.run_id}, {who}, since {self.started}"


_RECORD = TypeAdapter(LeaseRecord)


@dataclass(frozen=True)
class LeaseStatus:
    """The state of a lease.

    Attributes:
        held: Whether the version is held.
        certain: Whether that is certain, rather than inferred from the age of the heartbeat.
        age_s: Seconds since the last heartbeat, by the store's clock.
    """

    held: bool
    certain: bool
    age_s: float


def lease_folder(deal_id: str, version: str) -> str:
    """Returns the key prefix of a version's lease records."""
    return f"{LEASE_RECORDS}/{deal_id}/{version}"


def _numbered(store: Store, folder: str) -> list[tuple[int, str]]:
    """Lists the numbers and keys in a folder of lease records, in order."""
    keys = [item.key for item in store.list(folder)]
    matches = [_RECORD_NAME.fullmatch(key.removeprefix(f"{folder}/")) for key in keys]
    return sorted((int(match[1]), key) for match, key in zip(matches, keys, strict=True) if match)


def latest_lease_record(store: Store, deal_id: str, version: str) -> LeaseRecord | None:
    """Returns the lease record with the highest number, or None if there is none.

    Raises:
        RunError: If the record cannot be read.
    """
    folder = lease_folder(deal_id, version)
    number = max((number for number, _ in _numbered(store, folder)), default=0)
    # Some services list new objects late, but always find them by key.
    while store.exists(f"{folder}/{number + 1:04d}.json"):
        number += 1
    return read_lease_record(store, f"{folder}/{number:04d}.json") if number else None


def read_lease_record(store: Store, key: str) -> LeaseRecord | None:
    """Reads a lease record; returns None if it was removed in the meantime.

    Raises:
        RunError: If the record is damaged.
    """
    try:
        return _RECORD.validate_json(store.read_bytes(key))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RunError(
            "A lease record cannot be read",
            f"{store.uri}/{key} ({error.errors()[0]['msg']})",
            "If no run of this deal is in progress, delete the file and run again.",
        ) from error


def assess_lease(store: Store, record: LeaseRecord, stale_s: float) -> LeaseStatus:
    """Returns the state of a version's latest lease.

    Args:
        store: The output.
        record: The lease record.
        stale_s: A holder whose process cannot be checked counts as dead after this many seconds
            without a heartbeat.
    """
    age = max(0.0, store.now_s() - _last_heartbeat_s(store, record))
    life = liveness_of(record.holder)
    if life is Liveness.UNKNOWN:
        return LeaseStatus(age <= stale_s, False, age)
    return LeaseStatus(life is Liveness.ALIVE, True, age)


def _last_heartbeat_s(store: Store, record: LeaseRecord) -> float:
    for kind in ("beat", "json"):
        try:
            return store.stat(record.key(kind)).modified_s
        except FileNotFoundError:
            continue
    return store.now_s()  # it finished just now; the caller's next look will show that


def loss_reason(store: Store, record: LeaseRecord) -> str:
    """Returns why a lease no longer holds its version, or "" while it does."""
    if store.exists(dataclasses.replace(record, number=record.number + 1).key()):
        return "another run has taken the version over"
    if read_lease_record(store, record.key()) != record:
        return "another run claimed the version at the same moment, or its lease record was removed"
    return ""


def confirm_lease(store: Store, record: LeaseRecord) -> None:
    """Checks that a lease is still held; workers call this before they make something final.

    It sends two requests to the store.

    Raises:
        RunError: If another process holds the version.
    """
    reason = loss_reason(store, record)
    if reason:
        raise lease_lost_error(record, reason)


def remove_lease_records(store: Store, record: LeaseRecord) -> None:
    """Removes a version's lease records up to the holder's own, which is removed last."""
    for number, key in _numbered(store, record.folder):
        if number <= record.number and key != record.key():
            store.delete(key)
    store.delete(record.key())


def lease_lost_error(record: LeaseRecord, reason: str) -> RunError:
    """Returns the error for a run that has lost its lease and must not write any more."""
    return RunError(
        "This run no longer holds its version",
        f"{record.deal_id}/{record.version}, lease record {record.number}: {reason}",
        "Nothing more was written. Wait for the other run to finish, then run again.",
    )


def utc_now_text() -> str:
    """Returns this machine's time in UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
