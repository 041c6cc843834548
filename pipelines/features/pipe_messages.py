"""How the guarded child and its parent speak: a length, a JSON header, and blobs. No pickle."""

from __future__ import annotations

import json
import struct
from collections.abc import Sequence
from typing import IO, Any

from PIL import Image

# JSON, whose values are checked by whoever reads them.
Header = dict[str, Any]

_LENGTH = struct.Struct(">I")
_MAX_HEADER_BYTES = 1 << 24


class PipeMessageError(Exception):
    """The other side is gone, or does not speak our language."""


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
        PipeMessageError: At the end of the stream or on nonsense.
    """
    (length,) = _LENGTH.unpack(_read_exactly(pipe, _LENGTH.size))
    if length > _MAX_HEADER_BYTES:
        raise PipeMessageError(f"a header of {length} bytes")
    try:
        header = json.loads(_read_exactly(pipe, length))
    except ValueError as error:
        raise PipeMessageError("the header is no JSON") from error
    if not isinstance(header, dict) or not isinstance(header.get("blobs"), list):
        raise PipeMessageError("the header is no message")
    return header


def receive_blobs(pipe: IO[bytes], header: Header, limit_bytes: int) -> list[bytes]:
    """Reads the blobs that a header announces.

    Raises:
        PipeMessageError: If they are too long or cut.
    """
    sizes = header["blobs"]
    if not all(isinstance(size, int) and size >= 0 for size in sizes) or sum(sizes) > limit_bytes:
        raise PipeMessageError("the blobs are too long")
    return [_read_exactly(pipe, size) for size in sizes]


def _read_exactly(pipe: IO[bytes], count: int) -> bytes:
    data = pipe.read(count)
    if data is None or len(data) != count:
        raise PipeMessageError("the other side is gone")
    return data


def pack_image(image: Image.Image) -> tuple[list[int], bytes]:
    """Size and bytes of an RGB picture."""
    return [image.width, image.height], image.tobytes()


def unpack_image(size: Sequence[int], data: bytes) -> Image.Image:
    """The picture again.

    Raises:
        PipeMessageError: If size and bytes do not agree.
    """
    width, height = size
    if width <= 0 or height <= 0 or width * height * 3 != len(data):
        raise PipeMessageError("a picture has the wrong size")
    return Image.frombytes("RGB", (width, height), data)
