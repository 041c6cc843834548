"""A refusal is found in every part of a picture that no reader knows, and in colour profiles."""

from __future__ import annotations

import io
import random
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from pipelines.media.formats import Format
from pipelines.signals.file.embedded import may_state_rights, read_embedded
from pipelines.signals.file.text_fields import read_text_field, unknown_part
from pipelines.signals.file.trust import TrustLists
from schemas.rights import Permission
from tests.signals.file.xmp_builder import jpeg_segment, png_chunk

NO = b"You may not use this image for AI training."
YES = b"You may hang this image on any wall you like."
PROFILE = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def _picture(form: str, profile: bytes = b"") -> bytes:
    sink = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 80, 200)).save(sink, form, icc_profile=profile)
    return sink.getvalue()


def _profile(said: bytes) -> bytes:
    """The profile of sRGB with another copyright."""
    count = int.from_bytes(PROFILE[128:132])
    text = b"text\0\0\0\0" + said + b"\0"
    tags = [PROFILE[132 + 12 * at : 144 + 12 * at] for at in range(count)]
    place = struct.pack(">II", len(PROFILE), len(text))
    table = b"".join(b"cprt" + place if tag[:4] == b"cprt" else tag for tag in tags)
    whole = PROFILE[:132] + table + PROFILE[132 + 12 * count :] + text
    return struct.pack(">I", len(whole)) + whole[4:]


def _png(kind: bytes, body: bytes) -> bytes:
    plain = _picture("PNG")
    at = plain.index(b"IDAT") - 4
    return plain[:at] + png_chunk(kind, body) + plain[at:]


def _jpeg(marker: int, body: bytes) -> bytes:
    plain = _picture("JPEG")
    return plain[:20] + jpeg_segment(marker, body) + plain[20:]


def _places(said: bytes) -> dict[str, tuple[Format, bytes]]:
    deflated, jpeg = zlib.compress(said), _picture("JPEG")
    return {
        "PNG chunk": ("png", _png(b"abCd", said)),
        "PNG chunk, deflated": ("png", _png(b"abCd", deflated)),
        "PNG chunk, deflated after a keyword": ("png", _png(b"abCd", b"note\0\0" + deflated)),
        "PNG chunk, far behind": ("png", _png(b"abCd", bytes((1 << 20) - 20) + said)),
        "PNG profile's name": ("png", _png(b"iCCP", said[:79] + b"\0\0" + zlib.compress(PROFILE))),
        "PNG profile": ("png", _picture("PNG", _profile(said))),
        **{f"PNG {k}": ("png", _png(k.encode(), said)) for k in ("hIST", "gAMA", "tIME", "sPLT")},
        "JPEG profile": ("jpg", _picture("JPEG", _profile(said))),
        "WebP profile": ("webp", _picture("WEBP", _profile(said))),
        "JFXX": ("jpg", _jpeg(0xE0, b"JFXX\0" + said)),
        "JFIF, longer": ("jpg", jpeg[:2] + jpeg_segment(0xE0, jpeg[6:20] + said) + jpeg[20:]),
        "Adobe, longer": ("jpg", _jpeg(0xEE, b"Adobe\0" + bytes(6) + said)),
        "Adobe elsewhere": ("jpg", _jpeg(0xE8, b"Adobe\0" + said)),
        "JP elsewhere": ("jpg", _jpeg(0xE5, b"JP" + said)),
        "MPF": ("jpg", _jpeg(0xE2, b"MPF\0" + said)),
        "Adobe's other name space": ("jpg", _jpeg(0xE1, b"http://ns.adobe.com/x/\0" + said)),
        **{f"JPEG {m:02X}": ("jpg", _jpeg(m, said)) for m in (0x02, 0xBF, 0xC8, 0xF0, 0xFD)},
        "behind a JPEG": ("jpg", jpeg + said),
    }


def _read(fmt: Format, data: bytes) -> set[Permission]:
    return {signal.value for signal in read_embedded(data, fmt, TrustLists("")).signals}


@pytest.mark.parametrize("place", _places(b""))
def test_a_refusal_is_found(place: str) -> None:
    fmt, data = _places(NO)[place]
    assert may_state_rights(data, fmt)
    assert _read(fmt, data) == {Permission.DENY}
    fmt, data = _places(YES)[place]
    assert _read(fmt, data) == set()


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("profile", [PROFILE, _profile(YES), b""])
def test_a_file_with_a_plain_profile_stays_plain(profile: bytes, form: str) -> None:
    fmt: Format = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[form]  # type: ignore[assignment]
    assert not may_state_rights(_picture(form, profile), fmt)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_the_licence_of_a_profile_is_not_the_pictures(form: str) -> None:
    fmt: Format = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}[form]  # type: ignore[assignment]
    said = b"Copyright 2013, Elle Stone, ida@example.com, CC BY-SA 3.0. Midjourney. "
    claims = read_embedded(_picture(form, _profile(said)), fmt, TrustLists("")).claims
    assert not claims
    [signal, *_] = read_embedded(_picture(form, _profile(said + NO)), fmt, TrustLists("")).signals
    assert "ai training" in signal.said


def test_a_part_that_is_too_large_to_search_is_a_fault() -> None:
    reading = read_embedded(_png(b"abCd", b"\1" * (17 << 20)), "png", TrustLists(""))
    assert ["is not searched" in fault.detail for fault in reading.faults] == [True]


def _table(gamma: float, dtype: str) -> bytes:
    """A table from CMYK to Lab, as a printer's profile has it: numbers that change little."""
    axis = np.linspace(0, 1, 11)
    cyan, magenta, yellow, black = np.meshgrid(axis, axis, axis, axis, indexing="ij")
    light = (1 - black) * (1 - 0.3 * cyan - 0.4 * magenta - 0.1 * yellow)
    red = 0.5 + 0.5 * (magenta - cyan) * (1 - black)
    blue = 0.5 + 0.5 * (yellow - 0.5 * cyan - 0.5 * magenta) * (1 - black)
    values = np.stack([light, red, blue], -1) ** gamma * np.iinfo(dtype).max
    return values.round().astype(dtype).tobytes()


def _refusals(raw: bytes) -> int:
    return len(read_text_field(unknown_part("here", raw), ()).signals)


@pytest.mark.parametrize("seed", range(20))
def test_compressed_data_say_nothing(seed: int) -> None:
    raw = random.Random(seed).randbytes(60_000)
    assert _refusals(raw) == 0
    assert _refusals(raw[:30_000] + b"\0" + NO + b"\0" + raw[30_000:]) > 0
    french = "\0Pas d'entraînement d'IA sans accord préalable\0"
    assert _refusals(raw[:30_000] + french.encode() + raw[30_000:]) > 0
    assert _refusals(raw[:30_000] + b"\0\0\0" + NO.decode().encode("utf-16-be") + b"\0\0\0") > 0


@pytest.mark.parametrize("dtype", ["uint8", ">u2"])
@pytest.mark.parametrize("gamma", [0.5, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.5, 1.8, 2.2])
def test_tables_of_colours_say_nothing(gamma: float, dtype: str) -> None:
    assert _refusals(_table(gamma, dtype)) == 0


@pytest.mark.parametrize(
    "text",
    [
        *("no AI use", "noAI: do not train", "no_ai_training=1;", "##NO AI TRAINING##"),
        *("[[no AI training]]", "$$no AI training$$", "***NO AI TRAINING***"),
        *("<x:rule>No AI training</x:rule>", "<a><b>No AI training</b></a>"),
        *('{"ai":"no AI training"}', '{"a":[{"b":"no AI training"}]}'),
        "AI training = prohibited | TDM = reserved",
    ],
)
def test_short_refusals_among_bytes_are_found(text: str) -> None:
    assert _refusals(b"\1\2\0" + text.encode() + b"\0\xff\3") > 0


@pytest.mark.parametrize("between", [b"\0", b"\0\0\0\0", b"\x0e", b"\0\0\0\x0e"])
@pytest.mark.parametrize(
    ("name", "value"),
    [("Data mining", "prohibited"), ("DataMining", "PROHIBITED"), ("ai_training", "denied")],
)
def test_a_name_and_its_value_are_one_text(name: str, value: str, between: bytes) -> None:
    raw = name.encode() + between + value.encode()
    assert _refusals(b"\1\2\3\4" + raw + b"\0\0\0") > 0
    apart = name.encode() + bytes(200) + value.encode()
    assert _refusals(apart) == 0


@pytest.mark.parametrize("code_page", ["cp1252", "mac-roman"])
def test_accents_of_a_code_page_keep_no_refusal_from_being_found(code_page: str) -> None:
    said = "Pas d'entraînement d'IA sans accord préalable"
    assert _refusals(b"\0\1" + said.encode(code_page) + b"\0") > 0
