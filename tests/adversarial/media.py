"""Makes small real pictures, each with a unique marker, and embeds statements in them."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib
from collections.abc import Callable

import numpy as np
from PIL import Image

from tests.signals.file import xmp_builder as build

EmbedStatement = Callable[[bytes], bytes]

FORMATS = ("jpg", "png", "webp")
_PILLOW = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_ITXT = b"XML:com.adobe.xmp\0"
_HEAD_BYTES = 33  # the signature and IHDR chunk of a PNG file
_WEBP_ORDER = {
    kind: place for place, kind in enumerate((b"VP8X", b"VP8 ", b"VP8L", b"EXIF", b"XMP "))
}
_VP8X_FLAGS = {b"XMP ": 0x04, b"EXIF": 0x08}


def marker(seed: int, number: int) -> bytes:
    """Returns text that no other file of the catalogue contains and that is not about rights."""
    digest = hashlib.sha256(f"marker {seed} {number}".encode()).hexdigest()
    return b"MARKER-" + digest[:24].encode()


def picture(seed: int, number: int, fmt: str, side: int = 64) -> bytes:
    """Returns a picture unlike any other, with its marker."""
    dice = np.random.default_rng([seed, number])
    grid = dice.integers(0, 256, (4, 4, 3), np.uint8)
    image = Image.fromarray(grid).resize((side, side), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    image.save(out, _PILLOW[fmt], quality=85)
    return add_text(out.getvalue(), fmt, marker(seed, number))


def add_text(data: bytes, fmt: str, text: bytes) -> bytes:
    """Adds text as a comment, or in a private chunk for WebP."""
    if fmt == "jpg":
        return jpeg_with(data, build.jpeg_segment(0xFE, text))
    if fmt == "png":
        return png_with(data, build.png_chunk(b"tEXt", b"Comment\0" + text))
    return webp_with(data, (b"note", text))


def jpeg_with(data: bytes, *segments: bytes) -> bytes:
    """Adds segments to a JPEG file."""
    return data[:2] + b"".join(segments) + data[2:]


def png_with(data: bytes, *chunks: bytes) -> bytes:
    """Adds chunks to a PNG file, before its picture data."""
    return data[:_HEAD_BYTES] + b"".join(chunks) + data[_HEAD_BYTES:]


def webp_with(data: bytes, *chunks: tuple[bytes, bytes]) -> bytes:
    """Adds chunks to a WebP file, converting it to the extended format, which allows any chunk."""
    found = list(_webp_chunks(data))
    if found[0][0] != b"VP8X":
        width, height = Image.open(io.BytesIO(data)).size
        size = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        found.insert(0, (b"VP8X", b"\0\0\0\0" + size))
    # Metadata chunks come after the picture, and unknown chunks last.
    found += chunks
    found.sort(key=lambda item: b"VP8X VP8 VP8L EXIF XMP ".find(item[0]) % 100)
    flags = 0
    for kind, _ in found:
        flags |= _VP8X_FLAGS.get(kind, 0)
    found[0] = (b"VP8X", bytes([flags]) + found[0][1][1:])
    return build.webp(*found)


def _webp_chunks(data: bytes) -> list[tuple[bytes, bytes]]:
    found, at = [], 12
    while at < len(data):
        kind, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        found.append((kind, data[at + 8 : at + 8 + size]))
        at += 8 + size + size % 2
    return found


def _profile(name: bytes, raw: bytes) -> bytes:
    return b"\n" + name + b"\n" + f"{len(raw):8}\n".encode() + raw.hex().encode() + b"\n"


def _extended(raw: bytes) -> list[bytes]:
    guid = hashlib.md5(raw, usedforsecurity=False).hexdigest().upper()
    main = build.packet(attributes=f'xmpNote:HasExtendedXMP="{guid}"')
    return [build.jpeg_segment(0xE1, _XMP + main), *build.extended_segments(raw, 100)]


def _photoshop(raw: bytes, pieces: int = 3) -> list[bytes]:
    block = build.photoshop(0x0424, raw)
    step = -(-len(block) // pieces)
    return [
        build.jpeg_segment(0xED, b"Photoshop 3.0\0" + block[at : at + step])
        for at in range(0, len(block), step)
    ]


def app1(raw: bytes) -> bytes:
    """Returns an XMP packet as a JPEG segment."""
    return build.jpeg_segment(0xE1, _XMP + raw)


def itxt(raw: bytes) -> bytes:
    """Returns an XMP packet as a PNG chunk."""
    return build.png_chunk(b"iTXt", _ITXT + b"\0\0\0\0" + raw)


def _ztxt(name: bytes, raw: bytes) -> bytes:
    text = zlib.compress(_profile(name, raw))
    return build.png_chunk(b"zTXt", b"Raw profile type " + name + b"\0\0" + text)


InsertPacket = Callable[[bytes, bytes], bytes]
# The places for an XMP packet in a real picture: the format, and a function that inserts a packet.
PACKET_PLACES: dict[str, tuple[str, InsertPacket]] = {
    "JPEG": ("jpg", lambda data, raw: jpeg_with(data, app1(raw))),
    "JPEG extended": ("jpg", lambda data, raw: jpeg_with(data, *_extended(raw))),
    "JPEG behind": ("jpg", lambda data, raw: data + build.jpeg_xmp(raw)),
    "JPEG EXIF": (
        "jpg",
        lambda data, raw: jpeg_with(
            data, build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({700: raw}))
        ),
    ),
    "JPEG Photoshop": ("jpg", lambda data, raw: jpeg_with(data, *_photoshop(raw))),
    "PNG": ("png", lambda data, raw: png_with(data, itxt(raw))),
    "PNG late": ("png", lambda data, raw: data[:-12] + itxt(raw) + data[-12:]),
    "PNG compressed": (
        "png",
        lambda data, raw: png_with(
            data, build.png_chunk(b"iTXt", _ITXT + b"\1\0\0\0" + zlib.compress(raw))
        ),
    ),
    "PNG zTXt": (
        "png",
        lambda data, raw: png_with(
            data, build.png_chunk(b"zTXt", _ITXT + b"\0" + zlib.compress(raw))
        ),
    ),
    "PNG profile": ("png", lambda data, raw: png_with(data, _ztxt(b"xmp", raw))),
    "PNG APP1 profile": ("png", lambda data, raw: png_with(data, _ztxt(b"APP1", _XMP + raw))),
    "PNG eXIf": (
        "png",
        lambda data, raw: png_with(data, build.png_chunk(b"eXIf", build.tiff({700: raw}, ">"))),
    ),
    "WebP": ("webp", lambda data, raw: webp_with(data, (b"XMP ", raw))),
    "WebP EXIF": ("webp", lambda data, raw: webp_with(data, (b"EXIF", build.tiff({700: raw})))),
}
# No words that would be a refusal in plain language as well.
_HIDDEN = b"plus:x=DMI-PROHIBITED"
# Prohibitions in places where no reader looks for statements.
STRAY_STATEMENTS: dict[str, tuple[str, EmbedStatement]] = {
    "JPEG comment": ("jpg", lambda data: jpeg_with(data, build.jpeg_segment(0xFE, _HIDDEN))),
    "JPEG APP7": ("jpg", lambda data: jpeg_with(data, build.jpeg_segment(0xE7, _HIDDEN))),
    "JPEG behind": ("jpg", lambda data: data + _HIDDEN),
    "JPEG UTF-16": (
        "jpg",
        lambda data: jpeg_with(
            data, build.jpeg_segment(0xE8, _HIDDEN.decode().encode("utf-16-le"))
        ),
    ),
    "PNG private": ("png", lambda data: png_with(data, build.png_chunk(b"prVt", _HIDDEN))),
    "PNG text": ("png", lambda data: png_with(data, build.png_chunk(b"tEXt", b"Note\0" + _HIDDEN))),
    "WebP private": ("webp", lambda data: webp_with(data, (b"prvt", _HIDDEN))),
}
