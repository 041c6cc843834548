"""Messages between the guarded child and its parent: length, JSON header and blobs; no pickle.

Blobs lie in memory that both share, where there is such memory and they fit; otherwise they follow
the header in the pipe, whose small buffer costs a change of process for every 64 KiB.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image

# A JSON object; the receiver checks its values.
Header = dict[str, Any]

_LENGTH = struct.Struct(">I")
_MAX_HEADER_BYTES = 1 << 24


# Holds most pictures as they are delivered, and every answer; takes memory only once it is used.
_SHARED_BYTES = 64 * 2**20
_SHARED = "shared"


class SharedMemory:
    """A piece of memory that one parent and one child both map.

    Args:
        handle: File descriptor of the memory.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._map = mmap.mmap(handle, _SHARED_BYTES)

    @classmethod
    def create(cls) -> SharedMemory | None:
        """Creates the memory; None on a system without anonymous files (other than Linux)."""
        if not hasattr(os, "memfd_create"):
            return None
        handle = os.memfd_create("fairshard-decoder", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(handle, _SHARED_BYTES)
        # If the child could shrink it, the parent would crash on reading what is gone.
        seals = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SEAL
        fcntl.fcntl(handle, fcntl.F_ADD_SEALS, seals)
        return cls(handle)

    def write(self, blobs: Sequence[bytes]) -> bool:
        """Writes blobs one after another; returns False if they do not fit."""
        if sum(map(len, blobs)) > _SHARED_BYTES:
            return False
        at = 0
        for blob in blobs:
            self._map[at : at + len(blob)] = blob
            at += len(blob)
        return True

    def read(self, sizes: Sequence[int]) -> list[bytes]:
        """Returns copies of blobs of these sizes, in the order in which they were written.

        Raises:
            PipeMessageError: If they do not fit into the memory.
        """
        if sum(sizes) > _SHARED_BYTES:
            raise PipeMessageError("the blobs are too long")
        blobs, at = [], 0
        for size in sizes:
            blobs.append(self._map[at : at + size])
            at += size
        return blobs

    def close(self) -> None:
        """Releases the memory."""
        self._map.close()
        os.close(self.handle)


class PipeMessageError(Exception):
    """The other process has ended, or sent an invalid message."""


def send_message(
    pipe: IO[bytes],
    header: Header,
    blobs: Sequence[bytes] = (),
    shared: SharedMemory | None = None,
) -> None:
    """Writes one message; its blobs go to the shared memory, if there is one and they fit."""
    in_memory = shared is not None and shared.write(blobs)
    sizes = [len(blob) for blob in blobs]
    text = json.dumps({**header, "blobs": sizes, _SHARED: in_memory}).encode()
    pipe.write(_LENGTH.pack(len(text)))
    pipe.write(text)
    for blob in () if in_memory else blobs:
        pipe.write(blob)
    pipe.flush()


def receive_header(pipe: IO[bytes]) -> Header:
    """Reads a message's header.

    Raises:
        PipeMessageError: At the end of the stream, or if the header is invalid.
    """
    (length,) = _LENGTH.unpack(_read_exactly(pipe, _LENGTH.size))
    if length > _MAX_HEADER_BYTES:
        raise PipeMessageError(f"a header of {length} bytes")
    try:
        header = json.loads(_read_exactly(pipe, length))
    except ValueError as error:
        raise PipeMessageError("the header is not JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get("blobs"), list):
        raise PipeMessageError("the header is not a message")
    return header


def receive_blobs(
    pipe: IO[bytes], header: Header, limit_bytes: int, shared: SharedMemory | None = None
) -> list[bytes]:
    """Reads the blobs that a header announces, from the pipe or the shared memory.

    Raises:
        PipeMessageError: If they are too long or truncated.
    """
    sizes = header["blobs"]
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or sum(sizes) > limit_bytes:
        raise PipeMessageError("the blobs are too long")
    if header.get(_SHARED):
        if shared is None:
            raise PipeMessageError("there is no shared memory")
        return shared.read(sizes)
    return [_read_exactly(pipe, size) for size in sizes]


def _read_exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if data is None or len(data) != count:
        raise PipeMessageError("the other process has ended")
    return data


def pack_image(image: Image.Image) -> tuple[list[int], bytes]:
    """Returns size and bytes of an RGB picture."""
    return [image.width, image.height], image.tobytes()


def unpack_image(size: Sequence[int], data: bytes) -> Image.Image:
    """Rebuilds the picture from its size and bytes.

    Raises:
        PipeMessageError: If size and bytes do not agree.
    """
    width, height = size
    if width <= 0 or height <= 0 or width * height * 3 != len(data):
        raise PipeMessageError("a picture has the wrong size")
    return Image.frombytes("RGB", (width, height), data)
