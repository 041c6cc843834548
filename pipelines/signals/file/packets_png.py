"""Parts of a PNG file: XMP in iTXt, ImageMagick's raw profiles in text chunks, EXIF in eXIf.

XMP Specification Part 3, 1.1.5, and the PNG specification, 11.3.3: `iTXt` is keyword, NUL, a flag
and a method of compression, language, NUL, translated keyword, NUL, text; `zTXt` is keyword, NUL,
method, text; `tEXt` is keyword, NUL, text.
"""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.signals.file.packets_jpeg import EXIF_HEADER, PHOTOSHOP_HEADER, XMP_HEADER
from pipelines.signals.file.parts import (
    MAX_PACKET_BYTES,
    MAX_PARTS,
    MAX_TOTAL_BYTES,
    Part,
    PartKind,
    Parts,
    file_fault,
    inflate,
)
from schemas.signal import Fault

SIGNATURE = b"\x89PNG\r\n\x1a\n"
XMP_KEYWORD = b"XML:com.adobe.xmp"
_PROFILE = b"Raw profile type "
_PROFILE_NAMES = (b"xmp", b"app1", b"exif", b"iptc", b"8bim", b"app13")
_TEXTS = (b"iTXt", b"zTXt", b"tEXt")


def png_parts(data: bytes) -> Parts:
    """Everything in a PNG file that may speak of rights."""
    parts: list[Part] = []
    faults: list[Fault] = []
    left = MAX_TOTAL_BYTES
    for kind, start, end, whole in _chunks(data):
        if kind == b"eXIf":
            parts.append(Part(PartKind.EXIF, "PNG eXIf", data[start:end], ((start, end),)))
            continue
        where = f"PNG {kind.decode()}"
        found = _text_part(data, kind, (start, end), left)
        if isinstance(found, Part):
            parts.append(found)
            left -= len(found.data)
        if isinstance(found, Fault) or (found and not whole):
            cut = file_fault(where, "the chunk is cut short", data[start:end])
            faults.append(found if isinstance(found, Fault) else cut)
        if len(parts) + len(faults) >= MAX_PARTS:
            faults.append(file_fault("PNG", f"over {MAX_PARTS} texts on rights", data))
            break
    return Parts(tuple(parts), tuple(faults))


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int, bool]]:
    """Kind, start and end of each chunk that may hold a part, and whether it is all there."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        kind = data[at + 4 : at + 8]
        start, end = at + 8, at + 8 + int.from_bytes(data[at : at + 4])
        if kind in _TEXTS or kind == b"eXIf":
            yield kind, start, min(end, len(data)), end <= len(data)
        at = end + 4


def _text_part(data: bytes, kind: bytes, span: tuple[int, int], most: int) -> Part | Fault | None:
    """The part in a text chunk, inflated to `most` bytes; None where its keyword promises none."""
    (start, end), where = span, f"PNG {kind.decode()}"
    # A keyword has at most 79 bytes; what has more is no keyword that we look for.
    head = data[start : min(start + 80, end)]
    keyword, found, _ = head.partition(b"\0")
    profile = keyword.removeprefix(_PROFILE).lower() if keyword.startswith(_PROFILE) else b""
    if not found or (keyword != XMP_KEYWORD and profile not in _PROFILE_NAMES):
        return None
    body = start + len(keyword) + 1
    packed = kind == b"zTXt"
    if kind == b"zTXt":
        body += 1
    elif kind == b"iTXt":
        packed = data[body : body + 1] != b"\0"
        language = data.find(b"\0", body + 2, end)
        translated = data.find(b"\0", language + 1, end)
        if min(language, translated) < 0:
            return file_fault(where, "the chunk has no text", data[start:end])
        body = translated + 1
    text: bytes | None = data[body:end]
    if packed:
        text = inflate(data[body:end], min(most, MAX_PACKET_BYTES))
    if text is None:
        return file_fault(where, "the text cannot be inflated", data[start:end])
    spans = () if packed else ((body, end),)
    if keyword == XMP_KEYWORD:
        return Part(PartKind.XMP, where, text, spans)
    return _profile_part(profile, text, where)


def _profile_part(name: bytes, text: bytes, where: str) -> Part | Fault | None:
    """A raw profile: newline, its name, its length in decimal, then its bytes in hexadecimal."""
    fields = text.split(maxsplit=2)
    try:
        raw = bytes.fromhex(fields[2].decode("ascii"))
        if len(raw) != int(fields[1]):
            raise ValueError("length")
    except (ValueError, IndexError):
        # EXIF and IIM hold no permission: that they are damaged hides none.
        if name in (b"xmp", b"app1"):
            return file_fault(where, f"the raw profile {name.decode()} is broken", text)
        return None
    where = f"{where}, raw profile"
    if raw.startswith(XMP_HEADER):
        return Part(PartKind.XMP, where, raw.removeprefix(XMP_HEADER))
    if name == b"xmp":
        return Part(PartKind.XMP, where, raw)
    if name in (b"app1", b"exif"):
        exif = raw[len(EXIF_HEADER) + 1 :] if raw.startswith(EXIF_HEADER) else raw
        return Part(PartKind.EXIF, where, exif)
    raw = raw.removeprefix(PHOTOSHOP_HEADER)
    kind = PartKind.PHOTOSHOP if raw.startswith(b"8BIM") else PartKind.IIM
    return Part(kind, where, raw)
