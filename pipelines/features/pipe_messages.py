"""Messages between the guarded child and its parent: length, JSON header and blobs; no pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image

# A JSON object; the receiver checks its values.
Header = dict[str, Any]

_LENGTH = struct.Struct(">I")
_MAX_HEADER_BYTES = 1 << 24


class PipeMessageError(Exception):
    """The other process has ended, or sent an invalid message."""


def send_message(pipe: IO[bytes], header: Header, blobs: Sequence[bytes] = ()) -> None:
    """Writes one message."""
    text = json.dumps({**header, "blobs": [len(blob) for blob in blobs]}).encode()
    pipe.write(_LENGTH.pack(len(text)))
    pipe.write(text)
    for blob in blobs:
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


def receive_blobs(pipe: IO[bytes], header: Header, limit_bytes: int) -> list[bytes]:
    """Reads the blobs that a header announces.

    Raises:
        PipeMessageError: If they are too long or truncated.
    """
    sizes = header["blobs"]
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or sum(sizes) > limit_bytes:
        raise PipeMessageError("the blobs are too long")
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
