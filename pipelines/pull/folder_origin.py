"""Reads a delivery from a folder of this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.pull.origin import CHUNK_BYTES, PassingFaultError
from pipelines.storage.local_file import translate_read_errors
from schemas.errors import RunError


@dataclass(frozen=True)
class FolderOrigin:
    """Files below a folder.

    Attributes:
        root: The folder.
    """

    root: Path

    @property
    def uri(self) -> str:
        """See `Origin.uri`."""
        return str(self.root)

    def lane(self) -> FolderLane:
        """See `Origin.lane`."""
        return FolderLane(self.root)

    def renew(self, path: str, refused: str) -> bool:
        """See `Origin.renew`: permission is not given by an address here."""
        return False

    def prepare(self, paths: Sequence[str]) -> None:
        """See `Origin.prepare`: files of a folder have no other addresses."""


class FolderLane:
    """Reads files of a folder; see `Lane`."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._buffer = memoryview(bytearray(CHUNK_BYTES))

    def chunks(self, path: str, start: int, stop: int, size: int) -> Iterator[memoryview]:
        """See `Lane.chunks`."""
        where = self._root / path
        with translate_read_errors(where):
            descriptor = os.open(where, os.O_RDONLY | os.O_CLOEXEC)
        try:
            found = os.fstat(descriptor).st_size
            if found != size:
                raise RunError(
                    "A file is not the one that the manifest lists",
                    f"{where}: {found:,} bytes, the manifest says {size:,}",
                    "Ask the agency: its copy is damaged or is being changed.",
                )
            at = start
            while at < stop:
                with translate_read_errors(where):
                    count = os.preadv(descriptor, [self._buffer[: stop - at]], at)
                if not count:
                    raise PassingFaultError(f"{where} ended at byte {at:,} of {size:,}")
                yield self._buffer[:count]
                at += count
        finally:
            os.close(descriptor)

    def whole(self, path: str, max_bytes: int) -> bytes:
        """See `Lane.whole`."""
        where = self._root / path
        with translate_read_errors(where), where.open("rb") as file:
            data = file.read(max_bytes + 1)
        if len(data) > max_bytes:
            raise RunError("A file is too large", f"{where}: more than {max_bytes:,} bytes")
        return data

    def hang_up(self) -> None:
        """See `Lane.hang_up`: a disk is waited for."""

    def close(self) -> None:
        """See `Lane.close`."""
