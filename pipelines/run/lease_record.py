"""Claims: which process may write under a version, as numbered objects that are only ever made new.

agency/claims/<deal_id>/<version>/0001.json   who holds it: written once, never changed
agency/claims/<deal_id>/<version>/0001.beat   written again while the holder lives

The holder is the one with the highest number. To take over is to make the next number, and of all
that try, the store lets one: `write_new` (a hard link, or `If-None-Match: *`) is all that is asked
of it. A holder that ends removes the claims, the lowest first and its own last; a new claim counts
only if it is the last and the one that it follows is still there, so that nobody can follow a claim
that was removed. Ages are told by the store's clock, never by two machines'. Claims lie outside the
version: what is delivered depends on nothing in them.

Why nothing less will do:

1. One object that followers replace: two find the holder dead, the first deletes its claim and
   makes its own, the second deletes that one and makes its own. Both hold. Neither a folder nor
   most S3 services can replace an object on condition that it is still the same.
2. A claim that is written again as its own heartbeat: a holder looks, finds that the claim is its
   own, and lies still. Another follows and ends, a third begins at 0001; then the first one writes
   its 0001 over the third's, and believes that it holds the version.
3. Claims named by the token of the one they follow, found by walking from the first, without
   numbers and listings: a holder that was silent for long ends while another follows it. The first
   claim is removed, nobody finds the follower's any more, and a third holds the version beside it.
   A number is found whatever is gone before it.
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
# Earlier versions left `.done` as well.
_RECORD_NAME = re.compile(r"(\d{4,})\.(json|beat|done)")


@dataclass(frozen=True)
class LeaseRecord:
    """One process's claim to a version; it may travel to workers.

    Attributes:
        deal_id: The deal.
        version: Name of the version.
        number: Which claim to it this is, from 1.
        run_id: The run that holds it.
        holder: Its process.
        started: When, ISO 8601; for people, since machines' clocks differ.
        token: Random, so that a holder knows its own claim again.
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
        """Key prefix of the version's claims."""
        return lease_folder(self.deal_id, self.version)

    def key(self, kind: str = "json") -> str:
        """Key of the claim, or of its `beat`."""
        return f"{self.folder}/{self.number:04d}.{kind}"

    def to_json(self) -> bytes:
        """The claim as it is stored."""
        return _RECORD.dump_json(self) + b"\n"

    def describe(self) -> str:
        """Who holds it, in words."""
        who = f"process {self.holder.pid} on {self.holder.host}"
        return f"{self.deal_id}/{self.version}: run {self.run_id}, {who}, since {self.started}"


_RECORD = TypeAdapter(LeaseRecord)


@dataclass(frozen=True)
class LeaseStatus:
    """How a claim stands.

    Attributes:
        held: Whether its version is taken.
        certain: Whether that is known, and not just likely from a beat of late.
        age_s: Seconds since it was last heard of, by the store's clock.
    """

    held: bool
    certain: bool
    age_s: float


def lease_folder(deal_id: str, version: str) -> str:
    """Key prefix of the claims to a version."""
    return f"{LEASE_RECORDS}/{deal_id}/{version}"


def _numbered(store: Store, folder: str) -> list[tuple[int, str]]:
    """What lies in a folder of claims: numbers and keys, in order."""
    keys = [item.key for item in store.list(folder)]
    matches = [_RECORD_NAME.fullmatch(key.removeprefix(f"{folder}/")) for key in keys]
    return sorted((int(match[1]), key) for match, key in zip(matches, keys, strict=True) if match)


def latest_lease_record(store: Store, deal_id: str, version: str) -> LeaseRecord | None:
    """The claim with the highest number, if the version was ever claimed.

    Raises:
        RunError: If it cannot be read.
    """
    folder = lease_folder(deal_id, version)
    number = max((number for number, _ in _numbered(store, folder)), default=0)
    # Some services list late; they do not answer late for a name.
    while store.exists(f"{folder}/{number + 1:04d}.json"):
        number += 1
    return read_lease_record(store, f"{folder}/{number:04d}.json") if number else None


def read_lease_record(store: Store, key: str) -> LeaseRecord | None:
    """A claim, or none if it went away meanwhile.

    Raises:
        RunError: If it is damaged.
    """
    try:
        return _RECORD.validate_json(store.read_bytes(key))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RunError(
            "A claim cannot be read",
            f"{store.uri}/{key} ({error.errors()[0]['msg']})",
            "If no run of this deal is under way, remove the file and run again.",
        ) from error


def assess_lease(store: Store, record: LeaseRecord, stale_s: float) -> LeaseStatus:
    """How a version's last claim stands.

    Args:
        store: The output.
        record: The claim.
        stale_s: After how long without a beat a holder that cannot be looked at counts as dead.
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
    return store.now_s()  # it ended this moment: whoever asks again will see


def loss_reason(store: Store, record: LeaseRecord) -> str:
    """Why a version is no longer held by a claim; empty while it is."""
    if store.exists(dataclasses.replace(record, number=record.number + 1).key()):
        return "another run has taken the version over"
    if read_lease_record(store, record.key()) != record:
        return "another run has claimed the version at the same moment, or its claim was removed"
    return ""


def confirm_lease(store: Store, record: LeaseRecord) -> None:
    """For workers, before they make something final: two questions to the store.

    Raises:
        RunError: If the version is another process's by now.
    """
    reason = loss_reason(store, record)
    if reason:
        raise lease_lost_error(record, reason)


def remove_lease_records(store: Store, record: LeaseRecord) -> None:
    """Removes a version's claims up to the holder's own, which goes last."""
    for number, key in _numbered(store, record.folder):
        if number <= record.number and key != record.key():
            store.delete(key)
    store.delete(record.key())


def lease_lost_error(record: LeaseRecord, reason: str) -> RunError:
    """The error of a run that may write no more."""
    return RunError(
        "This run no longer holds its version",
        f"{record.deal_id}/{record.version}, claim {record.number}: {reason}",
        "Nothing more was written. Let the other run end, or run again.",
    )


def utc_now_text() -> str:
    """This machine's time, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")
