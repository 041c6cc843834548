"""Appends records to the agency's log, each event once, however many processes do so at a time.

A record is appended by creating its file in the books. Only one process can create the file of an
index; the others then read the record that is there, and try the next index.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from pipelines.accounts.kept_salts import salts_to_keep
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.log_checks import closed_by
from pipelines.ledger.commitments import Domain, item_salt
from pipelines.ledger.key_chain import first_key, hand_over
from pipelines.ledger.record import AllSets, Kind, Record
from schemas import layout
from schemas.errors import RunError

_MAX_ATTEMPTS = 1_000  # as many other records may be first


@dataclass(frozen=True)
class NewRecord:
    """The content of a record that is to be appended.

    Attributes:
        public: What the log publishes.
        private: What only the agency knows.
        sets: What is delivered so far, this record included.
    """

    public: Mapping[str, object]
    private: Mapping[str, object] = field(repr=False)
    sets: AllSets


#: Returns the content of a record, given its index and the sets before it. What the content names
#: must have been stored by then. It is called again if another process was first.
MakeRecord = Callable[[int, AllSets], NewRecord]


def append_record(
    log: AgencyLog,
    kind: Kind,
    event: tuple[str, ...],
    recorded_at: str,
    make: MakeRecord,
    on_created: Callable[[int], object] = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Record:
    """Appends the record of an event, or returns the one that exists.

    Args:
        log: The log.
        kind: What the record tells.
        event: What identifies the event, the kind first: the same event is recorded once.
        recorded_at: ISO 8601 instant.
        make: Returns the content.
        on_created: Called with the record's index if this call wrote it, and not another process
            that recorded the same event at the same time.
        meanwhile: Called each time a record was written and it is not known yet whether it stays.

    Raises:
        RunError: If the log was forked, rolled back or altered, or is signed by another key.
        InputError: If the content cannot be written.
    """
    log.refresh()
    _use_key(log, recorded_at)
    return _append(log, kind, event, recorded_at, make, on_created, meanwhile)


def begin_log(log: AgencyLog, recorded_at: str) -> None:
    """Writes the first record of a log that has none; see `AgencyLog.write_record`.

    Whoever appends another one later then need not wait to see whether this one stays.

    Args:
        log: The log, just opened or refreshed.
        recorded_at: ISO 8601 instant of the first event that will be recorded.
    """
    if log.size == 0:
        event, make = _first(log)
        log.write_record(_record(log, Kind.KEY, event, recorded_at, make))


def _append(
    log: AgencyLog,
    kind: Kind,
    event: tuple[str, ...],
    recorded_at: str,
    make: MakeRecord,
    on_created: Callable[[int], object] = lambda _: None,
    meanwhile: Callable[[], object] = lambda: None,
) -> Record:
    for _ in range(_MAX_ATTEMPTS):
        found = log.books.index_of(event)
        if found is not None and found < log.size:
            record = log.record(found)
            if record.event != event:
                raise _wrong_mark(event, found)
            return record
        record = _record(log, kind, event, recorded_at, make)
        if log.write_record(record):
            on_created(record.index)
        meanwhile()
        log.refresh()  # reads whichever record has the index
    raise RunError(
        "The record cannot be appended to the agency's log",
        f"{_MAX_ATTEMPTS} other records were appended first",
        "Run again when other commands have finished.",
    )


def _record(
    log: AgencyLog, kind: Kind, event: tuple[str, ...], recorded_at: str, make: MakeRecord
) -> Record:
    """Returns the record that an event has if it is the log's next one."""
    index = log.size
    new = make(index, log.sets)
    salt = log.salt if index else log.key.salt
    record = Record(
        index,
        kind,
        recorded_at,
        {**new.public, **new.sets.fields()},
        {**new.private, "event": list(event)},
        item_salt(salt, Domain.RECORD, str(index), *event),
    )
    record.leaf()  # refuses what cannot be written before anything is
    return record


def _wrong_mark(event: tuple[str, ...], index: int) -> RunError:
    return RunError(
        "The mark of an event in the agency's books points to another event's record",
        f"{' '.join(event)[:100]!a}: record {index}",
        f"Nothing was recorded. Remove the folder {layout.BOOKS}/events and run again: the marks "
        "are then made from the records.",
    )


def _first(log: AgencyLog) -> tuple[tuple[str, ...], MakeRecord]:
    """Returns the event and the content of a log's first record."""
    key = first_key(log.key.signer, log.key.salt)
    begun = NewRecord(key.fields(), {"salt": log.key.salt.hex()}, AllSets())
    return ("key", "first"), lambda _, __: begun


def _use_key(log: AgencyLog, recorded_at: str) -> None:
    """Begins the log, or hands it over to the key if another one has signed it so far."""
    signer, previous = log.key.signer, log.key.previous
    if log.size == 0:
        first, begin = _first(log)
        _append(log, Kind.KEY, first, recorded_at, begin)
    if log.vkey == signer.vkey:
        return
    if previous is None or previous.vkey != log.vkey:
        raise closed_by(log.vkey, signer)

    def make(index: int, sets: AllSets) -> NewRecord:
        private = salts_to_keep(log.books.store, log.key.earlier)
        return NewRecord(hand_over(log.origin, index, previous, signer).fields(), private, sets)

    event = ("key", previous.vkey, signer.vkey, str(log.size))
    _append(log, Kind.KEY, event, recorded_at, make)
