"""A refusal in plain language denies wherever it stands, and nothing else does."""

from __future__ import annotations

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from pipelines.media.sniff import sniff_format
from pipelines.signals.file.denial_words import LANGUAGES
from pipelines.signals.file.denials import find_denial, fold
from pipelines.signals.file.embedded import may_state_rights, read_embedded, read_sidecar
from pipelines.signals.file.metadata import read_metadata
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from schemas.rights import PURPOSES, Permission
from schemas.signal import AssertionKind, Reading
from tests.signals.file import xmp_builder as build
from tests.signals.file.planted import HARMLESS, PLACES, REFUSALS


def refuses(reading: Reading) -> bool:
    """Whether a reading denies every purpose, or was not read."""
    denied = {signal.purpose for signal in reading.signals if signal.value is Permission.DENY}
    return bool(reading.faults) or denied == set(PURPOSES)


@pytest.mark.parametrize("place", PLACES)
def test_a_refusal_denies_in_every_place(place: str) -> None:
    reading = read_metadata(PLACES[place](REFUSALS[0]))
    assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
    assert {signal.value for signal in reading.signals} == {Permission.DENY}
    assert [text for text in REFUSALS if not refuses(read_metadata(PLACES[place](text)))] == []


@pytest.mark.parametrize("text", REFUSALS)
def test_a_refusal_denies_in_every_language(text: str) -> None:
    assert find_denial(text, is_rights_field=True)
    assert find_denial(text, is_rights_field=False)


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize("place", ["JPEG comment", "EXIF Copyright", "XMP dc:rights", "PNG tEXt"])
def test_what_refuses_nothing_denies_nothing(place: str, text: str) -> None:
    assert read_metadata(PLACES[place](text)).signals == ()


def _disguised(text: str, draw: st.DataObject) -> str:
    """The text in another case, with other blanks, punctuation, invisible characters."""
    text = draw.draw(st.sampled_from([text, text.upper(), text.lower(), text.title()]))
    blank = draw.draw(st.sampled_from([" ", "  ", "\n", "\u00a0", "\u2003", " - ", "_", "\t"]))
    text = text.replace(" ", blank)
    at = draw.draw(st.integers(0, len(text)))
    return text[:at] + draw.draw(st.sampled_from(["", "\u200b", "\u00ad", "\u2060"])) + text[at:]


def check_planted(draw: st.DataObject) -> None:
    place = draw.draw(st.sampled_from(sorted(PLACES)))
    text = _disguised(draw.draw(st.sampled_from(REFUSALS)), draw)
    before = draw.draw(st.sampled_from(["", "Photo: Jo. ", "© 2024 Jo\n", "A dog, a cat; "]))
    after = draw.draw(st.sampled_from(["", ".", " — ask first", "! Contact us", "\r\n"]))
    planted = before + text + after
    # A comment of XML may hold no two hyphens.
    data = PLACES[place](planted.replace("--", "-"))
    fmt = sniff_format(data)
    if fmt is not None:
        assert may_state_rights(data, fmt)
    assert refuses(read_metadata(data)), (place, planted)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_a_planted_no_is_never_lost(draw: st.DataObject) -> None:
    check_planted(draw)


@pytest.mark.slow
@settings(max_examples=10_000, deadline=None)
@given(st.data())
def test_a_planted_no_is_never_lost_in_ten_thousand(draw: st.DataObject) -> None:
    check_planted(draw)


@pytest.mark.parametrize("language", sorted(LANGUAGES))
def test_every_word_of_every_language_counts(language: str) -> None:
    words = LANGUAGES[language]
    uses = [word.strip().replace("*", "") for word in words.uses.split(",")]
    refusals = [word.strip().replace("*", "") for word in words.refusals.split(",")]
    for use in uses:
        assert find_denial(f"{refusals[0]} {use}", is_rights_field=False), use
    for refusal in refusals:
        assert find_denial(f"{uses[0]} {refusal}", is_rights_field=False), refusal


@given(st.text(max_size=80))
@example("İ")
def test_folding_is_stable(text: str) -> None:
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "encoding"),
    [
        ("Запрещено для ИИ", "cp1251"),
        ("Запрещено для ИИ", "koi8_r"),
        ("Für KI-Training gesperrt – kein Zugriff", "cp1252"),
        ("Für KI-Training unzulässig", "mac_roman"),
        ("Zakaz użycia sztucznej inteligencji", "cp1250"),
        ("AI学習禁止", "cp932"),
        ("禁止用于人工智能训练", "gb18030"),
        ("禁止用於人工智慧訓練", "big5"),
        ("인공지능 학습 금지", "cp949"),
    ],
)
def test_a_refusal_in_a_local_code_page_denies(text: str, encoding: str) -> None:
    raw = text.encode(encoding)
    exif = build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({0x8298: raw})))
    iim = build.jpeg_photoshop(build.photoshop(0x0404, build.iim((2, 116, raw))))
    comment = build.jpeg(build.jpeg_segment(0xFE, raw))
    for data in (exif, iim, comment):
        assert refuses(read_metadata(data))


def test_the_deal_adds_phrases() -> None:
    trust = TrustLists("", denial_phrases="house stock only\nnur für uns")
    for text in ("House-Stock only!", "Bild, nur FÜR uns"):
        data = PLACES["PNG tEXt"](text)
        assert not read_embedded(data, "png", NO_TRUST).signals
        assert refuses(read_embedded(data, "png", trust))
        packet = build.packet(f"<dc:rights>{text}</dc:rights>")
        assert refuses(read_sidecar(packet, "a.xmp", trust))
    assert trust.digest != NO_TRUST.digest


@pytest.mark.parametrize(
    ("place", "field"),
    [
        ("XMP xmpRights:UsageTerms", "XMP xmpRights:UsageTerms, JPEG APP1"),
        ("XMP photoshop:Instructions", "XMP photoshop:Instructions, JPEG APP1"),
        ("IIM 2:40", "IIM 2:40, JPEG APP13"),
        ("EXIF UserComment", "EXIF UserComment, JPEG APP1"),
        ("JPEG comment", "JPEG COM"),
        ("PNG iTXt, compressed", "PNG iTXt any key"),
    ],
)
def test_free_text_is_evidence(place: str, field: str) -> None:
    reading = read_metadata(PLACES[place]("Ask the agency"))
    kept = [(c.value, c.where) for c in reading.claims if c.kind is AssertionKind.TEXT]
    assert kept == [("Ask the agency", field)]


def test_a_text_of_megabytes_is_a_fault() -> None:
    long = PLACES["PNG zTXt"]("a word " * 200_000)
    assert "more than is read" in read_metadata(long).faults[0].detail
