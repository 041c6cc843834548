"""Texts in EXIF and IIM that may refuse a use, name a licence or a generator."""

from __future__ import annotations

from pipelines.signals.file.container_tiff import read_tiff
from pipelines.signals.file.exif_iim import iim_data_sets
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.metadata_blocks import MetadataBlock, file_fault
from pipelines.signals.file.text_fields import (
    TextField,
    decode_text,
    other_decodings,
    unknown_part,
)
from schemas.signal import ReadingFault, raw_sha256

_MAX_TEXT_BYTES = 4 << 20
_USER_COMMENT = 0x9286
# Types of entries that may hold language: bytes, ASCII, undefined (such as a maker's notes), UTF-8.
_TEXT_KINDS = (1, 2, 7, 129)
_MIN_OTHER_BYTES = 4  # as the shortest refusal has
_XP_TAGS = range(0x9C9B, 0x9CA0)  # Windows: title, comment, author, keywords, subject, in UTF-16
_EXIF_FIELDS: dict[int, tuple[str, TextRole, bool]] = {
    0x8298: ("Copyright", TextRole.RIGHTS, False),  # evidence already, as an owner's notice
    _USER_COMMENT: ("UserComment", TextRole.NOTE, True),
    0x010E: ("ImageDescription", TextRole.PROSE, False),
    0x010D: ("DocumentName", TextRole.PROSE, False),
    0x010F: ("Make", TextRole.TOOL, False),
    0x0110: ("Model", TextRole.TOOL, False),
    0x0131: ("Software", TextRole.TOOL, False),
    0x013B: ("Artist", TextRole.TOOL, False),
    0x013C: ("HostComputer", TextRole.TOOL, False),
    0xC4A5: ("PrintImageMatching", TextRole.PROSE, False),
    0x9C9B: ("XPTitle", TextRole.PROSE, False),
    0x9C9C: ("XPComment", TextRole.NOTE, True),
    0x9C9D: ("XPAuthor", TextRole.TOOL, False),
    0x9C9E: ("XPKeywords", TextRole.PROSE, False),
    0x9C9F: ("XPSubject", TextRole.PROSE, False),
    0xA430: ("CameraOwnerName", TextRole.PROSE, False),
    0xA436: ("ImageTitle", TextRole.PROSE, False),
    0xA437: ("Photographer", TextRole.PROSE, False),
    0xA438: ("ImageEditor", TextRole.TOOL, False),
    0xA43B: ("ImageEditingSoftware", TextRole.TOOL, False),
    0xA43C: ("MetadataEditingSoftware", TextRole.TOOL, False),
    0xA401: ("CustomRendered", TextRole.PROSE, False),
}
# Data sets of IIM's record 2; any other is read as prose.
_IIM_FIELDS: dict[int, tuple[str, TextRole, bool]] = {
    40: ("SpecialInstructions", TextRole.RIGHTS, True),
    65: ("OriginatingProgram", TextRole.TOOL, False),
    80: ("By-line", TextRole.TOOL, False),
    103: ("OriginalTransmissionReference", TextRole.PROSE, False),
    110: ("Credit", TextRole.TOOL, False),
    115: ("Source", TextRole.TOOL, False),
    116: ("CopyrightNotice", TextRole.RIGHTS, False),
}


def exif_texts(block: MetadataBlock) -> tuple[list[TextField], tuple[ReadingFault, ...]]:
    """Texts of an EXIF or TIFF structure, under any tag; a fault if there are too many to read."""
    found = read_tiff(block.data, block.where, None, _EXIF_FIELDS, _MAX_TEXT_BYTES, _TEXT_KINDS)
    fields = []
    for tag, raw in found.texts:
        if tag not in _EXIF_FIELDS:
            if len(raw) >= _MIN_OTHER_BYTES:
                fields.append(unknown_part(f"EXIF tag {tag:04X}, {block.where}", raw))
            continue
        name, role, is_kept = _EXIF_FIELDS[tag]
        where = f"EXIF {name}, {block.where}"
        text, *others = _exif_readings(tag, raw)
        digest = raw_sha256(raw)
        fields.append(
            TextField(name, where, text, role, digest, is_kept, other_readings=tuple(others))
        )
    if not found.texts_left_out:
        return fields, ()
    return fields, (file_fault(block.where, "too many texts in one TIFF structure", block.data),)


def _exif_readings(tag: int, raw: bytes) -> tuple[str, ...]:
    """The likeliest text first, and what it may be in other encodings."""
    if tag in _XP_TAGS:
        return raw.decode("utf-16-le", "replace"), raw.decode("utf-16-be", "replace")
    if tag != _USER_COMMENT:
        return decode_text(raw), *other_decodings(raw)
    code, body = raw[:8], raw[8:]
    if code.startswith(b"UNICODE"):
        # Its byte order is the camera's, not always the structure's.
        if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
            return (body.decode("utf-16", "replace"),)
        orders = ("utf-16-le", "utf-16-be")
        if body[::2].count(0) > body[1::2].count(0):
            orders = ("utf-16-be", "utf-16-le")
        return tuple(body.decode(order, "replace") for order in orders)
    if code.startswith(b"JIS"):
        return body.decode("iso2022_jp", "replace"), *other_decodings(body)
    plain = body if code.startswith(b"ASCII") or not code.strip(b"\0") else raw
    return decode_text(plain), *other_decodings(plain)


def iim_texts(block: MetadataBlock) -> list[TextField]:
    """Texts of an IIM record."""
    fields = []
    for (record, number), value in iim_data_sets(block.data):
        if not value.strip(b"\0 "):
            continue
        field = _IIM_FIELDS.get(number) if record in (2, 3) else None
        name, role, is_kept = field or ("", TextRole.PROSE, False)
        where = f"IIM {record}:{number}, {block.where}"
        text, others = decode_text(value), other_decodings(value)
        digest = raw_sha256(value)
        fields.append(TextField(name, where, text, role, digest, is_kept, other_readings=others))
    return fields
