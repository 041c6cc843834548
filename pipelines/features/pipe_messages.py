"""Messages between the guarded child and its parent: length, JSON header and blobs; no pickle.

Blobs lie in memory that both share, where there is such memory and they fit; otherwise they follow
the header in the pipe, whose small buffer costs a change of process for every 64 KiB.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import select
import struct
import time
from collections.abc import Sequence
from typing import Any

from PIL import Image

# A JSON object; the receiver checks its values.
Header = dict[str, Any]
# Valid until the next message; bytes if they came by the pipe.
Blob = bytes | memoryview
Answer = tuple[Header, list[bytes]]  # what the child sends: a header, and files or pixels

_LENGTH = struct.Struct(">I")
_MAX_HEADER_BYTES = 1 << 24
_READ_BYTES = 1 << 16
_MAX_WAIT_S = 1e6  # poll() counts milliseconds in 32 bits
# Holds most pictures as they are delivered, and every answer; takes memory only once it is used.
_SHARED_BYTES = 64 * 2**20
_SHARED = "shared"
# Pillow keeps a fourth byte beside red, green and blue. Sending it too makes packing and unpacking
# plain copies.
BYTES_PER_PIXEL = 4
_RAW_MODE = "RGBX"


class PipeMessageError(Exception):
    """The other process has ended, or sent an invalid message."""


class SharedMemory:
    """A piece of memory that one parent and one child both map.

    Args:
        handle: File descriptor of the memory.
    """

    def __init__(self, handle: int) -> None:
        self.handle = handle
        self._map = mmap.mmap(handle, _SHARED_BYTES)
        self._views: list[memoryview] = []

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

    def write(self, blobs: Sequence[Blob]) -> bool:
        """Writes blobs one after another; returns False if they do not fit."""
        if sum(map(len, blobs)) > _SHARED_BYTES:
            return False
        self._release()
        at = 0
        for blob in blobs:
            self._map[at : at + len(blob)] = blob
            at += len(blob)
        return True

    def read(self, sizes: Sequence[int]) -> list[memoryview]:
        """Returns blobs of these sizes, in the order in which they were written.

        They are not copied, so they are valid only until the next call of a method.

        Raises:
            PipeMessageError: If they do not fit into the memory.
        """
        if sum(sizes) > _SHARED_BYTES:
            raise PipeMessageError("the blobs are too long")
        self._release()
        at = 0
        with memoryview(self._map) as whole:
            for size in sizes:
                self._views.append(whole[at : at + size])
                at += size
        return list(self._views)

    def _release(self) -> None:
        for view in self._views:
            view.release()
        self._views.clear()

    def close(self) -> None:
        """Releases the memory."""
        self._release()
        self._map.close()
        os.close(self.handle)


class Channel:
    """One process's end of two pipes, and of the memory that it shares with the other process.

    Args:
        incoming: File descriptor of the pipe to read from.
        outgoing: File descriptor of the pipe to write to; non-blocking if there are deadlines.
        shared: The shared memory, if there is any.
    """

    def __init__(self, incoming: int, outgoing: int, shared: SharedMemory | None) -> None:
        self._incoming = incoming
        self._outgoing = outgoing
        self._shared = shared
        self._received = bytearray()
        self._readable, self._writable = select.poll(), select.poll()
        self._readable.register(incoming, select.POLLIN)
        self._writable.register(outgoing, select.POLLOUT)

    def send(
        self, header: Header, blobs: Sequence[bytes] = (), deadline_s: float | None = None
    ) -> None:
        """Sends one message; its blobs go to the shared memory, if there is one and they fit.

        Args:
            header: A JSON object.
            blobs: Bytes that belong to it.
            deadline_s: When to give up, in seconds of the monotonic clock; None to wait forever.

        Raises:
            TimeoutError: The other process did not take the message in time.
            OSError: The other process has ended.
        """
        in_memory = self._shared is not None and self._shared.write(blobs)
        sizes = [len(blob) for blob in blobs]
        text = json.dumps({**header, "blobs": sizes, _SHARED: in_memory}).encode()
        self._write(_LENGTH.pack(len(text)) + text, deadline_s)
        for blob in () if in_memory else blobs:
            self._write(blob, deadline_s)

    def receive_header(self, deadline_s: float | None = None) -> Header:
        """Receives a message's header.

        Raises:
            PipeMessageError: At the end of the stream, or if the header is invalid.
            TimeoutError: The message did not come in time.
        """
        (length,) = _LENGTH.unpack(self._read(_LENGTH.size, deadline_s))
        if length > _MAX_HEADER_BYTES:
            raise PipeMessageError(f"a header of {length} bytes")
        try:
            header = json.loads(self._read(length, deadline_s))
        except ValueError as error:
            raise PipeMessageError("the header is not JSON") from error
        if not isinstance(header, dict) or not isinstance(header.get("blobs"), list):
            raise PipeMessageError("the header is not a message")
        return header

    def receive_blobs(
        self, header: Header, limit_bytes: int, deadline_s: float | None = None
    ) -> list[Blob]:
        """Receives the blobs that a header announces; they are valid until the next message.

        Raises:
            PipeMessageError: If they are too long or truncated.
            TimeoutError: They did not come in time.
        """
        sizes = header["blobs"]
        if not all(isinstance(size, int) and size >= 0 for size in sizes):
            raise PipeMessageError("the blobs have no sizes")
        if sum(sizes) > limit_bytes:
            raise PipeMessageError("the blobs are too long")
        if not header.get(_SHARED):
            return [self._read(size, deadline_s) for size in sizes]
        if self._shared is None:
            raise PipeMessageError("there is no shared memory")
        return [*self._shared.read(sizes)]

    def _read(self, count: int, deadline_s: float | None) -> bytes:
        while len(self._received) < count:
            if deadline_s is not None:
                _wait(self._readable, deadline_s)
            data = os.read(self._incoming, _READ_BYTES)
            if not data:
                raise PipeMessageError("the other process has ended")
            self._received += data
        with memoryview(self._received) as received:
            found = bytes(received[:count])
        del self._received[:count]
        return found

    def _write(self, data: bytes, deadline_s: float | None) -> None:
        with memoryview(data) as view:
            at = 0
            while at < len(view):
                try:
                    at += os.write(self._outgoing, view[at:])
                except BlockingIOError:
                    _wait(self._writable, deadline_s)


def _wait(ready: select.poll, deadline_s: float | None) -> None:
    left_s = _MAX_WAIT_S if deadline_s is None else deadline_s - time.monotonic()
    if left_s <= 0 or not ready.poll(min(left_s, _MAX_WAIT_S) * 1000):
        raise TimeoutError("the other process took too long")


def pack_image(image: Image.Image) -> tuple[list[int], bytes]:
    """Returns size and bytes of an RGB picture."""
    return [image.width, image.height], image.tobytes("raw", _RAW_MODE)


def unpack_images(sizes: Sequence[Sequence[int]], blobs: Sequence[Blob]) -> list[Image.Image]:
    """Rebuilds pictures from their sizes and bytes.

    Raises:
        PipeMessageError: If sizes and bytes do not agree.
    """
    try:
        return [
            _unpack(width, height, blob) for (width, height), blob in zip(sizes, blobs, strict=True)
        ]
    except (TypeError, ValueError) as error:
        raise PipeMessageError("a picture has the wrong size") from error


def _unpack(width: int, height: int, data: Blob) -> Image.Image:
    if width <= 0 or height <= 0 or width * height * BYTES_PER_PIXEL != len(data):
        raise ValueError("width and height")
    return Image.frombytes("RGB", (width, height), data, "raw", _RAW_MODE)
