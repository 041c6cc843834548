"""Reads compressed text files as what they unpack to, up to a limit."""

from __future__ import annotations

import io
import os
from typing import BinaryIO, Literal, cast

import pyarrow as pa

from pipelines.catalogue.files import open_file
from pipelines.catalogue.listing import ending
from schemas.errors import InputError

# By the last ending of a file's name; each is read as a stream, and damage at its end is noticed.
COMPRESSIONS: dict[str, Literal["gzip", "bz2", "zstd"]] = {
    "gz": "gzip",
    "bz2": "bz2",
    "zst": "zstd",
}
# Text of tables shrinks to a tenth or so; a small file that unpacks to this much was made to.
MAX_UNPACKED_BYTES = 2**30
MAX_UNPACKED_RATIO = 100


def plain_name(name: str) -> str:
    """Returns a file's name without the ending of its compression."""
    return name.rpartition(".")[0] if ending(name) in COMPRESSIONS else name


def open_unpacked(uri: str, version: str) -> BinaryIO:
    """Opens a file as `open_file` does; a compressed one can only be read from its beginning on.

    Raises:
        InputError: If it cannot be opened, or has changed since it was listed. Reading raises it
            if the file is damaged or unpacks to more than the limit.
    """
    stream = open_file(uri, version)
    if ending(uri) not in COMPRESSIONS:
        return stream
    return cast(BinaryIO, _Unpacked(stream, uri))


class _Unpacked(io.RawIOBase):
    """The unpacked bytes of a compressed file, unbuffered."""

    def __init__(self, stream: BinaryIO, uri: str) -> None:
        size = stream.seek(0, os.SEEK_END)
        stream.seek(0)
        self._uri = uri
        self._limit = max(MAX_UNPACKED_BYTES, size * MAX_UNPACKED_RATIO)
        self._count = 0
        self._file = stream
        self._kind = COMPRESSIONS[ending(uri)]
        source = pa.PythonFile(cast(io.IOBase, stream), mode="r")
        self._unpacked = pa.CompressedInputStream(source, self._kind)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(buffer)  # type: ignore[arg-type]
        try:
            data = self._unpacked.read(len(view))
        except (pa.ArrowException, OSError) as error:
            raise InputError(
                "A compressed file is damaged",
                f"{self._uri}: {error}",
                f"Write the file again with {self._kind}, or unpack it.",
            ) from error
        self._count += len(data)
        if self._count > self._limit:
            raise InputError(
                "A compressed file unpacks to too much",
                f"{self._uri}: more than {self._limit:,} bytes",
                f"Unpack it, or save the table as Parquet. At most {MAX_UNPACKED_BYTES:,} bytes "
                f"are read, or {MAX_UNPACKED_RATIO} times the size of the file.",
            )
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()
