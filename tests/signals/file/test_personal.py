"""The kinds of personal data in a file's metadata, each in its place."""

from __future__ import annotations

import struct

import pytest

from pipelines.media.formats import Format
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.personal import personal_data
from pipelines.signals.file.trust import NO_TRUST
from schemas.signal import AssertionKind, personal_kinds_of
from tests.signals.file import xmp_builder as build
from tests.signals.strip.dressed import PERSONAL, RIGHTS, SECRETS

EXIF = b"Exif\0\0"
CI = "xmlns:c='http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/'"


def exif(tag: int, raw: bytes, order: str = "<") -> bytes:
    return build.jpeg(build.jpeg_segment(0xE1, EXIF + build.tiff({tag: raw}, order)))


def gps(order: str, *tags: int) -> bytes:
    """EXIF whose GPS directory has these tags."""
    entries = b"".join(struct.pack(f"{order}HHI", tag, 1, 1) + bytes(4) for tag in tags)
    mark = b"II" if order == "<" else b"MM"
    tiff = mark + struct.pack(f"{order}HIHHHII", 42, 8, 1, 0x8825, 4, 1, 26) + bytes(4)
    tiff += struct.pack(f"{order}H", len(tags)) + entries + bytes(4)
    return build.jpeg(build.jpeg_segment(0xE1, EXIF + tiff))


def iim(number: int, text: str) -> bytes:
    return build.jpeg_photoshop(build.photoshop(0x0404, build.iim((2, number, text.encode()))))


def xmp(properties: str) -> bytes:
    return build.jpeg_xmp(build.packet(properties))


def text_chunk(key: str, text: str) -> bytes:
    return build.png(build.png_chunk(b"tEXt", key.encode() + b"\0" + text.encode()))


def udta(kind: bytes, raw: bytes) -> bytes:
    return build.mp4(build.box(b"moov", build.box(b"udta", build.box(kind, raw))))


def track(kind: bytes) -> bytes:
    description = build.box(b"stsd", bytes(7) + b"\1" + build.box(kind, bytes(8)))
    table = build.box(b"stbl", description)
    media = build.box(b"mdia", build.box(b"minf", table))
    return build.mp4(build.box(b"moov", build.box(b"trak", media)))


HELD: dict[str, tuple[str, Format, bytes]] = {
    "EXIF Artist": ("name", "jpg", exif(0x013B, b"Zoe Quill")),
    "EXIF Artist, big": ("name", "jpg", exif(0x013B, b"Zoe Quill", ">")),
    "EXIF owner": ("name", "jpg", exif(0xA430, b"Zoe Quill")),
    "EXIF photographer": ("name", "jpg", exif(0xA437, b"Zoe Quill")),
    "EXIF XPAuthor": ("name", "jpg", exif(0x9C9D, "Zoe".encode("utf-16-le"))),
    "EXIF serial number": ("serial_number", "jpg", exif(0xA431, b"481516")),
    "EXIF lens": ("serial_number", "jpg", exif(0xA435, b"481516")),
    "EXIF maker note": ("camera_data", "jpg", exif(0x927C, b"NIKON\0\2\x10")),
    "EXIF description": ("contact", "jpg", exif(0x010E, b"zoe@studio.example")),
    "EXIF comment": ("contact", "jpg", exif(0x9286, b"ASCII\0\0\0tel 555 0199 22")),
    "EXIF position": ("gps", "jpg", gps("<", 0, 1, 2, 3, 4)),
    "EXIF position, big": ("gps", "jpg", gps(">", 1, 2)),
    "EXIF destination": ("gps", "jpg", gps("<", 20)),
    "EXIF in WebP": ("name", "webp", build.webp((b"EXIF", build.tiff({0x013B: b"Zoe"})))),
    "EXIF in PNG": ("name", "png", build.png(build.png_chunk(b"eXIf", build.tiff({0x13B: b"Z"})))),
    "IIM by-line": ("name", "jpg", iim(80, "Zoe Quill")),
    "IIM writer": ("name", "jpg", iim(122, "Zoe Quill")),
    "IIM contact": ("contact", "jpg", iim(118, "Main Street 5")),
    "IIM caption": ("contact", "jpg", iim(120, "zoe@studio.example")),
    **{
        f"XMP {number}": (kind, "jpg", xmp(PERSONAL[number]))
        for number, kind in enumerate(
            "name contact serial_number gps person person contact name name".split()
        )
    },
    "XMP attribute": ("name", "jpg", build.jpeg_xmp(build.packet(attributes='dc:creator="Zoe"'))),
    "XMP city": ("contact", "jpg", xmp(f"<c:CiAdrCity {CI}>Rome</c:CiAdrCity>")),
    "XMP age": ("person", "jpg", xmp("<Iptc4xmpExt:ModelAge>34</Iptc4xmpExt:ModelAge>")),
    "XMP in EXIF": ("name", "jpg", exif(700, build.packet("<dc:creator>Zoe</dc:creator>"))),
    "XMP behind the picture": (
        "name",
        "jpg",
        build.jpeg() + build.packet("<dc:creator>Zoe</dc:creator>"),
    ),
    "JPEG comment": ("contact", "jpg", build.jpeg(build.jpeg_segment(0xFE, b"zoe@studio.example"))),
    "PNG Author": ("name", "png", text_chunk("Author", "Zoe")),
    "PNG text": ("contact", "png", text_chunk("Description", "zoe@studio.example")),
    "MP4 artist": ("name", "mp4", udta(b"\xa9ART", b"\0\3\0\0Zoe")),
    "MP4 position": ("gps", "mp4", udta(b"\xa9xyz", b"\0\x12\0\0+51.5007-000.1246/")),
    "MP4 3GPP position": ("gps", "mp4", udta(b"loci", bytes(20))),
    "MP4 camera": ("camera_data", "mp4", udta(b"CAME", bytes(20))),
    "MP4 telemetry": ("camera_data", "mp4", track(b"gpmd")),
    "MP4 motion": ("camera_data", "mp4", track(b"camm")),
}
NOT_HELD: dict[str, tuple[Format, bytes]] = {
    **{f"XMP rights {n}": ("jpg", xmp(statement)) for n, statement in enumerate(RIGHTS)},
    "EXIF notice": ("jpg", exif(0x8298, b"(c) Zoe Quill, zoe@studio.example")),
    "EXIF blank artist": ("jpg", exif(0x013B, b"   \0")),
    "EXIF make": ("jpg", exif(0x010F, b"NIKON CORPORATION")),
    "EXIF GPS without position": ("jpg", gps("<", 0, 29)),
    "IIM notice": ("jpg", iim(116, "(c) Zoe Quill, zoe@studio.example")),
    "IIM city": ("jpg", iim(90, "Rome")),
    "XMP title": ("jpg", xmp("<dc:title>A cat</dc:title><xmp:Rating>5</xmp:Rating>")),
    "PNG notice": ("png", text_chunk("Copyright", "Zoe Quill, zoe@studio.example")),
    "PNG software": ("png", text_chunk("Software", "Painter 5")),
    "MP4 notice": ("mp4", udta(b"cprt", b"\0\0\0\0UDZoe Quill")),
    "MP4 title": ("mp4", udta(b"\xa9nam", b"\0\5\0\0A cat")),
}


@pytest.mark.parametrize("name", HELD)
def test_each_kind_is_found(name: str) -> None:
    kind, fmt, data = HELD[name]
    assert may_state_rights(data, fmt)
    found = read_embedded(data, fmt, NO_TRUST)
    assert personal_kinds_of(found) == {kind}
    for claim in personal_data(data, fmt):
        assert claim.kind is AssertionKind.PERSONAL and claim.value == kind
        shown = f"{claim.value} {claim.where}"
        assert not any(text in shown for text in (*SECRETS.values(), "Zoe", "481516", "Rome"))


@pytest.mark.parametrize("name", NOT_HELD)
def test_rights_and_other_fields_are_none(name: str) -> None:
    fmt, data = NOT_HELD[name]
    assert personal_kinds_of(read_embedded(data, fmt, NO_TRUST)) == set()
