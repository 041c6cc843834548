"""A store in a folder: temporary name, fsync, rename."""

from __future__ import annotations

import builtins
import contextlib
import io
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.storage.local_file import (
    TEMPORARY_PREFIX,
    FileSource,
    close_safely,
    is_temporary,
    listing_failed,
    make_folder,
    read_errors,
    sync_folder,
    temporary,
    write_errors,
)
from pipelines.storage.store import ObjectInfo, Sink, Unfinished, check_key, check_prefix
from schemas.errors import InputError


@dataclass(frozen=True)
class LocalStore:
    """Objects as files below a folder.

    Attributes:
        uri: The address as given.
        folder: The folder, where the address is a file:// URI; empty where it is the address.
    """

    uri: str
    folder: str = ""

    @property
    def root(self) -> Path:
        """The store's folder."""
        return Path(self.folder or self.uri)

    def path(self, key: str) -> Path:
        """Where an object's file is."""
        return self.root / check_key(key)

    @property
    def far(self) -> bool:
        """See `Store.far`."""
        return False

    @property
    def settle_s(self) -> float:
        """See `Store.settle_s`."""
        return 0.0

    def clock(self) -> float:
        """See `Store.clock`. Asked of a new file: a folder may be another machine's."""
        probe = self._probe()
        with write_errors(probe):
            probe.touch(exist_ok=False)
            try:
                return probe.stat().st_mtime
            finally:
                probe.unlink()

    def read_bytes(self, key: str) -> bytes:
        """See `Store.read_bytes`."""
        with self.open_read(key) as file:
            return file.read()

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`."""
        path = self.path(key)
        try:
            return io.BufferedReader(FileSource(path))
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(str(path)) from error

    def read_range(self, key: str, start: int, size: int) -> bytes:
        """See `Store.read_range`."""
        with self.open_read(key) as file:
            file.seek(start)
            return file.read(size)

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        path = self.path(key)
        with read_errors(path):
            return path.is_file()

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return self.stat(key).size_bytes

    def stat(self, key: str) -> ObjectInfo:
        """See `Store.stat`."""
        path = self.path(key)
        with read_errors(path):
            if not path.is_file():
                raise FileNotFoundError(str(path))
            found = path.stat()
        return ObjectInfo(key, found.st_size, found.st_mtime)

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        found = [info for info in self._walk(prefix) if not is_temporary(info.key)]
        return sorted(found, key=lambda info: info.key)

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        for folder, _, names in os.walk(self.root / check_prefix(prefix), onerror=listing_failed):
            for name in names:
                path = Path(folder, name)
                # A file may be removed while the folder is walked.
                with contextlib.suppress(FileNotFoundError), read_errors(path):
                    seen = path.stat()
                    key = path.relative_to(self.root).as_posix()
                    yield ObjectInfo(key, seen.st_size, seen.st_mtime, _marker(seen))

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`."""
        with self.open_write(key, private=private) as sink:
            sink.write(data)

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        """See `Store.open_write`."""
        path = self.path(key)
        with temporary(path, private=private) as (sink, name):
            yield sink
            with write_errors(path):
                close_safely(sink)
                name.replace(path)
                sync_folder(path.parent)

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        path = self.path(key)
        with read_errors(path):
            if path.exists():
                return False
        with temporary(path, private=private) as (sink, name):
            sink.write(data)
            with write_errors(path):
                close_safely(sink)
                try:
                    # Unlike a rename, a link fails if the name is taken; unlike an exclusive
                    # open, it brings the whole content at once.
                    path.hardlink_to(name)
                except FileExistsError:
                    return False
                sync_folder(path.parent)
        return True

    def delete(self, key: str) -> None:
        """See `Store.delete`. Folders that are left empty go as well."""
        path = self.path(key)
        with write_errors(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            sync_folder(path.parent)
        self._prune(path.parent)

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`. Folders above it that are left empty go as well."""
        folder = self.path(check_prefix(prefix))
        with write_errors(folder), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(folder)
            sync_folder(folder.parent)
        self._prune(folder.parent)

    def _prune(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # one that is not empty stays
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent

    def unfinished(self, prefix: str = "") -> builtins.list[Unfinished]:
        """See `Store.unfinished`."""
        left = [info for info in self._walk(prefix) if is_temporary(info.key)]
        ordered = sorted(left, key=lambda info: info.key)
        return [Unfinished(info.key, info.size_bytes, info.modified_s) for info in ordered]

    def discard(self, left: Unfinished) -> None:
        """See `Store.discard`."""
        if not is_temporary(left.key):
            raise ValueError(f"not a temporary file: {left.key!r}")
        self.delete(left.key)

    def sweep(self, prefix: str) -> None:
        """See `Store.sweep`."""
        for left in self.unfinished(prefix):
            self.discard(left)

    def ensure(self) -> None:
        """See `Store.ensure`."""
        probe = self._probe()
        try:
            make_folder(self.root)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise InputError(
                "The folder cannot be made or written",
                f"{self.root} ({error.strerror or error})",
                "Choose another folder, or mend its permissions.",
            ) from error

    def _probe(self) -> Path:
        return self.root / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def _marker(seen: os.stat_result) -> str:
    """What changes with a file: size, times of content and of entry to the nanosecond, inode."""
    return f"{seen.st_size}-{seen.st_mtime_ns}-{seen.st_ctime_ns}-{seen.st_ino}"
