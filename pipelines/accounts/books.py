"""The files of the agency's books, which are private: records, sets, lines, and what was recorded.

<output>/agency/books/records/<8 digits>.json   one record; created once and never replaced
<output>/agency/books/events/<sha256>.json      the index of the record of an event, from its record
<output>/agency/books/sets/<root>.npy           a sorted set, one commitment of 32 bytes per row
<output>/agency/books/sets/<root>.blocks.npy    the hashes of its whole blocks
<output>/agency/books/lines/<sha256>.parquet    a pool's lines
<output>/agency/books/documents/<sha256>.json   a notice of removal, or a buyer's reply to one
"""

from __future__ import annotations

import hashlib
import io
import re
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.ledger.merkle import HASH_BYTES, ProofError
from pipelines.ledger.record import integer_of, read_canonical
from pipelines.ledger.set_tree import Rows, StoredSet, set_root
from pipelines.storage.store import Store
from schemas import layout
from schemas.canonical import canonical_json
from schemas.errors import RunError

_NPY_HEADER_BYTES = 128  # numpy pads the header of a small array to this length
_CHUNK_ROWS = 65_536
_EVENT_KEY = re.compile(rf"{layout.BOOKS}/events/[0-9a-f]{{64}}\.json")


@dataclass(frozen=True)
class Books:
    """The books of an output."""

    store: Store

    def record_key(self, index: int) -> str:
        """Returns the key of a record."""
        return f"{layout.BOOKS}/records/{index:08d}.json"

    def record_bytes(self, index: int) -> bytes | None:
        """Returns a record's bytes, or None if there is none."""
        try:
            return self.store.read_bytes(self.record_key(index))
        except FileNotFoundError:
            return None

    def create_record(self, index: int, data: bytes) -> bool:
        """Writes a record unless its index is taken; what is stored then decides, not the reply.

        Returns:
            Whether this call is known to have written it.
        """
        return self.store.write_new(self.record_key(index), data, private=True)

    def index_of(self, event: tuple[str, ...]) -> int | None:
        """Returns the index of the record of an event, or None."""
        try:
            data = self.store.read_bytes(_event_key(event))
        except FileNotFoundError:
            return None
        return integer_of(read_canonical(data, "the mark of an event"), "index")

    def is_marked(self, event: tuple[str, ...], index: int) -> bool:
        """Returns whether the mark of an event is there and names this record."""
        try:
            return self.index_of(event) == index
        except ProofError:
            return False

    def marked_events(self) -> int:
        """Returns how many events have a mark."""
        listed = self.store.list(f"{layout.BOOKS}/events")
        return sum(_EVENT_KEY.fullmatch(item.key) is not None for item in listed)

    def mark_event(self, event: tuple[str, ...], index: int) -> None:
        """Notes the index of the record of an event."""
        self.store.write_bytes(_event_key(event), canonical_json({"index": index}), private=True)

    def write_lines(self, data: bytes) -> str:
        """Keeps a pool's lines under their digest, which is returned."""
        digest = hashlib.sha256(data).hexdigest()
        key = f"{layout.BOOKS}/lines/{digest}.parquet"
        if not self.store.exists(key):
            self.store.write_bytes(key, data, private=True)
        return digest

    def read_lines(self, digest: str, schema: pa.Schema) -> pa.Table:
        """Reads lines, which must have their digest and a schema.

        Raises:
            RunError: If they are missing or damaged.
        """
        key = f"{layout.BOOKS}/lines/{digest}.parquet"
        try:
            data = self.store.read_bytes(key)
        except FileNotFoundError as error:
            raise _damaged_lines(key, "the file is missing") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged_lines(key, "its digest is another one")
        table = pq.read_table(pa.BufferReader(data), use_threads=False)
        if not table.schema.equals(schema):
            raise _damaged_lines(key, "its columns are others")
        return table

    def write_document(self, data: bytes) -> str:
        """Keeps a notice or a reply under its digest, which is returned."""
        digest = hashlib.sha256(data).hexdigest()
        key = _document_key(digest)
        if not self.store.exists(key):
            self.store.write_bytes(key, data, private=True)
        return digest

    def read_document(self, digest: str) -> bytes:
        """Reads a notice or a reply, which must have its digest.

        Raises:
            RunError: If it is missing or damaged.
        """
        key = _document_key(digest)
        try:
            data = self.store.read_bytes(key)
        except FileNotFoundError as error:
            raise _damaged_document(key, "the file is missing") from error
        if hashlib.sha256(data).hexdigest() != digest:
            raise _damaged_document(key, "its digest is another one")
        return data

    def write_set(self, rows: Rows) -> str:
        """Keeps a sorted set under its root, which is returned, hex."""
        root, blocks = set_root(rows)
        name = root.hex()
        if len(rows) and not self.store.exists(f"{_set_key(name)}.npy"):
            block_rows = np.frombuffer(blocks, np.uint8).reshape(-1, HASH_BYTES)
            self._write_rows(f"{_set_key(name)}.blocks.npy", block_rows)
            self._write_rows(f"{_set_key(name)}.npy", rows)
        return name

    def read_set(self, root: str, size: int) -> Rows:
        """Reads a whole set, and checks that it has its root.

        Raises:
            RunError: If it is missing or damaged.
        """
        if size == 0:
            return np.empty((0, HASH_BYTES), np.uint8)
        data = self._whole(f"{_set_key(root)}.npy")[_NPY_HEADER_BYTES:]
        if len(data) != size * HASH_BYTES:
            raise damaged_set(root, f"{len(data):,} bytes for {size:,} commitments")
        rows = np.frombuffer(data, np.uint8).reshape(-1, HASH_BYTES)
        if set_root(rows)[0].hex() != root:
            raise damaged_set(root, "its commitments have another root")
        return rows

    def open_set(self, root: str, size: int) -> StoredSet:
        """Opens a set that is read in parts."""
        return StoredSet(
            size,
            lambda start, stop: self._part(root, f"{_set_key(root)}.npy", start, stop),
            lambda start, stop: self._part(root, f"{_set_key(root)}.blocks.npy", start, stop),
        )

    def _part(self, root: str, key: str, start: int, stop: int) -> bytes:
        at, length = _NPY_HEADER_BYTES + start * HASH_BYTES, (stop - start) * HASH_BYTES
        try:
            data = self.store.read_range(key, at, length)
        except FileNotFoundError as error:
            raise damaged_set(root, f"{key} is missing") from error
        if len(data) != length:
            raise damaged_set(root, f"{key} ends early")
        return data

    def _whole(self, key: str) -> bytes:
        try:
            return self.store.read_bytes(key)
        except FileNotFoundError as error:
            raise RunError(
                "A set of the agency's books is missing", key, "Restore it from a copy."
            ) from error

    def _write_rows(self, key: str, rows: Rows) -> None:
        head = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            head, {"descr": "|u1", "fortran_order": False, "shape": rows.shape}
        )
        if len(head.getvalue()) != _NPY_HEADER_BYTES:
            raise ProofError("a set has a header of another length", f"{len(head.getvalue())}")
        with self.store.open_write(key, private=True) as sink:
            sink.write(head.getvalue())
            for start in range(0, len(rows), _CHUNK_ROWS):
                sink.write(rows[start : start + _CHUNK_ROWS].tobytes())


def _event_key(event: tuple[str, ...]) -> str:
    digest = hashlib.sha256(canonical_json(list(event))).hexdigest()
    return f"{layout.BOOKS}/events/{digest}.json"


def _set_key(root: str) -> str:
    return f"{layout.BOOKS}/sets/{root}"


def _document_key(digest: str) -> str:
    return f"{layout.BOOKS}/documents/{digest}.json"


def _damaged_document(key: str, why: str) -> RunError:
    return RunError(
        "A document of the agency's books is damaged", f"{key}: {why}", "Restore it from a copy."
    )


def _damaged_lines(key: str, why: str) -> RunError:
    return RunError(
        "Lines of the agency's books are damaged", f"{key}: {why}", "Restore them from a copy."
    )


def damaged_set(root: str, why: str) -> RunError:
    """Returns the error for a set whose files are not what was written."""
    return RunError(
        "A set of the agency's books is damaged",
        f"{_set_key(root)}: {why}",
        "Restore its files, .npy and .blocks.npy, from a copy.",
    )
