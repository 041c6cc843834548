"""The files of a patched delivery: kept from the version before, or written, each with its digest.

A file that is kept is copied within the store, never read and written again. In a folder it gets a
second name, so it takes no space.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from pipelines.removal.predecessor import Predecessor
from pipelines.storage.digests import object_sha256
from pipelines.storage.store import Sink, Store
from schemas.manifest import FileRecord


@dataclass
class PatchOutput:
    """Where a patched delivery is written to.

    Attributes:
        before: The version that is patched.
        delivery: Key prefix of the patched delivery.
        agency: Key prefix of what stays with the agency.
        files: The delivery's files so far, by path.
    """

    before: Predecessor
    delivery: str
    agency: str
    files: dict[str, FileRecord] = field(default_factory=dict)

    @property
    def store(self) -> Store:
        """The output store."""
        return self.before.store

    def keep(self, paths: Sequence[str]) -> None:
        """Takes files from the version before, unchanged.

        Raises:
            RunError: If one is missing or damaged. In a folder only its size is compared, since the
                file itself is kept; the bytes are what `verify` says about either version.
        """
        before, store = self.before, self.store
        try:
            store.copy((f"{before.delivery}/{path}", f"{self.delivery}/{path}") for path in paths)
        except FileNotFoundError as error:
            gone = [path for path in paths if not store.exists(f"{before.delivery}/{path}")]
            raise before.damage(", ".join(gone[:1]), "missing") from error
        for path in paths:
            self._check_kept(path)

    def _check_kept(self, path: str) -> None:
        store, key, record = self.store, f"{self.delivery}/{path}", self.before.listed[path]
        size = store.size(key)
        if size != record.bytes:
            raise self.before.damage(path, f"{size:,} bytes, the manifest says {record.bytes:,}")
        if store.is_remote and (digest := object_sha256(store, key)) != record.sha256:
            raise self.before.damage(path, f"sha256 {digest}, the manifest says {record.sha256}")
        self.files[path] = record

    def write(self, path: str, data: bytes) -> FileRecord:
        """Writes a file of the delivery."""
        self.store.write_bytes(f"{self.delivery}/{path}", data)
        return self._record(path, len(data), hashlib.sha256(data).hexdigest())

    def write_chunks(self, path: str, chunks: Iterable[bytes]) -> FileRecord:
        """Streams a file of the delivery."""
        digest, size = hashlib.sha256(), 0
        with self.open(path) as sink:
            for chunk in chunks:
                digest.update(chunk)
                size += sink.write(chunk)
        return self._record(path, size, digest.hexdigest())

    @contextmanager
    def open(self, path: str) -> Iterator[Sink]:
        """Streams a file whose digest the caller computes and gives to `add`."""
        with self.store.open_write(f"{self.delivery}/{path}") as sink:
            yield sink

    def add(self, record: FileRecord) -> None:
        """Adds a file that was written with `open`."""
        self.files[record.path] = record

    def _record(self, path: str, size: int, sha256: str) -> FileRecord:
        self.files[path] = record = FileRecord(path=path, bytes=size, sha256=sha256)
        return record
