"""What a file says in an odd place, language or form is heard."""

from __future__ import annotations

import struct

import pytest

from pipelines.signals.file import container_tiff
from pipelines.signals.file.denials import find_denial
from pipelines.signals.file.metadata import read_metadata
from pipelines.signals.file.owners import same_owner
from schemas.rights import Permission
from schemas.signal import AssertionKind
from tests.signals.file import xmp_builder as build

NO = b"No AI training"


def _exif(tag: int, kind: int = 2, raw: bytes = NO) -> bytes:
    entry = struct.pack("<HHII", tag, kind, len(raw), 26)
    tiff = b"II*\0\x08\0\0\0\x01\0" + entry + bytes(4) + raw
    return build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + tiff))


def _iim(record: int, number: int) -> bytes:
    return build.jpeg_photoshop(build.photoshop(0x0404, build.iim((record, number, NO))))


def _xmp(properties: str = "", namespaces: str = "") -> bytes:
    return build.jpeg_xmp(build.packet(properties, namespaces))


CC = 'xmlns:cc="http://creativecommons.org/ns#"'
PLACES = {
    "second APP0": build.jpeg(build.jpeg_segment(0xE0, b"NOTE\0" + NO)),
    "APP14": build.jpeg(build.jpeg_segment(0xEE, b"Note\0" + NO)),
    "APP11": build.jpeg(build.jpeg_segment(0xEB, b"NOTE\0" + NO)),
    "UTF-16": build.jpeg(build.jpeg_segment(0xEC, b"Ducky\0" + NO.decode().encode("utf-16-be"))),
    "PNG chunk": build.png(build.png_chunk(b"noTe", NO)),
    "PNG keyword": build.png(build.png_chunk(b"tEXt", NO + b"\0x")),
    "PNG translation": build.png(build.png_chunk(b"iTXt", b"k\0\0\0en\0" + NO + b"\0x")),
    "WebP chunk": build.webp((b"NOTE", NO)),
    **{f"EXIF {tag:04X}": _exif(tag) for tag in (0xA434, 0xA431, 0xA420, 0xC000, 0x9003)},
    "maker's notes": _exif(0x927C, 7, b"Maker\0\1\2" + NO),
    **{f"IIM {record}": _iim(record, 30) for record in (1, 6, 8)},
    "HTML entities": _xmp("<dc:rights>N&amp;#111; A&amp;#73; training</dc:rights>"),
    "property noai": _xmp("<q:noai>true</q:noai>"),
    "property NoAITraining": _xmp("<q:NoAITraining>True</q:NoAITraining>"),
    "property AITraining": _xmp("<q:AITraining>false</q:AITraining>"),
    "property DataMining": _xmp("<q:DataMining>Prohibited</q:DataMining>"),
    "reuseProhibited": _xmp("<q:reuseProhibited>True</q:reuseProhibited>"),
    "property noimageai": _xmp("<q:noimageai>1</q:noimageai>"),
    "property GenerativeAI": _xmp("<q:GenerativeAI>prohibited</q:GenerativeAI>"),
    "property AllowAI": _xmp("<q:AllowAI>0</q:AllowAI>"),
    "property MLUse": _xmp("<q:MLUse>denied</q:MLUse>"),
    "property tdmReservation": _xmp("<q:tdmReservation>1</q:tdmReservation>"),
    "property tdm-reservation": _xmp("<q:tdm-reservation>true</q:tdm-reservation>"),
    "property prohibits": _xmp("<q:prohibits>ai-train</q:prohibits>"),
    "property prohibition": _xmp(
        '<q:prohibition rdf:resource="http://www.w3.org/ns/odrl/2/dataMining"/>'
    ),
    "property JSON": _xmp('<q:x>{"ai_training": "notAllowed"}</q:x>'),
    "namespace without its end": _xmp(
        "<t:reservation xmlns:t='http://www.w3.org/ns/tdmrep'>1</t:reservation>",
    ),
    "JIS": build.jpeg(build.jpeg_segment(0xFE, "AI学習禁止".encode("iso2022_jp"))),
    **{
        f"{encoding} of {text}": build.jpeg(build.jpeg_segment(0xFE, text.encode(encoding)))
        for text, encodings in {
            "AI学習禁止": ("utf-16-le", "utf-16-be"),
            "Запрещено использовать для искусственного интеллекта": (
                *("iso8859_5", "mac_cyrillic", "cp866"),
            ),
            "Die Nutzung für künstliche Intelligenz ist untersagt": ("cp437", "cp850"),
        }.items()
        for encoding in encodings
    },
    "https": _xmp(
        "<t:reservation xmlns:t='https://www.w3.org/ns/tdmrep/'>1</t:reservation>",
    ),
}


def _many_texts(count: int) -> bytes:
    """A TIFF structure in a JPEG, of `count` texts of which the last one is a refusal."""
    raws = [b"number %05d" % at for at in range(count - 1)] + [NO]
    start = 8 + 2 + 12 * count + 4
    entries = values = b""
    for at, raw in enumerate(raws):
        entries += struct.pack("<HHII", 0xC000 + at, 2, len(raw), start + len(values))
        values += raw
    tiff = b"II*\0\x08\0\0\0" + struct.pack("<H", count) + entries + bytes(4) + values
    return build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + tiff))


def test_a_refusal_after_many_texts_is_heard() -> None:
    """More texts than are read are a fault: none of them is left out without a word."""
    found = read_metadata(_many_texts(600))
    assert Permission.DENY in {signal.value for signal in found.signals}
    assert found.faults == ()


def test_more_texts_than_are_read_are_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_tiff, "_MAX_TEXTS", 500)
    found = read_metadata(_many_texts(600))
    assert ["too many texts" in fault.detail for fault in found.faults] == [True]
    monkeypatch.setattr(container_tiff, "_MAX_TEXTS", 700)
    monkeypatch.setattr(container_tiff, "MAX_TOTAL_BYTES", 2_000)
    found = read_metadata(_many_texts(600))
    assert any("too many texts" in fault.detail for fault in found.faults)


@pytest.mark.parametrize("place", PLACES)
def test_a_refusal_is_heard(place: str) -> None:
    assert Permission.DENY in {signal.value for signal in read_metadata(PLACES[place]).signals}


@pytest.mark.parametrize(
    "properties",
    [
        "<q:noai>false</q:noai>",
        "<q:AITraining>true</q:AITraining>",
        "<tdm:reservation>0</tdm:reservation>",
        "<tdm:tdm-reservation>0</tdm:tdm-reservation>",
        "<plus:DataMining>DMI-ALLOWED</plus:DataMining>",
        "<q:MediaConstraints>no</q:MediaConstraints>",
        "<dc:title>Trained dogs &amp; trains</dc:title>",
    ],
)
def test_what_is_no_refusal_is_none(properties: str) -> None:
    found = {signal.value for signal in read_metadata(_xmp(properties)).signals}
    assert Permission.DENY not in found


@pytest.mark.parametrize(
    "text",
    [
        "Keep out of LLM training sets",
        "Never feed this to a neural net",
        "All rights reserved under Article 4(3) DSM Directive",
        "Nutzungsvorbehalt gemäß § 44b Abs. 3 UrhG",
        "Riservati i diritti di text and data mining",
        "生成AIへの使用はご遠慮ください",
        "Prohibit entrenar IA",
        "Забранено за обучение на изкуствен интелект",
        "Zabranjeno za obuku umjetne inteligencije",
        "Забрањено за обуку вештачке интелигенције",
        "Prepovedano za učenje umetne inteligence",
        "Draudžiama naudoti dirbtinio intelekto mokymui",
        "Aizliegts izmantot mākslīgā intelekta apmācībai",
        "Tehisintellekti treenimine keelatud",
        "Bannað að nota til þjálfunar gervigreindar",
        "Debekatuta adimen artifiziala entrenatzeko",
        "Nie vir KI-opleiding nie",
        "Hairuhusiwi kutumika kufundisha AI",
        "Bawal gamitin sa pagsasanay ng AI",
        "استفاده برای آموزش هوش مصنوعی ممنوع است",
        "مصنوعی ذہانت کی تربیت کے لیے استعمال ممنوع ہے",
        "কৃত্রিম বুদ্ধিমত্তা প্রশিক্ষণে ব্যবহার নিষিদ্ধ",
        "செயற்கை நுண்ணறிவு பயிற்சிக்கு தடை",
        "აკრძალულია ხელოვნური ინტელექტის წვრთნა",
        "Արգելվում է արհեստական բանականության ուսուցումը",
    ],
)
@pytest.mark.parametrize("is_rights_field", [True, False])
def test_refusals_of_further_languages(text: str, is_rights_field: bool) -> None:
    assert find_denial(text, is_rights_field)


@pytest.mark.parametrize(
    "text",
    ["Draudžiama rūkyti", "Debekatuta", "An AI conference", "Vietato fumare", "Rights: data"],
)
def test_texts_of_other_things(text: str) -> None:
    assert find_denial(text, False) is None


def _claims(data: bytes, kind: AssertionKind) -> list[str]:
    return [claim.value for claim in read_metadata(data).claims if claim.kind is kind]


def _bag(name: str, value: str, namespaces: str = "") -> bytes:
    return _xmp(
        f"<{name} {namespaces}><rdf:Bag><rdf:li>{value}</rdf:li></rdf:Bag></{name}>",
    )


@pytest.mark.parametrize(
    ("age", "years"),
    [("18 months", "0"), ("24 mos", "0"), ("20 weeks", "0"), ("under 18", "17"), ("16-18", "16")],
)
def test_ages_of_minors(age: str, years: str) -> None:
    assert _claims(_bag("Iptc4xmpExt:ModelAge", age), AssertionKind.MODEL_AGE) == [years]


@pytest.mark.parametrize(
    ("name", "uri", "value"),
    [
        ("g:Personality", "http://xmp.gettyimages.com/gift/1.0/", "Ann Lee"),
        ("g:TagsList", "http://www.digikam.org/ns/1.0/", "People/Ann Lee"),
        ("g:hierarchicalSubject", "http://ns.adobe.com/lightroom/1.0/", "People|Ann Lee"),
        ("g:People", "http://ns.iview-multimedia.com/mediapro/1.0/", "Ann Lee"),
        ("Iptc4xmpExt:AddlModelInfo", build.IPTC, "two women"),
    ],
)
def test_people_in_other_vocabularies(name: str, uri: str, value: str) -> None:
    data = _bag(name, value, f'xmlns:g="{uri}"' if name.startswith("g:") else "")
    assert _claims(data, AssertionKind.PEOPLE_SHOWN) == ["1"]


@pytest.mark.parametrize(
    ("text", "licence"),
    [("Photo CC BY-NC 2.0 by Ann", "CC-BY-NC-2.0"), ("CC BY-NC-SA 4.0", "CC-BY-NC-SA-4.0")],
)
def test_codes_of_licences_in_any_text(text: str, licence: str) -> None:
    data = build.jpeg(build.jpeg_segment(0xFE, text.encode()))
    assert _claims(data, AssertionKind.LICENCE) == [licence]


@pytest.mark.parametrize(
    ("text", "licence"),
    [
        ("Licensed BY-NC-ND 4.0", "CC-BY-NC-ND-4.0"),
        ("CC NC", "CC-NC"),
        ("クリエイティブ・コモンズ 表示-非営利", "non-commercial"),
        ("知识共享 署名-非商业性使用 4.0", "non-commercial"),
    ],
)
def test_licences_in_fields_about_rights(text: str, licence: str) -> None:
    assert licence in _claims(_xmp(f"<dc:rights>{text}</dc:rights>"), AssertionKind.LICENCE)


def test_what_a_licence_prohibits_is_one() -> None:
    data = _xmp('<cc:prohibits rdf:resource="http://creativecommons.org/ns#CommercialUse"/>', CC)
    assert _claims(data, AssertionKind.LICENCE)


@pytest.mark.parametrize(
    "properties",
    [
        "<dc:title>AI generated cat</dc:title>",
        "<dc:description>Mit KI erzeugtes Bild</dc:description>",
        "<dc:subject><rdf:Bag><rdf:li>midjourney</rdf:li></rdf:Bag></dc:subject>",
        "<q:AIGC>{&quot;Label&quot;:&quot;1&quot;}</q:AIGC>",
    ],
)
def test_labels_of_generated_pictures(properties: str) -> None:
    assert _claims(_xmp(properties), AssertionKind.SOURCE_TYPE) == ["trainedAlgorithmicMedia"]


@pytest.mark.parametrize(
    "text", ["Not AI generated", "A visitor looks at AI generated art", "Laptop with ChatGPT"]
)
def test_titles_of_other_pictures(text: str) -> None:
    assert not _claims(_xmp(f"<dc:title>{text}</dc:title>"), AssertionKind.SOURCE_TYPE)


def test_a_name_in_reverse_is_the_same_owner() -> None:
    assert same_owner("Garcia, Jose", "© 2024 José García")
    assert not same_owner("Garcia Jose", "José García")  # nobody says which is which
    assert not same_owner("Garcia, Maria", "© 2024 José García")


HARMLESS_PROPERTIES = {
    "AIGenerated": "false",
    "CreatedWithAI": "no",
    "NoImageAI": "false",
    "tdmReservation": "0",
    "AllowAI": "yes",
    "prohibits": "resale",
    "Trainer": "Jo",
    "MLUse": "allowed",
    "Format": "0",
}


@pytest.mark.parametrize("name", HARMLESS_PROPERTIES)
def test_a_property_that_refuses_nothing_denies_nothing(name: str) -> None:
    found = read_metadata(_xmp(f"<q:{name}>{HARMLESS_PROPERTIES[name]}</q:{name}>"))
    assert found.signals == ()


JOINED_WORDS = ("DisallowAITraining", "#NoToAIArt", "Content-Usage: train-genai=n", "usage: ai=n")
TAKEN_FROM_ENGLISH = (
    *("Geen TDM", "Zastrzeżenie TDM", "TDM verboten", "Zákaz TDM", "TDM yasaktır", "TDM kielletty"),
    *("Machine learning interdit", "Zakaz LLM", "Förbud mot machine learning"),
)
FURTHER = (
    *("Ni chaniateir hyfforddi deallusrwydd artiffisial", "Ní cheadaítear oiliúint AI"),
    *("AI සඳහා තහනම්", "AI学習に使わないでください", "AI学习禁止"),
    "Training of LLMs is a breach of copyright",
)


@pytest.mark.parametrize("text", [*JOINED_WORDS, *TAKEN_FROM_ENGLISH, *FURTHER])
def test_a_refusal_in_joined_or_foreign_words_is_heard(text: str) -> None:
    assert find_denial(text, is_rights_field=True)
    assert find_denial(text, is_rights_field=False)


@pytest.mark.parametrize(
    "text",
    [
        "McDonald, no people",
        "Shot on GoPro, no filter",
        "No DeLorean",
        "OpenStreetMap, not to scale",
    ],
)
def test_joined_words_that_refuse_nothing(text: str) -> None:
    assert find_denial(text, is_rights_field=True) is None
