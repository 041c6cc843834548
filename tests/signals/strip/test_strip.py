"""Removing metadata: nothing personal stays, rights stay as they were, pictures are the same."""

from __future__ import annotations

import io
import re
import struct
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.features.guard import Guard, this_guard
from pipelines.media.formats import Format
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.trust import NO_TRUST
from pipelines.signals.strip.kept import CannotStripError
from pipelines.signals.strip.strip import strip_metadata
from schemas.errors import BadRecord
from schemas.signal import AssertionKind, Reading, personal_kinds_of
from tests.media.media_samples import LIMITS
from tests.signals.file import xmp_builder as build
from tests.signals.file.c2pa_builder import denying
from tests.signals.file.c2pa_builder import plain as signed_plain
from tests.signals.strip.dressed import (
    NOTICE,
    PERSONAL,
    RIGHTS,
    SECRETS,
    Dress,
    dress,
    plain,
    random_dress,
)

pytestmark = pytest.mark.long

K = AssertionKind
PICTURES: tuple[Format, ...] = ("jpg", "png", "webp")
SEEDS = st.integers(0, 2**32)
# Of a reading, what is not about rights but about people.
_PEOPLE = {K.CREATOR, K.MODEL_AGE, K.PEOPLE_SHOWN, K.PERSONAL, K.UNJUDGED}
_METADATA_CHUNKS = (b"tEXt", b"zTXt", b"iTXt", b"eXIf", b"caBX", b"tIME", b"veND")


def picture(fmt: Format, seed: int, wear: Dress | None = None) -> tuple[bytes, int]:
    """A picture with metadata, and its orientation."""
    rng = Random(seed)
    wear = wear or random_dress(rng)
    mode = rng.choice(("RGB", "L", "RGBA") if fmt == "png" else ("RGB",))
    options: dict[str, Any] = {"lossless": True} if fmt == "webp" else {}
    if fmt == "jpg":
        options = {"progressive": rng.random() < 0.5, "icc_profile": b"a profile"}
    data = dress(fmt, plain(fmt, rng, mode), wear, **options)
    return data, int(wear.exif.get(0x0112, 1))


def strip(fmt: Format, data: bytes, orientation: int, setting: str) -> bytes:
    return strip_metadata(data, fmt, setting, orientation, NO_TRUST)


def said(reading: Reading) -> set[tuple[str, ...]]:
    """What a reading says about rights."""
    found = {(item.purpose.value, item.value.value, item.said) for item in reading.signals}
    notes = ("EXIF UserComment", "JPEG COM", "PNG")
    return found | {
        (item.kind.value, item.value)
        for item in reading.claims
        if item.kind not in _PEOPLE
        and not (item.kind is K.TEXT and item.where.startswith(notes) and "Copyr" not in item.where)
    }


def assert_same_picture(before: bytes, after: bytes) -> None:
    with Image.open(io.BytesIO(before)) as was, Image.open(io.BytesIO(after)) as now:
        assert (was.mode, was.size, was.tobytes()) == (now.mode, now.size, now.tobytes())
        assert was.info.get("icc_profile") == now.info.get("icc_profile")
        assert was.getexif().get(0x0112, 1) == now.getexif().get(0x0112, 1)


def assert_no_secret(data: bytes) -> None:
    for secret in SECRETS.values():
        for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
            assert secret.encode(encoding) not in data


def parts(fmt: Format, data: bytes) -> list[bytes]:
    """The names of a file's segments or chunks, read apart from the code under test."""
    found = []
    at = {"jpg": 2, "png": 8, "webp": 12}[fmt]
    while at < len(data):
        if fmt == "jpg":
            found.append(data[at + 1 : at + 2])
            if data[at + 1] in (0xD9, 0xDA):
                break
            at += 2 + int.from_bytes(data[at + 2 : at + 4])
        elif fmt == "png":
            found.append(data[at + 4 : at + 8])
            at += 12 + int.from_bytes(data[at : at + 4])
        else:
            size = int.from_bytes(data[at + 4 : at + 8], "little")
            found.append(data[at : at + 4])
            at += 8 + size + size % 2
    return found


def check_none(fmt: Format, seed: int) -> None:
    data, orientation = picture(fmt, seed)
    stripped = strip(fmt, data, orientation, "none")
    assert_no_secret(stripped)
    assert_same_picture(data, stripped)
    names = parts(fmt, stripped)
    # Only the orientation is stated, and only where the picture is turned.
    exif = {"jpg": b"\xe1", "png": b"eXIf", "webp": b"EXIF"}[fmt]
    assert names.count(exif) == (orientation != 1)
    if fmt == "jpg":
        others = {bytes((marker,)) for marker in range(0xE3, 0xF0)} - {b"\xee"}
        assert not {*others, b"\xfe"} & set(names)
    else:
        assert not {*_METADATA_CHUNKS, b"XMP ", b"VEND"}.difference((exif,)) & set(names)
    with Image.open(io.BytesIO(stripped)) as image:
        assert not {"xmp", "XML:com.adobe.xmp"} & set(image.info)
        assert set(image.getexif()) <= {0x0112}
        assert not {"comment", "photoshop", "parameters", "Author", "Copyright"} & set(image.info)
    assert strip(fmt, stripped, orientation, "none") == stripped


def check_rights_only(fmt: Format, seed: int) -> None:
    data, orientation = picture(fmt, seed)
    before = read_embedded(data, fmt, NO_TRUST)
    stripped = strip(fmt, data, orientation, "rights-only")
    assert_no_secret(stripped)
    assert_same_picture(data, stripped)
    after = read_embedded(stripped, fmt, NO_TRUST)
    assert said(after) == said(before)
    assert personal_kinds_of(after) == set()
    assert not after.faults
    with Image.open(io.BytesIO(data)) as was, Image.open(io.BytesIO(stripped)) as now:
        assert was.getexif().get(0x8298) == now.getexif().get(0x8298)
    assert strip(fmt, stripped, orientation, "rights-only") == stripped


@pytest.mark.parametrize("fmt", PICTURES)
@given(seed=SEEDS)
@settings(max_examples=25)
def test_none_leaves_no_metadata_and_the_same_picture(fmt: Format, seed: int) -> None:
    check_none(fmt, seed)


@pytest.mark.parametrize("fmt", PICTURES)
@given(seed=SEEDS)
@settings(max_examples=25)
def test_rights_only_leaves_rights_alone(fmt: Format, seed: int) -> None:
    check_rights_only(fmt, seed)


@pytest.mark.slow
@pytest.mark.parametrize("fmt", PICTURES)
@given(seed=SEEDS)
@settings(max_examples=10_000)
def test_ten_thousand_pictures(fmt: Format, seed: int) -> None:
    check_none(fmt, seed)
    check_rights_only(fmt, seed)


@pytest.mark.parametrize("fmt", PICTURES)
@pytest.mark.parametrize("statement", range(len(RIGHTS)))
def test_each_statement_survives_letter_by_letter(fmt: Format, statement: int) -> None:
    """Also those of a licensor, which no reader of ours reads."""
    wear = Dress({0x0112: 1}, build.packet(RIGHTS[statement] + "".join(PERSONAL)))
    data, orientation = picture(fmt, 1, wear)
    stripped = strip(fmt, data, orientation, "rights-only").decode("utf-8", "replace")
    assert_no_secret(stripped.encode())
    values = [
        text
        for text in re.split("[<>']", RIGHTS[statement])
        if re.search("[ @]|http", text) and not re.search("rdf:|xml:|^/|^plus:", text)
    ]
    assert values or statement in (3, 13)  # one word each
    for value in values:
        assert value in stripped


STUBBORN: dict[str, tuple[Format, bytes]] = {
    "cut JPEG": ("jpg", picture("jpg", 3)[0][:-2]),
    "bytes between segments": ("jpg", b"\xff\xd8\x00" + picture("jpg", 3)[0][2:]),
    "unknown segment": (
        "jpg",
        b"\xff\xd8" + build.jpeg_segment(0xF7, b"x") + picture("jpg", 3)[0][2:],
    ),
    "critical PNG chunk": (
        "png",
        picture("png", 3)[0][:33] + build.png_chunk(b"ABCD", b"x") + picture("png", 3)[0][33:],
    ),
    "cut PNG": ("png", picture("png", 3)[0][:-4]),
    "packet in a profile": (
        "jpg",
        b"\xff\xd8"
        + build.jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + build.packet(PERSONAL[0]))
        + picture("jpg", 3, Dress())[0][2:],
    ),
}


@pytest.mark.parametrize("name", STUBBORN)
@pytest.mark.parametrize("setting", ["none", "rights-only"])
def test_what_cannot_be_removed_for_certain_is_refused(name: str, setting: str) -> None:
    fmt, data = STUBBORN[name]
    with pytest.raises(CannotStripError) as caught:
        strip(fmt, data, 1, setting)
    for secret in SECRETS.values():
        assert secret not in str(caught.value)


def test_a_manifest_goes_with_the_rest_or_not_at_all() -> None:
    data = denying("jpg")
    assert b"jumb" in data
    assert b"jumb" not in strip("jpg", data, 1, "none")
    with pytest.raises(CannotStripError, match="C2PA"):
        strip("jpg", data, 1, "rights-only")


def test_a_denial_in_a_description_is_never_lost() -> None:
    packet = build.packet("<dc:description>No AI training, please</dc:description>")
    data, _ = picture("jpg", 5, Dress({}, packet))
    with pytest.raises(CannotStripError, match="signal"):
        strip("jpg", data, 1, "rights-only")


def test_a_generator_is_still_known_when_its_text_is_gone() -> None:
    wear = Dress(texts=(("parameters", "zoe\nSteps: 20, Sampler: Euler, Seed: 5"),))
    data, _ = picture("png", 5, wear)
    stripped = strip("png", data, 1, "rights-only")
    assert b"Sampler" not in stripped
    [source] = [
        item.value
        for item in read_embedded(stripped, "png", NO_TRUST).claims
        if item.kind is K.SOURCE_TYPE
    ]
    assert source == "trainedAlgorithmicMedia"


def test_what_stands_behind_the_picture_goes() -> None:
    data, orientation = picture("jpg", 8)
    other, _ = picture("jpg", 9)
    for setting in ("none", "rights-only"):
        stripped = strip("jpg", data + other, orientation, setting)
        assert stripped.count(b"JFIF\0") == 1 and stripped.endswith(b"\xff\xd9")
        assert_same_picture(data, stripped)
        assert_no_secret(stripped)


def test_thumbnails_go() -> None:
    data, _ = picture("jpg", 8, Dress())
    at = data.index(b"JFIF\0") + 12
    thumbnail = bytes((2, 2)) + b"\x99" * 12
    length = struct.pack(">H", 16 + 12)
    with_thumbnail = data[:4] + length + data[6:at] + thumbnail + data[at + 2 :]
    assert b"\x99" * 12 in with_thumbnail
    assert strip("jpg", with_thumbnail, 1, "none") == data


@pytest.mark.parametrize("fmt", PICTURES)
def test_a_file_without_metadata_is_not_changed(fmt: Format) -> None:
    data, _ = picture(fmt, 4, Dress())
    assert not may_state_rights(data, fmt)
    for setting in ("none", "rights-only"):
        assert strip(fmt, data, 1, setting) == data


@pytest.mark.parametrize("fmt", PICTURES)
@given(SEEDS, st.lists(st.tuples(st.integers(0, 4000), st.binary(max_size=6)), max_size=4))
@settings(max_examples=40)
def test_hostile_bytes_are_refused_or_clean(
    fmt: Format, seed: int, cuts: list[tuple[int, bytes]]
) -> None:
    data, orientation = picture(fmt, seed)
    for at, other in cuts:
        data = data[:at] + other + data[at + len(other) :]
    for setting in ("none", "rights-only"):
        try:
            stripped = strip(fmt, data, orientation, setting)
        except CannotStripError:
            continue
        if setting == "none":
            reading = read_embedded(stripped, fmt, NO_TRUST)
            assert not reading.signals and not reading.faults
        assert personal_kinds_of(read_embedded(stripped, fmt, NO_TRUST)) == set()


def test_the_notice_of_exif_survives_byte_by_byte() -> None:
    raw = f"{NOTICE}\0Editor".encode("latin-1")
    exif = build.tiff({0x8298: raw, 0x13B: b"Zoe"})
    data = build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + exif))
    stripped = strip("jpg", data, 1, "rights-only")
    assert raw in stripped and b"Zoe" not in stripped


@pytest.mark.parametrize("setting", ["none", "rights-only"])
@pytest.mark.parametrize("fmt", ["avif", "gif"])
def test_formats_without_a_stripper_are_refused(fmt: Format, setting: str) -> None:
    said = f"metadata of a file of the kind {fmt} cannot be removed; export it as JPEG or PNG"
    with pytest.raises(CannotStripError, match=said):
        strip(fmt, signed_plain(fmt), 1, setting)


def test_a_gif_without_metadata_has_nothing_to_remove() -> None:
    data = signed_plain("gif")
    assert not may_state_rights(data, "gif")
    assert Guard().strip(data, "gif", "none", 1, NO_TRUST, LIMITS) == data
    with pytest.raises(BadRecord, match=r"metadata\.not_removable"):
        this_guard().strip(build.gif_comment(b"by Zoe Quill"), "gif", "none", 1, NO_TRUST, LIMITS)
