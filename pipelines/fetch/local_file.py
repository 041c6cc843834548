"""Reads media files on this machine, without following symlinks."""

from __future__ import annotations

import os
import stat
from collections.abc import Generator, Iterator
from contextlib import contextmanager

from pipelines.fetch.faults import unavailable
from pipelines.fetch.locate import FileLocation
from pipelines.fetch.names import other_capitals


def stream_file(location: FileLocation, chunk_bytes: int) -> Iterator[bytes]:
    """Streams a file in chunks."""
    with _opened_file(location) as (descriptor, size_bytes):
        # Allocate only the file's size; a file that has grown is still read to its end.
        read_bytes = min(chunk_bytes, size_bytes + 1)
        while chunk := os.read(descriptor, read_bytes):
            yield chunk
            read_bytes = chunk_bytes if len(chunk) == read_bytes else 1


def read_file_into(location: FileLocation) -> Generator[int, memoryview, None]:
    """Reads a file into the memory that is sent to it; yields the number of bytes, 0 at the end."""
    memory = yield 0
    with _opened_file(location) as (descriptor, _):
        while size := os.readv(descriptor, [memory]):
            memory = yield size
    yield 0


@contextmanager
def _opened_file(location: FileLocation) -> Iterator[tuple[int, int]]:
    """Opens a file; yields its descriptor and its size."""
    try:
        descriptor = _open_below(location)
        try:
            # Reading a FIFO or a device could block or never end.
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise unavailable("not a regular file")
            yield descriptor, status.st_size
        finally:
            os.close(descriptor)
    except OSError as error:
        # The path is left out: tables must not depend on the catalogue's location.
        said = error.strerror or type(error).__name__
        if isinstance(error, FileNotFoundError):
            *folders, name = location.segments
            if found := other_capitals("/".join((location.root, *folders)), name):
                said += f"; the folder has {found!r}, and capitals matter"
        raise unavailable(said) from error


def _open_below(location: FileLocation) -> int:
    """Opens a file segment by segment from its root without following symlinks.

    The path had no symlinks when it was checked; one created since must not be followed.
    """
    *folders, name = location.segments
    flags = os.O_RDONLY | os.O_CLOEXEC
    descriptor = os.open(location.root, flags | os.O_DIRECTORY)
    try:
        for folder in folders:
            inner = os.open(folder, flags | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        return os.open(name, flags | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=descriptor)
    finally:
        os.close(descriptor)
