"""Reads the agency's log and books without the agency's key, and writes nothing.

What is read fits the checkpoint in the output, which the key beside it has signed. Whether that is
the agency's key, and whether the log was rolled back, only those can tell who remember more.
"""

from __future__ import annotations

from functools import cached_property
from typing import Protocol

from pipelines.accounts.books import Books
from pipelines.accounts.log_checks import (
    WRITE_AGAIN,
    changed_record,
    missing_record,
    naming_log_damage,
    open_beside_key,
    read_book_record,
    read_log_file,
)
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.record import Record
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError


class ReadableLog(Protocol):
    """The agency's log, as far as it is read."""

    books: Books
    checkpoint: str
    vkey: str

    @property
    def size(self) -> int:
        """Number of records."""

    @property
    def salt(self) -> bytes:
        """The agency's salt, under which the log's commitments are made."""

    def published(self) -> PublishedLog:
        """Returns the log for reading leaves and proofs."""

    def record(self, index: int) -> Record:
        """Returns a record of the books, which must be the one that the log has."""


class LogReader:
    """The log of an output that has one; made by `read_log`.

    Attributes:
        books: The records behind it.
        checkpoint: Its checkpoint.
        vkey: The key that signed it, as the output has it.
        size: Number of records.
    """

    def __init__(self, store: Store, vkey: str, checkpoint: str) -> None:
        self.books = Books(store)
        self.checkpoint = checkpoint
        self.vkey = vkey
        self._store = store
        _, self.size, root = open_beside_key(checkpoint, vkey, store)
        self._published = PublishedLog(self.size, root, self._read)

    @cached_property
    def salt(self) -> bytes:
        """The agency's salt, under which the log's commitments are made."""
        return bytes.fromhex(str(self.record(0).private["salt"]))

    def published(self) -> PublishedLog:
        """Returns the log for reading leaves and proofs."""
        return self._published

    def record(self, index: int) -> Record:
        """Returns a record of the books, which must be the one that the log has.

        Raises:
            RunError: If it is missing or was changed.
            ProofError: If the log is damaged.
        """
        data = self.books.record_bytes(index)
        if data is None:
            raise missing_record(index, self.checkpoint)
        record = read_book_record(self.books.record_key(index), data, index)
        with naming_log_damage():
            leaf = self._published.leaf(index)
            self._published.check(leaf_hash(leaf), index)
        if record.leaf() != leaf:
            raise changed_record(index, self.checkpoint)
        return record

    def _read(self, path: str) -> bytes:
        return read_log_file(self._store, path)


def read_log(store: Store) -> LogReader | None:
    """Opens the log of an output for reading; None if the output has none.

    Raises:
        RunError: If the checkpoint is not signed by the key beside it, or that key is missing.
    """
    try:
        data = store.read_bytes(f"{layout.AGENCY_LOG}/{layout.CHECKPOINT}")
        checkpoint = data.decode("utf-8", "replace")
    except FileNotFoundError:
        return None
    key = f"{layout.AGENCY_LOG}/{layout.LOG_VKEY}"
    try:
        vkey = store.read_bytes(key).decode("utf-8", "replace").strip()
    except FileNotFoundError as error:
        raise RunError(
            "The key of the agency's log is missing",
            f"{store.uri}/{key}",
            WRITE_AGAIN,
        ) from error
    return LogReader(store, vkey, checkpoint)
