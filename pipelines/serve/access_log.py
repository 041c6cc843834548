"""Writes in the agency's log who was given what."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field

from pipelines.accounts.append import NewRecord, append_record
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.ledger.record import AllSets, Kind
from pipelines.storage.store import Store

# Tells a record of this call from that of another one: a service that broke off after it wrote a
# record does not say whose it is.
_CALL, _CALL_BYTES = "call", 16


@dataclass
class AccessLog:
    """The agency's log, which stays open between requests. Thread-safe; one record at a time.

    Attributes:
        store: The output.
        key: The agency's key.
    """

    store: Store
    key: LogKey
    _log: AgencyLog | None = field(default=None, init=False, repr=False)
    _turn: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def write(self, event: tuple[str, ...], private: dict[str, object], at: str) -> bool:
        """Records an access. The public part of the record says only that there was one.

        Args:
            event: What identifies it.
            private: What only the agency knows.
            at: ISO 8601 instant.

        Returns:
            False if it is in the log already, by this server or another one.

        Raises:
            RunError: If the log is damaged; the next call then reads it again.
        """
        call = secrets.token_hex(_CALL_BYTES)

        def make(index: int, sets: AllSets) -> NewRecord:
            return NewRecord({}, {**private, _CALL: call}, sets)

        with self._turn:
            log, self._log = self._log or open_log(self.store, self.key), None
            record = append_record(log, Kind.ACCESS, (str(Kind.ACCESS), *event), at, make)
            self._log = log
        return record.private.get(_CALL) == call
