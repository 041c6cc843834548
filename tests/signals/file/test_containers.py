"""XMP packets are found everywhere a container can hold them, and damaged ones are faults."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from pipelines.signals.file.container_tiff import read_tiff
from pipelines.signals.file.containers import find_blocks
from pipelines.signals.file.embedded import may_state_rights
from pipelines.signals.file.metadata import read_metadata
from pipelines.signals.file.metadata_blocks import MAX_STATEMENT_CHARS, printable
from schemas.rights import PURPOSES, Permission, Purpose
from tests.signals.file import xmp_builder as build

DENIAL = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')
GENERATIVE = build.packet(
    attributes='plus:DataMining="http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING"'
)
VECTORS = Path(__file__).parents[4] / "shared" / "vectors" / "xmp"


def denied(data: bytes) -> set[Purpose]:
    """Returns the purposes that a file denies."""
    return {s.purpose for s in read_metadata(data).signals if s.value is Permission.DENY}


@pytest.mark.parametrize("carrier", build.CARRIERS)
def test_a_packet_is_found_in_every_container(carrier: str) -> None:
    reading = read_metadata(build.CARRIERS[carrier](DENIAL))
    assert reading.faults == ()
    assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
    assert all(signal.said == "DMI-PROHIBITED" for signal in reading.signals)


@pytest.mark.parametrize("carrier", build.CARRIERS)
@pytest.mark.parametrize("encoding", build.ENCODINGS)
def test_a_packet_is_read_in_every_encoding(carrier: str, encoding: str) -> None:
    reading = read_metadata(build.CARRIERS[carrier](build.ENCODINGS[encoding](GENERATIVE)))
    assert reading.faults == ()
    assert [(s.purpose, s.value) for s in reading.signals] == [(Purpose.TRAIN_GEN, Permission.DENY)]


@pytest.mark.parametrize("carrier", build.CARRIERS)
def test_a_truncated_file_never_becomes_a_permission(carrier: str) -> None:
    """A file truncated anywhere after the property's value still denies or has a fault."""
    data = build.CARRIERS[carrier](DENIAL)
    for end in range(len(data)):
        reading = read_metadata(data[:end])
        assert all(signal.value is Permission.DENY for signal in reading.signals)
        if b"DMI-PROHIBITED" in data[:end]:
            assert reading.signals or reading.faults, end


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the external test vectors are not available")
@pytest.mark.parametrize("name", ["attr", "elem", "pfx", "res"])
def test_external_vectors_in_four_spellings_give_the_same_signal(name: str) -> None:
    reading = read_metadata((VECTORS / f"{name}.jpg").read_bytes())
    assert [(s.purpose, s.value, s.said, s.where) for s in reading.signals] == [
        (
            Purpose.TRAIN_GEN,
            Permission.DENY,
            "DMI-PROHIBITED-GENAIMLTRAINING",
            "XMP plus:DataMining, JPEG APP1",
        )
    ]
    assert reading.faults == ()
    assert reading.claims == ()


def _xmp(raw: bytes) -> bytes:
    return build.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + raw)


def test_every_distinct_packet_counts_once() -> None:
    allowed = build.packet(attributes='plus:DataMining="DMI-ALLOWED"')
    data = build.jpeg(*[_xmp(allowed)] * 100, _xmp(GENERATIVE), *[_xmp(allowed)] * 100)
    reading = read_metadata(data)
    assert denied(data) == {Purpose.TRAIN_GEN}
    assert len(reading.signals) == 7
    assert reading.faults == ()


def test_too_many_packets_are_a_fault() -> None:
    some = [_xmp(build.packet(attributes=f'xmp:Rating="{n}"')) for n in range(1100)]
    (fault,) = read_metadata(build.jpeg(*some)).faults
    assert "over 1024" in fault.detail


def test_chunks_of_an_extended_packet_may_be_unordered_and_repeated() -> None:
    chunks = build.extended_segments(DENIAL, 64)
    reading = read_metadata(build.jpeg(*reversed(chunks), *chunks))
    assert len(reading.signals) == 6
    assert reading.faults == ()


@pytest.mark.parametrize("drop", [0, 1, -1])
def test_an_extended_packet_with_a_missing_chunk_is_a_fault(drop: int) -> None:
    chunks = build.extended_segments(GENERATIVE, 100)
    del chunks[drop]
    assert any("are missing" in f.detail for f in read_metadata(build.jpeg(*chunks)).faults)


def test_a_missing_extended_packet_is_a_fault() -> None:
    main = build.packet(attributes=f'xmpNote:HasExtendedXMP="{"AB" * 16}"')
    (fault,) = read_metadata(build.jpeg_xmp(main)).faults
    assert "AB" * 16 in fault.detail


def test_an_extended_packet_with_a_wrong_digest_is_a_fault_and_its_denial_counts() -> None:
    reading = read_metadata(build.jpeg(*build.extended_segments(DENIAL, guid=b"0" * 32)))
    assert [fault.detail for fault in reading.faults] == ["the MD5 differs from the GUID"]
    assert len(reading.signals) == 6


def test_an_extended_packet_of_four_gigabytes_is_a_fault() -> None:
    header = b"http://ns.adobe.com/xmp/extension/\0" + struct.pack(
        ">32sII", b"0" * 32, 2**32 - 1, 0
    )
    assert read_metadata(build.jpeg(build.jpeg_segment(0xE1, header + b"x"))).faults


@pytest.mark.parametrize("packed", [b"", b"\xff" * 40, zlib.compress(DENIAL)[:-9]])
def test_text_that_cannot_be_inflated_is_a_fault(packed: bytes) -> None:
    chunk = build.png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + packed)
    (fault,) = read_metadata(build.png(chunk)).faults
    assert (fault.where, fault.detail) == ("PNG iTXt", "the text cannot be inflated")


def test_decompression_bombs_are_faults() -> None:
    bomb = zlib.compress(b" " * (17 << 20), 9)
    chunk = build.png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + bomb)
    assert read_metadata(build.png(chunk)).faults
    # Each chunk is within its limit, but their sum is far over the total.
    part = build.png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(b" " * (15 << 20), 9))
    assert read_metadata(build.png(*[part] * 40)).faults


@pytest.mark.parametrize(
    "raw", [b"", b"\nxmp\n", b"\nxmp\n  5\n00", b"\nxmp\n 1\nzz", b"\nxmp\nx\n00"]
)
def test_a_damaged_raw_profile_is_a_fault(raw: bytes) -> None:
    chunk = build.png_chunk(b"tEXt", b"Raw profile type xmp\0" + raw)
    assert "is damaged" in read_metadata(build.png(chunk)).faults[0].detail


def test_other_texts_of_a_png_are_evidence_or_faults() -> None:
    comment = build.png_chunk(b"tEXt", b"Comment\0hello")
    reading = read_metadata(build.png(comment))
    assert [(claim.kind, claim.value) for claim in reading.claims] == [("text", "hello")]
    for broken in (
        build.png_chunk(b"zTXt", b"Comment\0\0broken"),
        build.png_chunk(b"iTXt", b"Comment\0\1\0\0\0broken"),
        build.png_chunk(b"iTXt", b"no keyword"),
    ):
        assert len(read_metadata(build.png(broken)).faults) == 1
    profile = build.png_chunk(b"tEXt", b"Raw profile type icc\0broken")
    assert not read_metadata(build.png(profile))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize(
    "carry",
    [
        lambda raw: build.jpeg() + raw,
        lambda raw: build.jpeg(build.jpeg_segment(0xFE, raw)),
        lambda raw: build.jpeg(build.jpeg_segment(0xE1, b"http://example.org/xmp\0" + raw)),
        lambda raw: build.png(build.png_chunk(b"pRvt", raw)),
        lambda raw: build.mp4(build.box(b"mdat", raw)),
        lambda raw: build.webp((b"ICCP", raw)),
        lambda raw: build.tiff({37500: raw}),
        lambda raw: b"GIF89a" + raw,
    ],
)
def test_a_prohibition_outside_known_metadata_is_a_fault(
    carry: Callable[[bytes], bytes], encoding: str
) -> None:
    raw = DENIAL.decode().encode(encoding)
    (fault,) = read_metadata(carry(raw)).faults
    assert "outside the metadata that was read" in fault.detail


def test_a_stray_prohibition_next_to_a_packet_is_a_fault() -> None:
    data = build.jpeg_xmp(DENIAL)
    assert not read_metadata(data).faults
    assert read_metadata(data + b"DMI-PROHIBITED").faults
    assert read_metadata(data + DENIAL).faults


@pytest.mark.parametrize("size", [0, 3, 14])
def test_tag_700_outside_the_file_or_of_unknown_type_is_a_fault(size: int) -> None:
    entry = struct.pack("<HHHII", 1, 700, size, 400, 9_000)
    (fault,) = read_tiff(b"II*\0\x08\0\0\0" + entry + bytes(4), "here").blocks.faults
    assert fault.where == "here tag 700"


def test_directories_in_a_cycle_are_read_once() -> None:
    loop = b"II*\0\x08\0\0\0" + struct.pack("<H", 0) + struct.pack("<I", 8)
    assert read_tiff(loop, "here").blocks.faults == ()
    every = struct.pack("<HHHII", 1, 0x014A, 4, 1, 8) + struct.pack("<I", 8)
    assert read_tiff(b"II*\0\x08\0\0\0" + every, "here").blocks.faults == ()


def test_entries_that_share_their_bytes_are_limited() -> None:
    """4,000 entries that all claim the same 16 MiB are a fault."""
    count = 4000
    entries = struct.pack("<HHII", 700, 7, 16 << 20, 100_000) * count
    data = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes((16 << 20) + 100_000)
    assert any("too much" in fault.detail for fault in read_metadata(data).faults)


def test_a_packet_in_a_later_page_or_a_subdirectory_is_found() -> None:
    raw = DENIAL
    page = struct.pack("<HHHII", 1, 700, 1, len(raw), 80) + bytes(4)
    for tag in (0x014A, 0x8769):
        first = struct.pack("<HHHII", 1, tag, 4, 1, 50) + bytes(4)
        data = (b"II*\0\x08\0\0\0" + first).ljust(50, b"\0") + page
        assert len(denied(data.ljust(80, b"\0") + raw)) == 6
    first = struct.pack("<H", 0) + struct.pack("<I", 50)
    data = (b"II*\0\x08\0\0\0" + first).ljust(50, b"\0") + page
    assert len(denied(data.ljust(80, b"\0") + raw)) == 6


_HEADS = [
    b"",
    b"\xff\xd8\xff",
    b"\x89PNG\r\n\x1a\n",
    b"RIFF....WEBP",
    b"....ftyp",
    b"II*\0",
    b"MM\0+",
]


@given(st.sampled_from(_HEADS), st.binary(max_size=600))
def test_no_bytes_make_the_readers_raise(head: bytes, tail: bytes) -> None:
    for fault in (*find_blocks(head + tail).faults, *read_metadata(head + tail).faults):
        assert fault.detail.isprintable()


@given(st.text(), st.integers(2, MAX_STATEMENT_CHARS))
def test_printable_returns_one_printable_line_within_the_limit(text: str, limit: int) -> None:
    line = printable(text, limit)
    assert len(line) <= limit
    assert line.isprintable()


def test_a_compressed_index_is_a_fault() -> None:
    """Its user data may deny a use, and nobody can read them."""
    data = build.mov(build.box(b"moov", build.box(b"cmov", build.box(b"dcom", b"zlib"))))
    (fault,) = read_metadata(data).faults
    assert fault.where == "MOV cmov"
    assert may_state_rights(data, "mov")


@pytest.mark.parametrize(
    "item",
    [
        pytest.param((b"mime", b"text/plain\0br\0", b"\x0b\x02\x80"), id="unknown compression"),
        pytest.param((b"Exif", b"", b"\0\0\0\0no structure"), id="no structure"),
    ],
)
def test_an_item_that_cannot_be_read_is_a_fault(item: tuple[bytes, bytes, bytes]) -> None:
    (fault,) = read_metadata(build.avif(item)).faults
    assert fault.where.startswith("AVIF")


def test_what_programs_write_is_read() -> None:
    """Files by Pillow and libavif, with a notice in EXIF and a prohibition in XMP."""
    tags = Image.Exif()
    tags[0x8298] = "No AI training"
    for kind in ("AVIF", "TIFF"):
        packet: dict[str, Any] = {"xmp": DENIAL} if kind == "AVIF" else {"tiffinfo": {700: DENIAL}}
        for metadata in ({"exif": tags}, packet):
            out = io.BytesIO()
            Image.new("RGB", (40, 30)).save(out, kind, **metadata)
            assert denied(out.getvalue()) == set(PURPOSES), (kind, list(metadata))
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "GIF", comment=b"No AI training")
    assert denied(out.getvalue()) == set(PURPOSES)
