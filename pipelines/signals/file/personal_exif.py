"""Kinds of personal data in EXIF and IIM."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pipelines.signals.file.contact_texts import personal_kinds
from pipelines.signals.file.container_tiff import read_tiff
from pipelines.signals.file.exif_iim import iim_data_sets
from pipelines.signals.file.exif_texts import exif_texts
from pipelines.signals.file.generators import TextRole
from pipelines.signals.file.metadata_blocks import MetadataBlock
from pipelines.signals.file.rights_fields import IIM_RIGHTS
from pipelines.signals.file.text_fields import decode_text
from schemas.signal import PersonalKind

_GPS_POINTER = 0x8825
_TAGS: dict[int, tuple[PersonalKind, str]] = {
    0x013B: (PersonalKind.NAME, "Artist"),
    0x9C9D: (PersonalKind.NAME, "XPAuthor"),
    0xA430: (PersonalKind.NAME, "CameraOwnerName"),
    0xA437: (PersonalKind.NAME, "Photographer"),
    0xA438: (PersonalKind.NAME, "ImageEditor"),
    0xA431: (PersonalKind.SERIAL_NUMBER, "BodySerialNumber"),
    0xA435: (PersonalKind.SERIAL_NUMBER, "LensSerialNumber"),
    0xC62F: (PersonalKind.SERIAL_NUMBER, "CameraSerialNumber"),
    0x927C: (PersonalKind.CAMERA_DATA, "MakerNote"),
    0xC634: (PersonalKind.CAMERA_DATA, "DNGPrivateData"),
}
# Of the GPS directory: latitude, longitude, and those of a destination; names of places; and the
# area, in any of which a position may be.
_POSITION_TAGS = frozenset((2, 4, 20, 22, 28))
_MAX_ENTRIES = 256
_IIM_KINDS = {
    (2, 80): PersonalKind.NAME,  # by-line
    (2, 122): PersonalKind.NAME,  # writer
    (2, 118): PersonalKind.CONTACT,
}


def exif_kinds(block: MetadataBlock) -> Iterator[tuple[PersonalKind, str]]:
    """Yields each kind of personal data in an EXIF structure, with the name of the tag."""
    data = block.data
    for tag, raw in read_tiff(data, block.where, None, {*_TAGS, _GPS_POINTER}).texts:
        if tag == _GPS_POINTER:
            if _has_position(data, raw):
                yield PersonalKind.GPS, "EXIF GPS"
        elif raw.strip(b"\0 \t\r\n"):
            kind, name = _TAGS[tag]
            yield kind, f"EXIF {name}"
    texts, _ = exif_texts(block)  # whoever reads rights reports the fault
    for field in texts:
        if field.role is not TextRole.RIGHTS:
            for kind in personal_kinds(field.text):
                yield kind, f"EXIF {field.key}"


def _has_position(data: bytes, pointer: bytes) -> bool:
    """Whether the GPS directory holds a position; many cameras write one without."""
    order: Literal["little", "big"] = "little" if data[:2] == b"II" else "big"
    at = int.from_bytes(pointer, order)
    count = int.from_bytes(data[at : at + 2], order)
    if count > _MAX_ENTRIES:  # no directory; whoever wrote it may have meant one
        return True
    tags = (data[at + 2 + 12 * n : at + 4 + 12 * n] for n in range(count))
    return any(int.from_bytes(tag, order) in _POSITION_TAGS for tag in tags)


def iim_kinds(data: bytes) -> Iterator[tuple[PersonalKind, str]]:
    """Yields each kind of personal data in an IIM record, with the data set."""
    for key, value in iim_data_sets(data):
        if key in IIM_RIGHTS or not value.strip(b"\0 "):
            continue
        where = f"IIM {key[0]}:{key[1]}"
        if key in _IIM_KINDS:
            yield _IIM_KINDS[key], where
        if key[0] in (2, 3):
            for kind in personal_kinds(decode_text(value)):
                yield kind, where
