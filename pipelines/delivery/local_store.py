"""A store in a folder: temporary name, fsync, rename."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.delivery.stores import ObjectInfo, Sink, check_key, check_prefix
from schemas.errors import FairshardError, InputError, RunError

_TEMPORARY_PREFIX = ".tmp-"
_PUBLIC_MODE = 0o644
_PRIVATE_MODE = 0o600


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

    def read_bytes(self, key: str) -> bytes:
        """See `Store.read_bytes`."""
        with self.open_read(key) as file:
            return file.read()

    def open_read(self, key: str) -> BinaryIO:
        """See `Store.open_read`."""
        path = self.path(key)
        try:
            return path.open("rb")
        except (IsADirectoryError, NotADirectoryError) as error:
            raise FileNotFoundError(str(path)) from error
        except PermissionError as error:
            raise _denied("read", path, error) from error

    def exists(self, key: str) -> bool:
        """See `Store.exists`."""
        return self.path(key).is_file()

    def size(self, key: str) -> int:
        """See `Store.size`."""
        path = self.path(key)
        if not path.is_file():
            raise FileNotFoundError(str(path))
        return path.stat().st_size

    def list(self, prefix: str = "") -> list[ObjectInfo]:
        """See `Store.list`."""
        found = []
        for folder, _, names in os.walk(self.root / check_prefix(prefix), onerror=_listing_failed):
            for name in names:
                if name.startswith(_TEMPORARY_PREFIX):
                    continue
                path = Path(folder, name)
                # A file may be removed while the folder is walked.
                with contextlib.suppress(FileNotFoundError):
                    key = path.relative_to(self.root).as_posix()
                    found.append(ObjectInfo(key, path.stat().st_size))
        return sorted(found, key=lambda info: info.key)

    def write_bytes(self, key: str, data: bytes, *, private: bool = False) -> None:
        """See `Store.write_bytes`."""
        with self.open_write(key, private=private) as sink:
            sink.write(data)

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        """See `Store.open_write`."""
        path = self.path(key)
        with _temporary(path, private=private) as (sink, name):
            yield sink
            with _write_errors(path):
                _close_safely(sink)
                name.replace(path)
                _sync_folder(path.parent)

    def write_new(self, key: str, data: bytes, *, private: bool = False) -> bool:
        """See `Store.write_new`."""
        path = self.path(key)
        if path.exists():
            return False
        with _temporary(path, private=private) as (sink, name):
            sink.write(data)
            with _write_errors(path):
                _close_safely(sink)
                try:
                    # Unlike a rename, a link fails if the name is taken; unlike an exclusive
                    # open, it brings the whole content at once.
                    path.hardlink_to(name)
                except FileExistsError:
                    return False
                _sync_folder(path.parent)
        return True

    def delete(self, key: str) -> None:
        """See `Store.delete`."""
        path = self.path(key)
        with _write_errors(path), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            path.unlink()
            _sync_folder(path.parent)

    def delete_prefix(self, prefix: str) -> None:
        """See `Store.delete_prefix`. Folders above it that are left empty go as well."""
        folder = self.path(check_prefix(prefix))
        with _write_errors(folder), contextlib.suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(folder)
            _sync_folder(folder.parent)
        with contextlib.suppress(OSError):  # one that is not empty stays
            while (folder := folder.parent) != self.root:
                folder.rmdir()

    def sweep(self, prefix: str) -> None:
        """See `Store.sweep`."""
        for folder, _, names in os.walk(self.root / check_prefix(prefix), onerror=_listing_failed):
            for name in names:
                if name.startswith(_TEMPORARY_PREFIX):
                    path = Path(folder, name)
                    with _write_errors(path), contextlib.suppress(FileNotFoundError):
                        path.unlink()

    def ensure(self) -> None:
        """See `Store.ensure`."""
        probe = self.root / f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}"
        try:
            _make_folder(self.root)
            probe.touch(exist_ok=False)
            probe.unlink()
        except OSError as error:
            raise InputError(
                "The folder cannot be made or written",
                f"{self.root} ({error.strerror or error})",
                "Choose another folder, or mend its permissions.",
            ) from error


class _FileSink:
    """Writes to a file and names it when that fails."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self.file = file

    def write(self, data: bytes | bytearray | memoryview) -> int:
        with _write_errors(self._path):
            return self.file.write(data)


@contextmanager
def _temporary(path: Path, *, private: bool) -> Iterator[tuple[_FileSink, Path]]:
    """An open file beside `path`, gone when the block ends unless it was renamed."""
    name = path.parent / f"{_TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    with _write_errors(path):
        _make_folder(path.parent)
        descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        file = os.fdopen(descriptor, "wb", buffering=1 << 20)
        os.fchmod(descriptor, _PRIVATE_MODE if private else _PUBLIC_MODE)
    try:
        yield _FileSink(path, file), name
    finally:
        # Closing flushes; on a full disk that fails again after the error that matters.
        with contextlib.suppress(OSError):
            file.close()
        name.unlink(missing_ok=True)


def _close_safely(sink: _FileSink) -> None:
    sink.file.flush()
    os.fsync(sink.file.fileno())
    sink.file.close()


def _make_folder(folder: Path) -> None:
    """Makes a folder whose name survives a power cut, parents included."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _listing_failed(error: OSError) -> None:
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return
    raise _denied("listed", Path(str(error.filename)), error) from error


def _denied(verb: str, path: Path, error: OSError) -> FairshardError:
    return InputError(
        f"The file or folder cannot be {verb}",
        f"{path} ({error.strerror or error})",
        "Mend its permissions.",
    )


@contextmanager
def _write_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise
    except (PermissionError, NotADirectoryError, IsADirectoryError) as error:
        raise _denied("written", path, error) from error
    except OSError as error:
        raise RunError(
            "The output cannot be written",
            f"{path} ({error.strerror or error})",
            "Free space or mend the disk, then run again; what is done is kept.",
        ) from error
