"""A store in a folder; files are written under a temporary name, synced and renamed."""

from __future__ import annotations

import builtins
import contextlib
import errno
import io
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.storage.local_file import (
    TEMPORARY_PREFIX,
    FileSource,
    is_temporary,
    link_file,
    make_folder,
    raise_listing_error,
    sync_and_close,
    sync_folder,
    temporary_file,
    translate_read_errors,
    translate_write_errors,
)
from pipelines.storage.local_strays import find_strays
from pipelines.storage.store import (
    ObjectInfo,
    Sink,
    Stray,
    UnfinishedWrite,
    check_key,
    check_prefix,
)
from schemas.errors import InputError

_COPY_BYTES = 1 << 20


@dataclass(frozen=True)
class LocalStore:
    """Objects as files below a folder.

    Attributes:
        uri: The address as given.
        folder: The folder if the address is a file:// URI; empty if the address is the folder.
    """

    uri: str
    folder: str = ""

    @property
    def root(self) -> Path:
        """The store's folder."""
        return Path(self.folder or self.uri)

    def path(self, key: str) -> Path:
        """Returns the path of an object's file."""
        return self.root / check_key(key)

    @property
    def is_remote(self) -> bool:
        """See `Store.is_remote`."""
        return False

    @property
    def requests_at_once(self) -> int:
        """See `Store.requests_at_once`."""
        return 1

    @property
    def settle_s(self) -> float:
        """See `Store.settle_s`."""
        return 0.0

    def now_s(self) -> float:
        """See `Store.now_s`. Taken from a new file, since the folder may be on another machine."""
        probe = self._probe()
        with translate_write_errors(probe):
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
        with translate_read_errors(path):
            return path.is_file()

    def size(self, key: str) -> int:
        """See `Store.size`."""
        return self.stat(key).size_bytes

    def stat(self, key: str) -> ObjectInfo:
        """See `Store.stat`."""
        path = self.path(key)
        with translate_read_errors(path):
            if not path.is_file():
                raise FileNotFoundError(str(path))
            found = path.stat()
        return ObjectInfo(key, found.st_size, found.st_mtime)

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        found = [info for info in self._walk(prefix) if not is_temporary(info.key)]
        return sorted(found, key=lambda info: info.key)

    def folders(self, prefix: str = "") -> builtins.list[str]:
        """See `Store.folders`."""
        base = self.root / check_prefix(prefix)
        try:
            with translate_read_errors(base), os.scandir(base) as entries:
                found = [item.name for item in entries if item.is_dir(follow_symlinks=False)]
        except (FileNotFoundError, NotADirectoryError):
            return []
        return sorted(found)

    def _walk(self, prefix: str) -> Iterator[ObjectInfo]:
        for folder, _, names in os.walk(
            self.root / check_prefix(prefix), onerror=raise_listing_error
        ):
            for name in names:
                path = Path(folder, name)
                # A file may be removed while the folder is listed, and a link may lead nowhere.
                with contextlib.suppress(FileNotFoundError), translate_read_errors(path):
                    stat = _stat(path)
                    key = path.relative_to(self.root).as_posix()
                    yield ObjectInfo(key, stat.st_size, stat.st_mtime, _change_marker(stat))

    def strays(self, prefix: str = "") -> builtins.list[Stray]:
        """See `Store.strays`."""
        base = check_prefix(prefix)
        found = find_strays(self.root / base)
        under = (Stray(f"{base}/{stray.key}" if base else stray.key, stray.what) for stray in found)
        return sorted(under, key=lambda stray: stray.key)

    def remove_stray(self, stray: Stray) -> None:
        """See `Store.remove_stray`."""
        path = self.root / stray.key
        with translate_write_errors(path), contextlib.suppress(FileNotFoundError):
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
            sync_folder(path.parent)
        self._prune(path.parent)

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`."""
        with self.open_write(key, private=private) as sink:
            sink.write(data)

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        """See `Store.open_write`."""
        path = self.path(key)
        with temporary_file(path, private=private) as (sink, name):
            yield sink
            with translate_write_errors(path):
                sync_and_close(sink)
                name.replace(path)
                sync_folder(path.parent)

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        path = self.path(key)
        with translate_write_errors(path):
            if path.is_dir():  # its name is taken, but not by an object
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
            if path.exists():
                return False
        with temporary_file(path, private=private) as (sink, name):
            sink.write(data)
            with translate_write_errors(path):
                sync_and_close(sink)
                try:
                    # Unlike a rename, a link fails if the name is taken; unlike an exclusive
                    # open, it publishes the whole content at once.
                    path.hardlink_to(name)
                except FileExistsError:
                    return False
                # Before the sync, which takes long: a run that is killed in it leaves one name.
                with contextlib.suppress(OSError):
                    name.unlink()
                sync_folder(path.parent)
        return True

    def copy(self, names: Iterable[tuple[str, str]]) -> None:
        """See `Store.copy`. Files get second names; where they cannot, their bytes are copied.

        Each folder is synced once, at the end: a sync takes far longer than a name.
        """
        folders = set[Path]()
        for source, target in names:
            path, wanted = self.path(source), self.path(target)
            with translate_read_errors(path):
                if not path.is_file():
                    raise FileNotFoundError(str(path))
                path = path.resolve()  # never a second name of a link
            if link_file(path, wanted):
                folders.add(wanted.parent)
                continue
            with self.open_read(source) as file, self.open_write(target) as sink:
                while data := file.read(_COPY_BYTES):
                    sink.write(data)
        for folder in sorted(folders):
            with translate_write_errors(folder):
                sync_folder(folder)

    def delete(self, key: str) -> None:
        """See `Store.delete`. Folders that become empty are removed as well."""
        path = self.path(key)
        with (
            translate_write_errors(path),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            path.unlink()
            sync_folder(path.parent)
        self._prune(path.parent)

    def delete_many(self, keys: Iterable[str]) -> None:
        """See `Store.delete_many`."""
        for key in keys:
            self.delete(key)

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`. Folders above that become empty are removed as well."""
        folder = self.path(check_prefix(prefix))
        with (
            translate_write_errors(folder),
            contextlib.suppress(FileNotFoundError, NotADirectoryError),
        ):
            shutil.rmtree(folder)
            sync_folder(folder.parent)
        self._prune(folder.parent)

    def _prune(self, folder: Path) -> None:
        with contextlib.suppress(OSError):  # a folder that is not empty is kept
            while folder != self.root:
                folder.rmdir()
                folder = folder.parent

    def unfinished_writes(self, prefix: str = "") -> builtins.list[UnfinishedWrite]:
        """See `Store.unfinished_writes`."""
        unfinished = [info for info in self._walk(prefix) if is_temporary(info.key)]
        ordered = sorted(unfinished, key=lambda info: info.key)
        return [UnfinishedWrite(info.key, info.size_bytes, info.modified_s) for info in ordered]

    def discard(self, unfinished: UnfinishedWrite) -> None:
        """See `Store.discard`."""
        if not is_temporary(unfinished.key):
            raise ValueError(f"not a temporary file: {unfinished.key!r}")
        self.delete(unfinished.key)

    def discard_unfinished(self, prefix: str) -> None:
        """See `Store.discard_unfinished`."""
        for unfinished in self.unfinished_writes(prefix):
            self.discard(unfinished)

    def ensure_writable(self) -> None:
        """See `Store.ensure_writable`."""
        probe = self._probe()
        try:
            make_folder(self.root)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise InputError(
                "The folder cannot be created or written",
                f"{self.root} ({error.strerror or error})",
                "Choose another folder, or correct its permissions.",
            ) from error

    def _probe(self) -> Path:
        return self.root / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"


def _stat(path: Path) -> os.stat_result:
    try:
        return path.stat()
    except OSError as error:
        if error.errno == errno.ELOOP:  # a link to itself
            raise FileNotFoundError(str(path)) from error
        raise


def _change_marker(stat: os.stat_result) -> str:
    """Returns what changes with a file: size, mtime and ctime in nanoseconds, inode."""
    return f"{stat.st_size}-{stat.st_mtime_ns}-{stat.st_ctime_ns}-{stat.st_ino}"
