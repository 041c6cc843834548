"""Copyright and creator in EXIF and IIM, and which notices name the same owner."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.file.metadata import read_metadata
from pipelines.signals.file.owners import same_owner, without_guesses
from schemas.rights import PURPOSES
from schemas.signal import AssertionKind
from tests.signals.file import xmp_builder as build

COPYRIGHT, ARTIST = 0x8298, 0x013B
EXIF = {COPYRIGHT: b"Ann Lee\0Agency Ltd\0", ARTIST: b"Ann Lee\0"}
UTF8 = (1, 90, b"\x1b%G")
# Every place where an EXIF structure can be, by the name that claims give it.
EXIF_CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "JPEG APP1": lambda raw: build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + raw)),
    "PNG eXIf": lambda raw: build.png(build.png_chunk(b"eXIf", raw)),
    "PNG zTXt, raw profile": lambda raw: build.png_profile(b"exif", b"Exif\0\0" + raw),
    "WebP EXIF": lambda raw: build.webp((b"EXIF", raw)),
    "TIFF": lambda raw: raw,
}
IIM_CARRIERS: dict[str, Callable[[bytes], bytes]] = {
    "JPEG APP13": lambda raw: build.jpeg_photoshop(build.photoshop(0x0404, raw)),
    "JPEG APP13 in two": lambda raw: build.jpeg_photoshop(
        build.photoshop(0x03ED, b"odd") + build.photoshop(0x0404, raw), 2
    ),
    "TIFF tag 33723": lambda raw: build.tiff({33723: raw}),
    "TIFF tag 34377": lambda raw: build.tiff({34377: build.photoshop(0x0404, raw)}, ">"),
    "PNG zTXt, raw profile": lambda raw: build.png_profile(b"iptc", raw),
    "PNG zTXt, raw profile 8BIM": lambda raw: build.png_profile(
        b"iptc", build.photoshop(0x0404, raw)
    ),
}


def claims(data: bytes) -> set[tuple[AssertionKind, str, str]]:
    reading = read_metadata(data)
    assert reading.faults == ()
    assert reading.signals == ()
    return {(claim.kind, claim.value, claim.where) for claim in reading.claims}


@pytest.mark.parametrize("carrier", EXIF_CARRIERS)
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_copyright_and_artist_become_claims(carrier: str, order: str) -> None:
    assert claims(EXIF_CARRIERS[carrier](build.tiff(EXIF, order))) == {
        (AssertionKind.COPYRIGHT, "Ann Lee; Agency Ltd", f"EXIF Copyright, {carrier}"),
        (AssertionKind.CREATOR, "Ann Lee", f"EXIF Artist, {carrier}"),
    }


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b" \0Agency\0", "Agency"),
        (b"\xc2\xa9 J\xc3\xb6rg\0", "© Jörg"),
        (b"\xa9 J\xf6rg\0", "© Jörg"),
        (b"Two\r\nlines\0", "Two lines"),
    ],
)
def test_exif_text_is_decoded_and_normalised(raw: bytes, text: str) -> None:
    ((_, value, _),) = claims(build.tiff({COPYRIGHT: raw}))
    assert value == text


@pytest.mark.parametrize("raw", [b"", b"\0", b"   \0  \0"])
def test_an_empty_notice_says_nothing(raw: bytes) -> None:
    assert not read_metadata(build.tiff({COPYRIGHT: raw}))
    assert not read_metadata(build.tiff({33723: build.iim((2, 116, raw))}))


@pytest.mark.parametrize("carrier", IIM_CARRIERS)
def test_iim_copyright_and_by_line_become_claims(carrier: str) -> None:
    raw = build.iim(UTF8, (2, 5, b"title"), (2, 80, "Jörg".encode()), (2, 116, "© Jörg".encode()))
    where = carrier.removesuffix(" in two").removesuffix(" 8BIM")
    assert claims(IIM_CARRIERS[carrier](raw)) == {
        (AssertionKind.CREATOR, "Jörg", f"IIM 2:80, {where}"),
        (AssertionKind.COPYRIGHT, "© Jörg", f"IIM 2:116, {where}"),
    }


def test_iim_text_is_decoded_with_or_without_a_declared_character_set() -> None:
    for sets in (
        [(2, 116, b"\xa9 J\xf6rg")],
        [(2, 116, "© Jörg".encode())],
        [UTF8, (2, 116, "© Jörg".encode())],
        [UTF8, (2, 116, b"\xa9 J\xf6rg")],
    ):
        ((_, text, _),) = claims(build.tiff({33723: build.iim(*sets)}))
        assert text == "© Jörg"


def test_an_iim_data_set_with_an_extended_length_is_read() -> None:
    raw = struct.pack(">BBBHI", 0x1C, 2, 116, 0x8004, 3) + b"Ann" + build.iim((2, 80, b"Bob"))
    assert {text for _, text, _ in claims(build.tiff({33723: raw}))} == {"Ann", "Bob"}


@given(st.integers(0, 200), st.integers(0, 255), st.sampled_from(sorted(EXIF_CARRIERS)))
def test_damaged_exif_is_no_fault(at: int, byte: int, carrier: str) -> None:
    raw = bytearray(build.tiff(EXIF))
    raw[at % len(raw)] = byte
    faults = read_metadata(EXIF_CARRIERS[carrier](bytes(raw))).faults
    # Damage can turn a tag into tag 700, or claim more directories than are read.
    assert all("tag 700" in f.where or "too m" in f.detail for f in faults)


# The beginning of an XMP packet would rightly be a fault: a packet that nobody can read.
@given(st.binary(max_size=80).filter(lambda noise: b"<" not in noise), st.integers(0, 60))
def test_damaged_iim_is_no_fault(noise: bytes, at: int) -> None:
    raw = build.iim((2, 116, b"Ann"), (2, 80, b"Bob"))
    damaged = raw[:at] + noise + raw[at:]
    assert read_metadata(build.tiff({33723: damaged})).faults == ()
    assert read_metadata(build.tiff({33723: raw[:at]})).faults == ()


def test_xmp_in_exif_in_photoshop_resources_is_read() -> None:
    denial = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')
    exif = build.tiff({700: denial, COPYRIGHT: b"Ann\0"})
    reading = read_metadata(build.tiff({34377: build.photoshop(0x0422, exif)}))
    assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
    assert [claim.value for claim in reading.claims] == ["Ann"]


def test_deeply_nested_metadata_is_a_fault() -> None:
    raw = build.tiff({COPYRIGHT: b"Ann\0"})
    for _ in range(20):
        raw = build.tiff({34377: build.photoshop(0x0422, raw)})
    assert "too much nested metadata" in read_metadata(raw).faults[0].detail


def test_a_damaged_exif_raw_profile_is_ignored() -> None:
    text = b"Raw profile type exif\0\0" + zlib.compress(b"\nexif\n 99\n00")
    assert not read_metadata(build.png(build.png_chunk(b"zTXt", text)))


SAME = [
    ("", "Ann Lee"),
    ("© 2020", "Ann Lee"),
    ("All rights reserved.", "Ann Lee"),
    ("© 2019 Ann Lee", "Copyright (c) 2021 Ann Lee. All rights reserved."),
    ("ANN LEE", "ann lee"),
    ("Ann Lee", "Ann Lee; Agency Ltd"),
    ("(C) Ann-Lee", "Ann Lee"),
    ("Ann Lee 2001-2020", "Ann Lee"),
    ("Straße", "STRASSE"),
    ("Ａｎｎ Ｌｅｅ", "Ann Lee"),
    ("Jo\u0308rg", "Jörg"),
    ("株式会社例", "©株式会社例写真部"),
    ("The Very Long Picture Agency of th", "The Very Long Picture Agency of the North"),
    ("© 2020 Jane. Alle Rechte vorbehalten.", "Jane"),
    ("C 2020 Jane", "Jane"),
    ("© José García", "(c) Jose Garcia"),
    ("© José García", "(c) Jos? Garc?a"),
    ("© José García / Example Agency", "? Jos? Garc?a"),
    ("© Juergen Mueller", "Copyright 2019 J?rgen M?ller"),
    ("Jürgen Müller", "Juergen Mueller"),
    ("© Łukasz Żółty", "(c) Lukasz Zolty"),
    ("Søren", "Soren"),
    ("© Šimon Žák", "\ufffdimon \ufffd\ufffdk"),
    ("© Иван Иванов", "???? ??????"),
    ("© 2024-05-01 Ann Lee", "Ann Lee 01.05.2023"),
    ("© 2024-05-01T10:00:00Z Ann Lee", "Ann Lee"),
]
OTHER = [
    ("Ann Lee", "Bob Ray"),
    ("Ann", "Joanna"),
    ("Ann", "Anna"),
    ("Agency 1", "Agency 12"),
    ("Anna Lee", "Ann Lee"),
    ("株式会社例", "株式会社別"),
    ("Ann Lee", "Lee Ann"),
    ("J?rgen Mueller", "Ann Lee"),
    ("Jos? Garc?a", "Maria Lopez"),
]


@pytest.mark.parametrize(("a", "b"), SAME)
def test_notices_that_name_the_same_owner(a: str, b: str) -> None:
    assert same_owner(a, b)
    assert same_owner(b, a)


@pytest.mark.parametrize(("a", "b"), OTHER)
def test_notices_that_name_different_owners(a: str, b: str) -> None:
    assert not same_owner(a, b)
    assert not same_owner(b, a)


@given(st.text(), st.text())
def test_same_owner_is_symmetric_and_ignores_common_words(a: str, b: str) -> None:
    assert same_owner(a, b) == same_owner(b, a)
    assert same_owner(a, a)
    assert same_owner(a, f"© 2020 {a}")


def test_very_long_notices_can_be_compared() -> None:
    assert not same_owner("ab" * 200_000, "a" * 400_001)
    assert same_owner("a " * 200_000, "a " * 400_000)


@pytest.mark.parametrize(
    ("raw", "owner"),
    [
        (b"Jos\x8e Garc\x92a", "José García"),  # Mac Roman
        (b"\x8aimon \x8e\xe1k", "Šimon Žák"),  # cp1250
        (b"\xc8\xe2\xe0\xed \xc8\xe2\xe0\xed\xee\xe2", "Иван Иванов"),  # cp1251
    ],
)
def test_bytes_in_an_unknown_code_page_may_be_any_letter(raw: bytes, owner: str) -> None:
    ((_, text, where),) = claims(build.tiff({33723: build.iim((2, 116, raw))}))
    assert "not UTF-8" in where
    assert same_owner(without_guesses(text), f"© {owner}")
    # Where no letter is known, nobody is named, and nobody contradicted.
    names_somebody = any(char.isascii() and char.isalpha() for char in without_guesses(text))
    assert same_owner(without_guesses(text), "© Maria Lopez Fernandez") != names_somebody


def test_a_packet_in_the_exif_of_a_second_picture_is_read() -> None:
    denial = build.packet(attributes='plus:DataMining="DMI-PROHIBITED"')
    second = build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({700: denial})))
    assert {s.purpose for s in read_metadata(build.jpeg() + second).signals} == set(PURPOSES)
