"""Removes the metadata of a PNG: chunks are left out, and everything else is copied."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

from pipelines.signals.file.container_png import (
    PICTURE_CHUNKS,
    PROFILE_PREFIX,
    SIGNATURE,
    TEXT_CHUNKS,
    XMP_KEYWORD,
    png_chunks,
)
from pipelines.signals.file.container_texts import role_of_key
from pipelines.signals.file.generators import TextRole
from pipelines.signals.strip.kept import CannotStripError, Kept


def strip_png(data: bytes, kept: Kept) -> bytes:
    """Returns the picture with only the given metadata; chunks that stay keep their checksums.

    Raises:
        CannotStripError: If the structure is not that of one plain PNG.
    """
    pieces = [SIGNATURE]
    for number, (kind, chunk) in enumerate(_chunks(data)):
        if (number == 0) != (kind == b"IHDR"):
            raise CannotStripError("the PNG does not begin with one header")
        if kind in PICTURE_CHUNKS or (kept.texts and _is_rights_text(kind, chunk)):
            pieces.append(chunk)
        elif not kind[0] & 0x20:  # nobody can show the picture without it
            raise CannotStripError("a critical chunk of unknown meaning in the PNG")
        if kind == b"IHDR":
            pieces += _new_chunks(kept)
    return b"".join(pieces)


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the kind of each chunk up to the last, and all its bytes."""
    for kind, start, end in png_chunks(data):
        if end + 4 > len(data):
            break
        yield kind, data[start - 8 : end + 4]
        if kind == b"IEND":
            return
    raise CannotStripError("a chunk of the PNG is cut short")


def _is_rights_text(kind: bytes, chunk: bytes) -> bool:
    """Whether a text chunk is about rights by its keyword, such as `Copyright`."""
    keyword = chunk[8 : 8 + 80].partition(b"\0")[0]
    if kind not in TEXT_CHUNKS or keyword == XMP_KEYWORD or keyword.startswith(PROFILE_PREFIX):
        return False
    return role_of_key(keyword.decode("latin-1")) is TextRole.RIGHTS


def _new_chunks(kept: Kept) -> list[bytes]:
    chunks = []
    exif = kept.exif(with_iim=True)
    if exif:
        chunks.append(_chunk(b"eXIf", exif))
    chunks += [_chunk(b"iTXt", XMP_KEYWORD + bytes(5) + packet) for packet in kept.packets]
    return chunks


def _chunk(kind: bytes, payload: bytes) -> bytes:
    body = kind + payload
    return len(payload).to_bytes(4) + body + zlib.crc32(body).to_bytes(4)
