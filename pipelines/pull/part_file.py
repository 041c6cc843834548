"""A file that is being pulled: its bytes on disk, and which of its parts are there.

`<sha256>.data` has the bytes at their places, and `<sha256>.parts` a line of fixed length for each
part that is whole: its number and the CRC-32 of its bytes as they came. A line that was cut off by
a crash is no line. The lines are not synced: after a power failure a line may say more than the
disk has. The file's digest then differs, and the CRCs say which parts have to come again. Nothing
is called `<sha256>` before its bytes were read back, digested and synced.
"""

from __future__ import annotations

import hashlib
import os
import re
import threading
import zlib
from collections.abc import Callable
from pathlib import Path

from pipelines.storage.local_file import translate_read_errors, translate_write_errors
from schemas.errors import RunError

PART_BYTES = 8 << 20
_LINE = re.compile(rb"(\d{8}) ([0-9a-f]{8})\n")
_LINE_BYTES = 18
_PIECE_BYTES = 1 << 20


class PartFile:
    """One file's parts. Different parts may be written by different threads.

    Args:
        folder: The folder for files that are not complete.
        sha256: The digest that the file must have, hex.
        size: The length that it must have, in bytes.
        part_bytes: The length of a part.
    """

    def __init__(self, folder: Path, sha256: str, size: int, part_bytes: int = PART_BYTES) -> None:
        self.sha256 = sha256
        self.size = size
        self.part_bytes = part_bytes
        self.complete_path = folder / sha256
        self._data_path = folder / f"{sha256}.data"
        self._parts_path = folder / f"{sha256}.parts"
        self._crcs: dict[int, int] = {}
        self._lock = threading.Lock()
        self._hashing = threading.Lock()
        self._digest = hashlib.sha256()
        self._hashed = 0  # parts at the start of the file that are in the digest
        self._data = self._parts = -1

    @property
    def count(self) -> int:
        """The number of parts."""
        return -(-self.size // self.part_bytes)

    def bounds(self, part: int) -> tuple[int, int]:
        """Returns where a part begins, and the offset after its last byte."""
        start = part * self.part_bytes
        return start, min(start + self.part_bytes, self.size)

    def open(self) -> list[int]:
        """Opens the file, made or continued; returns the parts that are missing."""
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        with translate_write_errors(self._data_path):
            self._data = os.open(self._data_path, flags, 0o644)
            self._parts = os.open(self._parts_path, flags | os.O_APPEND, 0o644)
            lines = _whole_lines(self._parts)
            known = os.fstat(self._data).st_size
        for number, crc in lines:
            if number < self.count and self.bounds(number)[1] <= known:
                self._crcs[number] = crc
        return [part for part in range(self.count) if part not in self._crcs]

    def write(self, offset: int, data: memoryview) -> None:
        """Writes bytes at their place."""
        with translate_write_errors(self._data_path):
            while data:
                written = os.pwrite(self._data, data, offset)
                offset, data = offset + written, data[written:]

    def finish_part(self, part: int, crc: int) -> bool:
        """Records that a part is whole; returns whether it was the last one that was missing."""
        with self._lock:
            self._crcs[part] = crc
            if self.count > 1:  # the only part is not continued, so nobody would read its line
                with translate_write_errors(self._parts_path):
                    os.write(self._parts, b"%08d %08x\n" % (part, crc))
            return len(self._crcs) == self.count

    def digest_ahead(self, parts_ahead: int) -> None:
        """Adds to the digest what is there from the start on, unless another thread does.

        Args:
            parts_ahead: The number of parts that may be there beyond the digest. If there are
                more, it waits for the other thread: more connections than cores would leave that
                thread too little time, and what is left at the end takes one thread alone.
        """
        while self._next_is_there():
            behind = len(self._crcs) - self._hashed > parts_ahead
            if not self._hashing.acquire(blocking=behind):
                return
            try:
                while self._next_is_there():
                    self._feed(self._hashed, self._digest.update)
                    self._hashed += 1
            finally:
                self._hashing.release()

    def check(self) -> list[int]:
        """Compares the whole file with its digest.

        Returns:
            The parts that must come again; none if the file is right. They are all of its parts if
            none of them was changed since it came: then the bytes came wrong.

        Raises:
            RunError: If the file is listed as empty, with the digest of something.
        """
        with self._hashing:
            while self._next_is_there():
                self._feed(self._hashed, self._digest.update)
                self._hashed += 1
            if self._digest.hexdigest() == self.sha256:
                return []
            if not self.size:
                raise RunError(
                    "A file is not the one that the manifest lists",
                    f"it is listed with 0 bytes, which do not have the sha256 {self.sha256}",
                    "Nothing of it was used. Ask the agency: its manifest contradicts itself.",
                )
            bad = [part for part, crc in sorted(self._crcs.items()) if self._crc(part) != crc]
            bad = bad or list(range(self.count))
            self._digest, self._hashed = hashlib.sha256(), 0
        self._forget(bad)
        return bad

    def complete(self) -> None:
        """Gives a file that is right its name: first its bytes reach the disk, then the name."""
        with translate_write_errors(self._data_path):
            os.ftruncate(self._data, self.size)
            os.fsync(self._data)
            self.close()
            self._data_path.rename(self.complete_path)
            self._parts_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Closes the file; what there is of it stays."""
        for descriptor in (self._data, self._parts):
            if descriptor >= 0:
                os.close(descriptor)
        self._data = self._parts = -1

    def _next_is_there(self) -> bool:
        return self._hashed in self._crcs

    def _crc(self, part: int) -> int:
        crc = 0

        def add(data: memoryview) -> None:
            nonlocal crc
            crc = zlib.crc32(data, crc)

        self._feed(part, add)
        return crc

    def _feed(self, part: int, take: Callable[[memoryview], object]) -> None:
        buffer = memoryview(bytearray(_PIECE_BYTES))
        at, stop = self.bounds(part)
        with translate_read_errors(self._data_path):
            while at < stop:
                count = os.preadv(self._data, [buffer[: stop - at]], at)
                if not count:
                    return  # shorter than it was: the digest will differ
                take(buffer[:count])
                at += count

    def _forget(self, parts: list[int]) -> None:
        """Forgets parts, on disk before they are written again."""
        with self._lock, translate_write_errors(self._parts_path):
            for part in parts:
                self._crcs.pop(part, None)
            os.ftruncate(self._parts, 0)
            for part, crc in self._crcs.items():
                os.write(self._parts, b"%08d %08x\n" % (part, crc))


def _whole_lines(descriptor: int) -> list[tuple[int, int]]:
    """Reads the lines of parts up to the first that is not whole, and cuts off the rest."""
    data = os.pread(descriptor, os.fstat(descriptor).st_size, 0)
    lines = []
    for start in range(0, len(data), _LINE_BYTES):
        found = _LINE.fullmatch(data[start : start + _LINE_BYTES])
        if found is None:
            os.ftruncate(descriptor, start)
            break
        lines.append((int(found[1]), int(found[2], 16)))
    return lines


def file_digest(path: Path) -> str:
    """Returns the sha256 of a file, hex."""
    with translate_read_errors(path), path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
