"""Writing and reading one file of a folder store: temporary name, fsync, check of the length."""

from __future__ import annotations

import contextlib
import errno
import io
import os
import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from schemas.errors import AccessError, RunError

TEMPORARY_PREFIX = ".tmp-"
_FOLDER_ATTEMPTS = 20
_PUBLIC_MODE = 0o644
_PRIVATE_MODE = 0o600
# Another file system, one without links, too many links, or links of others' files forbidden.
_NO_LINK = frozenset({errno.EXDEV, errno.EPERM, errno.EMLINK, errno.ENOTSUP, errno.ENOSYS})
_MAX_PIECES = os.sysconf("SC_IOV_MAX")  # per call


def is_temporary(key: str) -> bool:
    """Returns whether a key is that of a temporary file."""
    return key.rsplit("/", 1)[-1].startswith(TEMPORARY_PREFIX)


class FileSink:
    """Writes to a file and counts the bytes; its errors name the file."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path = path
        self.file = file
        self.written = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        """See `Sink.write`."""
        with translate_write_errors(self._path):
            self.file.write(data)
        length = memoryview(data).nbytes
        self.written += length
        return length

    def writev(self, pieces: Sequence[bytes | memoryview]) -> None:
        """See `Sink.writev`."""
        try:
            self.file.flush()
            self.written += write_pieces(self.file.fileno(), pieces)
        except OSError:  # looked up only now, since this is called very often
            with translate_write_errors(self._path):
                raise


def write_pieces(descriptor: int, pieces: Sequence[bytes | memoryview]) -> int:
    """Writes all of the pieces to a file, in order, and returns their length.

    Raises:
        OSError: If the system accepts no more bytes; some of the pieces may have been written.
    """
    total = 0
    for start in range(0, len(pieces), _MAX_PIECES):
        rest = pieces[start : start + _MAX_PIECES]
        remaining_bytes = sum(map(len, rest))
        while remaining_bytes:
            taken = os.writev(descriptor, rest)
            if taken <= 0:
                raise OSError("the file accepts no more bytes")
            total += taken
            remaining_bytes -= taken
            if remaining_bytes:
                rest = _remaining_pieces(rest, taken)
    return total


def _remaining_pieces(
    pieces: Sequence[bytes | memoryview], taken: int
) -> Sequence[bytes | memoryview]:
    """Returns what is left of the pieces after this many bytes were written."""
    at = 0
    while taken >= len(pieces[at]):
        taken -= len(pieces[at])
        at += 1
    return [memoryview(pieces[at])[taken:], *pieces[at + 1 :]]


@contextmanager
def temporary_file(path: Path, *, private: bool) -> Iterator[tuple[FileSink, Path]]:
    """Opens a temporary file beside `path`; it is removed when the block ends unless renamed."""
    name = path.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    with translate_write_errors(path):
        descriptor = _create_file(name)
        file = os.fdopen(descriptor, "wb", buffering=1 << 20)
        os.fchmod(descriptor, _PRIVATE_MODE if private else _PUBLIC_MODE)
    try:
        yield FileSink(path, file), name
    finally:
        # Closing flushes, which fails again on a full disk after the error that matters.
        with contextlib.suppress(OSError):
            file.close()
        # `clean` removes a file that cannot be removed here; the target is complete or absent.
        with contextlib.suppress(OSError):
            name.unlink(missing_ok=True)


def _create_file(name: Path) -> int:
    """Creates a file and the folders above it.

    Another run that finishes removes empty folders, perhaps between the two steps.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    for _ in range(_FOLDER_ATTEMPTS):
        with contextlib.suppress(FileNotFoundError):
            make_folder(name.parent)
            return os.open(name, flags, 0o600)
    raise OSError(f"the folder {name.parent} is removed repeatedly")


def link_file(path: Path, target: Path) -> bool:
    """Gives a file a second name, replacing what has that name, atomically.

    The caller syncs the folder of the new name, since many files may get names in one folder.

    Returns:
        False if the file cannot have a second name there; nothing is changed then.
    """
    name = target.parent / f"{TEMPORARY_PREFIX}{secrets.token_hex(8)}"
    with translate_write_errors(target):
        make_folder(target.parent)
        try:
            name.hardlink_to(path)
        except OSError as error:
            if error.errno in _NO_LINK:
                return False
            raise
        try:
            if target.exists() and target.samefile(path):  # then a rename would do nothing
                return True
            name.replace(target)
        finally:
            with contextlib.suppress(OSError):
                name.unlink(missing_ok=True)
    return True


def sync_and_close(sink: FileSink) -> None:
    """Syncs the bytes to the disk and checks their number before the file gets its name."""
    sink.file.flush()
    os.fsync(sink.file.fileno())
    stored_bytes = os.fstat(sink.file.fileno()).st_size
    if stored_bytes != sink.written:
        raise OSError(f"{sink.written} bytes were written, but the file has {stored_bytes}")
    sink.file.close()


def make_folder(folder: Path) -> None:
    """Creates a folder and its parents so that their names survive a power failure."""
    if folder.is_dir():
        return
    if folder.parent != folder:
        make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Syncs the names in a folder to the disk."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def raise_listing_error(error: OSError) -> None:
    """Handles errors of `os.walk`: a missing folder is empty; an unreadable one is an error."""
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        return
    with translate_read_errors(Path(str(error.filename))):
        raise error


def access_error(verb: str, path: Path, error: OSError) -> AccessError:
    """Returns the error for missing permission, or a name that something else has."""
    remedy = "Correct its permissions."
    if isinstance(error, IsADirectoryError):
        remedy = "Move the folder of this name elsewhere."
    elif isinstance(error, (FileExistsError, NotADirectoryError)):
        place = error.filename or path.parent
        remedy = f"{place} is not a folder: move it elsewhere."
    why = error.strerror or error
    return AccessError(f"The file or folder cannot be {verb}", f"{path} ({why})", remedy)


class FileSource(io.FileIO):
    """A file that is read; its errors name the file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with translate_read_errors(path):
            super().__init__(path, "rb")

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        """See `io.RawIOBase`."""
        with translate_read_errors(self._path):
            return super().readinto(buffer) or 0

    def readall(self) -> bytes:
        """See `io.RawIOBase`."""
        with translate_read_errors(self._path):
            return super().readall()

    def close(self) -> None:
        """See `io.IOBase`."""
        with translate_read_errors(self._path):
            super().close()


@contextmanager
def translate_read_errors(path: Path) -> Iterator[None]:
    """Turns system errors of reading and listing into the project's errors."""
    try:
        yield
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        raise
    except PermissionError as error:
        raise access_error("read", path, error) from error
    except OSError as error:
        raise RunError(
            "The file or folder cannot be read",
            f"{path} ({error.strerror or error})",
            "Repair the disk, then run again; completed work is kept.",
        ) from error


@contextmanager
def translate_write_errors(path: Path) -> Iterator[None]:
    """Turns system errors of writing into the project's errors."""
    try:
        yield
    except FileNotFoundError:
        raise
    except (
        PermissionError,
        NotADirectoryError,
        IsADirectoryError,
        FileExistsError,
    ) as error:
        raise access_error("written", path, error) from error
    except OSError as error:
        raise RunError(
            "The output cannot be written",
            f"{path} ({error.strerror or error})",
            "Free space or repair the disk, then run again; completed work is kept.",
        ) from error
