"""A small log to append to: keys, and records of events that are no deliveries."""

from __future__ import annotations

from pathlib import Path

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.ledger.commitments import agency_salt
from pipelines.ledger.record import AllSets, Kind, Record
from pipelines.ledger.signed_note import FileKey
from pipelines.storage.open import open_store
from pipelines.storage.store import Store

SIGNER = FileKey("agency.example", bytes(range(32)))
NEXT = FileKey("agency.example/2027", bytes(range(1, 33)))
AS_OF = "2026-06-30T00:00:00+00:00"


def key_of(
    memory: Path | None, signer: FileKey = SIGNER, previous: FileKey | None = None
) -> LogKey:
    return LogKey(signer, agency_salt(SIGNER.secret), memory, previous, (SIGNER.secret,))


def note(log: AgencyLog, name: str) -> Record:
    """Appends a record of an event of this name."""

    def make(index: int, sets: AllSets) -> NewRecord:
        return NewRecord({"name": f"public {name}"}, {"secret": f"private {name}"}, sets)

    return append_record(log, Kind.NOTICE, ("notice", name), AS_OF, make)


def begun(folder: Path, *names: str) -> tuple[Store, LogKey]:
    """Returns an output with a log of these events, and its key."""
    store, key = open_store(str(folder / "out")), key_of(folder / "key.checkpoint")
    log = open_log(store, key)
    for name in names:
        note(log, name)
    return store, key
