"""All readers applied to one file, and the structure check that decides if they are needed."""

from __future__ import annotations

import io
import json
import struct
import subprocess
import sys
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipelines.media.formats import FORMATS, Format
from pipelines.media.sniff import sniff_format
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.trust import NO_TRUST
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import AssertionKind, Reading
from tests.media.media_samples import film, png_chunk
from tests.signals.file.c2pa_builder import (
    Assertion,
    allowing,
    denying,
    identity,
    mining,
    plain,
    sign,
)

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"
_DMI = "http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED"
PACKET = (
    '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
    'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about="" '
    f'xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/" plus:DataMining="{_DMI}"/>'
    "</rdf:RDF></x:xmpmeta>"
).encode()
XMP_UUID = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")


def segment(marker: int, body: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(body) + 2) + body


def box(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body) + 8) + kind + body


def riff(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)


def picture(kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    Image.radial_gradient("L").convert("RGB").save(out, kind, **options)
    return out.getvalue()


def in_png(chunk: bytes) -> bytes:
    data = plain("png")
    return data[:33] + chunk + data[33:]


def in_webp(chunk: bytes) -> bytes:
    body = plain("webp")[12:] + chunk
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def scans_with(body: bytes) -> bytes:
    """Returns a progressive JPEG with `body` between two of its scans."""
    data = picture("JPEG", progressive=True)
    at = data.index(b"\xff\xda", data.index(b"\xff\xda") + 2)
    return data[:at] + body + data[at:]


APP1 = segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET)
JPEG = plain("jpg")
ICC = segment(0xE2, b"ICC_PROFILE\0\1\1" + APP1)
WITH_RIGHTS: dict[str, bytes] = {
    "jpeg app1": JPEG[:2] + APP1 + JPEG[2:],
    "jpeg app1 after the first tables": JPEG[:20] + APP1 + JPEG[20:],
    "jpeg app1 between scans": scans_with(APP1),
    "jpeg app1 before the end": JPEG[:-2] + APP1 + JPEG[-2:],
    "jpeg app1 after the end": JPEG + APP1,
    "jpeg app1 after the end, and an end": JPEG + APP1 + b"\xff\xd9",
    "jpeg app1 in a profile": JPEG[:2] + ICC + JPEG[2:],
    "jpeg packet after the end": JPEG + PACKET,
    "jpeg packet in utf-16": JPEG[:2]
    + segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + PACKET.decode().encode("utf-16"))
    + JPEG[2:],
    "jpeg comment": JPEG[:2] + segment(0xFE, PACKET) + JPEG[2:],
    "jpeg fill bytes": JPEG[:2] + b"\xff\xff" + APP1 + JPEG[2:],
    "png itxt": in_png(png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET)),
    "png itxt packed": in_png(
        png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(PACKET))
    ),
    "png ztxt": in_png(png_chunk(b"zTXt", b"XML:com.adobe.xmp\0\0" + zlib.compress(PACKET))),
    "png after the end": plain("png") + png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET),
    "webp xmp": in_webp(riff(b"XMP ", PACKET)),
    "webp xmp of an early writer": in_webp(riff(b"XMP\0", PACKET)),
    "mp4 uuid": film(frames=2) + box(b"uuid", XMP_UUID + PACKET),
    "mp4 udta": film(frames=2) + box(b"moov", box(b"udta", box(b"XMP_", PACKET))),
    "mp4 uuid to the end": film(frames=2) + b"\0\0\0\0uuid" + XMP_UUID + PACKET,
    "stray prohibition": JPEG[:2] + segment(0xE0, b"JFIF\0DMI-PROHIBITED") + JPEG[2:],
    **{f"c2pa {fmt}": denying(fmt) for fmt in FORMATS},
    "c2pa remote": sign(JPEG, "jpg", [], remote="https://x.example/m.c2pa"),
}


def fmt_of(data: bytes) -> Format:
    fmt = sniff_format(data)
    assert fmt is not None
    return fmt


@pytest.mark.parametrize("name", WITH_RIGHTS)
def test_the_structure_check_flags_files_that_state_rights(name: str) -> None:
    data = WITH_RIGHTS[name]
    assert may_state_rights(data, fmt_of(data))


@pytest.mark.parametrize(
    "name", [name for name in WITH_RIGHTS if not name.startswith(("jpeg comment", "jpeg packet a"))]
)
def test_files_that_state_rights_are_read(name: str) -> None:
    data = WITH_RIGHTS[name]
    reading = read_embedded(data, fmt_of(data), NO_TRUST)
    denied = {signal.value for signal in reading.signals} == {Permission.DENY}
    assert denied or reading.faults or name == "c2pa remote"
    assert reading


def test_the_structure_check_passes_plain_files() -> None:
    profile = segment(0xE2, b"ICC_PROFILE\0\1\1" + bytes(500))
    files = {
        **{fmt: plain(fmt) for fmt in ("jpg", "png", "webp")},
        "progressive": picture("JPEG", progressive=True),
        "restarts": picture("JPEG", restart_marker_blocks=2),
        "grey": JPEG[:2] + profile + JPEG[2:],
        "lossless": picture("WEBP", lossless=True),
        "dpi": picture("PNG", dpi=(300, 300)),
    }
    for name, data in files.items():
        assert not may_state_rights(data, fmt_of(data)), name
        assert not read_embedded(data, fmt_of(data), NO_TRUST), name
    film_alone = box(b"ftyp", b"isom\0\0\2\0isommp41") + box(b"moov", bytes(90)) + box(b"mdat", b"")
    assert not may_state_rights(film_alone, "mp4")


def test_a_file_of_another_format_than_declared_may_state_rights() -> None:
    assert may_state_rights(plain("png"), "jpg")
    assert may_state_rights(b"", "jpg")


def test_a_png_with_a_text_chunk_may_state_rights() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("Software", "a program")
    assert may_state_rights(picture("PNG", pnginfo=info), "png")


@pytest.mark.parametrize("fmt", FORMATS)
def test_truncated_plain_files_are_flagged_or_state_nothing(fmt: Format) -> None:
    data = plain(fmt)
    for end in range(16, len(data), 7):
        if not may_state_rights(data[:end], fmt):
            assert not read_embedded(data[:end], fmt, NO_TRUST)


_PLACES = sorted(WITH_RIGHTS)


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_no_reader_finds_anything_in_files_that_the_check_passes(draw: st.DataObject) -> None:
    data = bytearray(WITH_RIGHTS[draw.draw(st.sampled_from(_PLACES))])
    fmt = sniff_format(bytes(data))
    for _ in range(draw.draw(st.integers(0, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at] ^= draw.draw(st.integers(1, 255))
    start, count = draw.draw(st.integers(0, len(data))), draw.draw(st.integers(0, 40))
    del data[start : start + count]
    if fmt is not None and not may_state_rights(bytes(data), fmt):
        assert not read_embedded(bytes(data), fmt, identity().trust)


def test_xmp_and_c2pa_are_merged_into_one_reading() -> None:
    data = sign(
        WITH_RIGHTS["jpeg app1"],
        "jpg",
        [mining("cawg.training-mining", {"entries": {"cawg.data_mining": {"use": "allowed"}}})],
    )
    reading = read_embedded(data, "jpg", identity().trust)
    assert {signal.value for signal in reading.signals} == {Permission.ALLOW, Permission.DENY}
    assert AssertionKind.C2PA_STATE in {claim.kind for claim in reading.claims}
    assert read_embedded(allowing("png"), "png", NO_TRUST).signals
    assert not read_embedded(plain("png"), "png", NO_TRUST)


def plus_assertion(code: str) -> Assertion:
    context = {"plus": "http://ns.useplus.org/ldf/xmp/1.0/"}
    value = f"http://ns.useplus.org/ldf/vocab/DMI-{code}"
    return mining("cawg.metadata", {"@context": context, "plus:DataMining": value}, json=True)


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_prohibition_in_a_manifest_is_read_once(fmt: Format) -> None:
    data = sign(plain(fmt), fmt, [plus_assertion("PROHIBITED-GENAIMLTRAINING")])
    reading = read_embedded(data, fmt, identity().trust)
    assert not reading.faults
    assert [(s.purpose, s.value) for s in reading.signals] == [(Purpose.TRAIN_GEN, Permission.DENY)]


def test_a_prohibition_in_a_manifest_does_not_hide_others() -> None:
    signed = sign(plain("png"), "png", [plus_assertion("PROHIBITED-GENAIMLTRAINING")])
    chunk = png_chunk(b"teSt", b"DMI-PROHIBITED")
    for data in (signed + chunk, signed[:33] + chunk + signed[33:]):
        assert read_embedded(data, "png", identity().trust).faults
    packet = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + PACKET)
    reading = read_embedded(signed[:33] + packet + signed[33:], "png", identity().trust)
    assert {s.purpose for s in reading.signals if s.value is Permission.DENY} == set(PURPOSES)


def test_the_structure_check_imports_no_reader_library() -> None:
    program = (
        "import json, sys, pipelines.signals.file.embedded, pipelines.features.guard\n"
        "print(json.dumps([name for name in ('c2pa', 'rdflib') if name in sys.modules]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    assert json.loads(run.stdout) == []


@pytest.mark.skipif(not VECTORS.exists(), reason="the external test vectors are not available")
def test_the_structure_check_flags_external_vectors_that_state_rights() -> None:
    for path in sorted(VECTORS.glob("*/*.jpg")):
        data = path.read_bytes()
        assert may_state_rights(data, "jpg") or read_embedded(data, "jpg", NO_TRUST) == Reading(), (
            path
        )
