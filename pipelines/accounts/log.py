"""The agency's log: opened, checked, and completed from the records of the books.

Tiles and checkpoint follow from the records; whoever opens the log next writes what is missing. So
a process that appends may be killed at any moment: either its record exists, or it does not.

To *refresh* the log, in the order numbered in the code: 1. read the checkpoint that is remembered
beside the key, then the stored one and the key beside it; 2. load the right edge of its tiles;
3. read the records that it does not cover; 4. compute the tree with them; 5. compare it with both
checkpoints; 6. write the marks of events (those that were lost, too), tiles and bundles; 7. write
the checkpoint; 8. remember it. What is read first was written last, so that another process that
appends meanwhile is not taken for somebody who altered the log.
"""

from __future__ import annotations

import sys

from pipelines.accounts.books import Books
from pipelines.accounts.kept_salts import Opener, kept_salts
from pipelines.accounts.key import LogKey
from pipelines.accounts.log_checks import (
    WRITE_AGAIN,
    SignedTree,
    changed_record,
    check_remembered,
    closed_by,
    forked,
    missing_record,
    naming_log_damage,
    older_checkpoint,
    other_key,
    read_book_record,
    read_log_file,
    read_remembered,
)
from pipelines.accounts.memory import remember
from pipelines.ledger.ed25519 import Signer
from pipelines.ledger.key_chain import key_of
from pipelines.ledger.log_edge import LogEdge
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.record import AllSets, Kind, Record, all_sets_of, read_leaf
from pipelines.ledger.signed_note import sign_checkpoint
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.storage.settling import Settling
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError

# Records of the books that are compared with the log, and with the marks of events, when it is
# opened; in a bucket, only the last. All of them if marks are missing.
_COMPARED = 1_024


class AgencyLog:
    """The agency's log in an output; made by `open_log`.

    Attributes:
        books: The records behind it.
        key: The agency's key.
        checkpoint: The log's checkpoint; empty for a log without records.
        origin: Its identity; empty likewise.
        vkey: The key that signs it.
        sets: The sets of everything delivered so far.
    """

    def __init__(self, store: Store, key: LogKey) -> None:
        self.books = Books(store)
        self.key = key
        self.checkpoint = ""
        self.origin = ""
        self.vkey = ""
        self.sets = AllSets()
        self._store = store
        self._edge: LogEdge | None = None
        self._loaded: list[Record] = []
        self._published = PublishedLog(0, b"", self.read)
        self._settling = Settling(store)

    @property
    def size(self) -> int:
        """Number of records."""
        return self._edge.size if self._edge else 0

    @property
    def root(self) -> bytes:
        """The tree's root."""
        return (self._edge or LogEdge()).root()

    @property
    def salt(self) -> bytes:
        """The agency's salt, under which the log's commitments are made."""
        return bytes.fromhex(str(self.record(0).private["salt"]))

    @property
    def openers(self) -> tuple[Opener, ...]:
        """What opens the ledgers of deals: the available keys, and what the books keep."""
        return (*self.key.secrets, *kept_salts(self))

    def read(self, path: str) -> bytes:
        """Reads a file of the log.

        Raises:
            RunError: If it is missing.
        """
        return read_log_file(self._store, path)

    def published(self) -> PublishedLog:
        """Returns the log for reading leaves and proofs."""
        if self._published.size != self.size:
            self._published = PublishedLog(self.size, self.root, self.read)
        return self._published

    def leaf(self, index: int) -> dict[str, object]:
        """Returns a leaf of the log; it is proved to be in the tree.

        Raises:
            RunError: If the log is damaged.
        """
        return read_leaf(self._leaf_bytes(index))

    def record(self, index: int) -> Record:
        """Returns a record of the books, which must be the one that the log has.

        Raises:
            RunError: If it is missing, was changed, or the log is damaged.
        """
        data = self.books.record_bytes(index)
        if data is None:
            raise missing_record(index, self.checkpoint)
        record = read_book_record(self.books.record_key(index), data, index)
        if record.leaf() != self._leaf_bytes(index):
            raise changed_record(index, self.checkpoint)
        return record

    def write_record(self, record: Record) -> bool:
        """Writes a record unless its index is taken; `refresh` tells which one has the index.

        Returns:
            Whether this call is known to have written it.
        """
        created = self.books.create_record(record.index, record.to_bytes())
        self._settling.see(self.books.record_key(record.index))
        return created

    def refresh(self) -> None:
        """Reads what was appended meanwhile, and completes tiles and checkpoint.

        Raises:
            RunError: If the log was forked, rolled back or altered, or is signed by another key.
        """
        known = read_remembered(self.key.memory, self._store, self._signers())  # 1
        stored = self._stored()
        published_key = None if stored is None or self._edge else self._published_key()
        edge = self._edge or self._load(stored)  # 2
        start = edge.size
        records = self._new_records(start)  # 3
        size = start + len(records)
        if stored is not None and stored.size > size:
            raise missing_record(size, stored.text)
        check_remembered(known, self.key.memory, self._store, size)
        self._compare_earlier(known, start)
        leaves = [record.leaf() for record in records]
        files: dict[str, bytes] = {}
        signed = [tree for tree in (stored, known) if tree is not None and tree.size >= start]
        for stop in sorted({*(tree.size for tree in signed), size}):  # 4
            files |= edge.extend(leaves[edge.size - start : stop - start])
            for tree in signed:  # 5
                if tree.size == stop and tree.root != edge.root():
                    raise forked(tree, edge.root(), self._store.uri)
        for record, leaf in zip(records, leaves, strict=True):
            self._take(record, leaf)
        if published_key not in (None, self.vkey, stored.vkey if stored else None):
            raise other_key(str(published_key), self.vkey, self._store.uri)
        if stored is not None and known is not None and stored.size < known.size:
            sys.stderr.write(f"{older_checkpoint(stored, known, self._store.uri)}\n")
        self._restore_marks()
        if size and (stored is None or stored.size < size):
            self._seal(records, files)  # 6, 7
        elif stored is not None:
            self.checkpoint = stored.text
        if self.key.memory is not None and size:
            remember(self.key.memory, self._store, self.checkpoint, size)  # 8

    def _signers(self) -> list[Signer]:
        return [item for item in (self.key.signer, self.key.previous) if item is not None]

    def _stored(self) -> SignedTree | None:
        """Returns the stored checkpoint, checked; None if there is none."""
        key = f"{layout.AGENCY_LOG}/{layout.CHECKPOINT}"
        try:
            text = self._store.read_bytes(key).decode("utf-8", "replace")
        except FileNotFoundError:
            return None
        return SignedTree.open(text, self._signers(), f"{self._store.uri}/{key}")

    def _published_key(self) -> str:
        """Returns the key that readers of the log find beside its checkpoint.

        It is written before a checkpoint by a new key, and after the record of that key.
        """
        text = self.read(layout.LOG_VKEY).decode("utf-8", "replace")
        return text.removesuffix("\n")

    def _load(self, stored: SignedTree | None) -> LogEdge:
        if stored is None:
            self._edge = LogEdge()
            return self._edge
        with naming_log_damage():
            edge = LogEdge.load(stored.size, self.read)
        if edge.root() != stored.root:
            raise RunError(
                "The tiles of the agency's log are not those of its checkpoint",
                f"root {edge.root().hex()}, checkpoint of {stored.describe()}",
                WRITE_AGAIN,
            )
        self._edge, self.checkpoint = edge, stored.text
        self.origin, self.vkey = stored.origin, stored.vkey
        self.sets = all_sets_of(self.leaf(stored.size - 1))
        compared = 1 if self._store.is_remote else _COMPARED
        is_marked = self.books.marked_events() == stored.size
        first = max(0, stored.size - compared) if is_marked else 0
        self._loaded = [self.record(index) for index in range(first, stored.size)]
        return edge

    def _restore_marks(self) -> None:
        """Marks the events of loaded records again whose mark was lost or changed.

        Without its mark, an event would be recorded again, and its money paid twice.
        """
        for record in self._loaded:
            event = record.event
            if event and not self.books.is_marked(event, record.index):
                self.books.mark_event(event, record.index)
        self._loaded = []

    def _new_records(self, first: int) -> list[Record]:
        """Reads the records from an index on, once no other process can still replace one."""
        found: list[bytes] = []
        while (data := self.books.record_bytes(first + len(found))) is not None:
            self._settling.see(self.books.record_key(first + len(found)))
            found.append(data)
        if found and self._store.settle_s:
            self._settling.wait(self.books.record_key(first + at) for at in range(len(found)))
            found = [self.books.record_bytes(first + at) or b"" for at in range(len(found))]
        return [
            read_book_record(self.books.record_key(index), data, index)
            for index, data in enumerate(found, first)
        ]

    def _compare_earlier(self, known: SignedTree | None, start: int) -> None:
        """Compares the tree with a remembered checkpoint of fewer records than were loaded."""
        if known is None or known.size >= start:
            return
        with naming_log_damage():
            root = PublishedLog(start, b"", self.read).prefix_root(known.size)
        if root != known.root:
            raise forked(known, root, self._store.uri)

    def _take(self, record: Record, leaf: bytes) -> None:
        """Takes over what a new record says about the log itself."""
        fields = read_leaf(leaf)
        self.sets = all_sets_of(fields)
        if (record.index == 0) != (self.origin == ""):
            raise changed_record(record.index, self.checkpoint)
        if record.kind is not Kind.KEY:
            if record.index == 0:
                raise changed_record(0, self.checkpoint)
            return
        found = key_of(fields)
        if record.index and (found.origin, found.previous_vkey) != (self.origin, self.vkey):
            raise changed_record(record.index, self.checkpoint)
        self.origin, self.vkey = found.origin, found.vkey

    def _seal(self, records: list[Record], files: dict[str, bytes]) -> None:
        signer = next((item for item in self._signers() if item.vkey == self.vkey), None)
        if signer is None:
            raise closed_by(self.vkey, self.key.signer)
        for record in records:
            if record.event:
                self.books.mark_event(record.event, record.index)
        for path, data in files.items():
            self._store.write_bytes(f"{layout.AGENCY_LOG}/{path}", data)
        self.checkpoint = sign_checkpoint(signer, self.origin, self.size, self.root)
        stored = self._stored()
        if stored is None or stored.size < self.size:  # unless another process was faster
            self._write(layout.LOG_VKEY, f"{self.vkey}\n")
            self._write(layout.CHECKPOINT, self.checkpoint)

    def _write(self, name: str, text: str) -> None:
        self._store.write_bytes(f"{layout.AGENCY_LOG}/{name}", text.encode())

    def _leaf_bytes(self, index: int) -> bytes:
        published = self.published()
        with naming_log_damage():
            leaf = published.leaf(index)
            published.check(leaf_hash(leaf), index)
        return leaf


def require_records(log: AgencyLog) -> None:
    """Refuses a log that has no records yet.

    Raises:
        RunError: If it has none.
    """
    if log.size == 0:
        raise RunError(
            "The output has no agency log yet",
            "",
            "Run `fairshard package` first, which creates it.",
        )


def open_log(store: Store, key: LogKey) -> AgencyLog:
    """Opens the agency's log of an output; it may have no records yet.

    Raises:
        RunError: If the log was forked, rolled back or altered, or is signed by another key.
    """
    log = AgencyLog(store, key)
    log.refresh()
    return log
