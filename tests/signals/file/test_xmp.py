"""Every value of the XMP vocabularies in every spelling, and the claims in packets."""

from __future__ import annotations

import subprocess
import sys
from itertools import product

import pytest

from pipelines.signals.file.metadata import read_metadata
from schemas.rights import DIGITAL_SOURCE_TYPES, PURPOSES, Permission, Purpose
from schemas.signal import AssertionKind, FileAssertion, Reading
from tests.signals.file import xmp_builder as build
from tests.signals.file.cases_xmp import CASES, DMI_KEY

_ORDER = (Permission.DENY, Permission.CONDITIONAL, Permission.UNKNOWN, Permission.ALLOW)
V = build.VOCABULARY


def read(raw: bytes) -> Reading:
    return read_metadata(build.jpeg_xmp(raw))


def strictest(reading: Reading, purpose: Purpose) -> Permission | None:
    said = {signal.value for signal in reading.signals if signal.purpose is purpose}
    return next((value for value in _ORDER if value in said), None)


def test_conformance_cases_give_the_expected_value() -> None:
    for case in CASES[::10]:  # tests/signals/test_conformance.py tries all
        reading = case.read()
        assert strictest(reading, case.purpose) is case.value, case.name
        assert reading.faults == (), case.name


def test_the_conformance_table_is_large_and_its_names_are_unique() -> None:
    assert len(CASES) >= 90
    assert len({case.name for case in CASES}) == len(CASES)


# Spellings are tried in a loop: a test of each would cost more than what it tries.
@pytest.mark.parametrize("prefix", ["", V, V.replace("http:", "https:")])
@pytest.mark.parametrize("code", DMI_KEY)
def test_data_mining_is_read_the_same_in_every_spelling(code: str, prefix: str) -> None:
    for spelling, spell in build.SPELLINGS.items():
        reading = read(spell("plus:DataMining", prefix + code))
        said = {(s.purpose, s.value) for s in reading.signals}
        assert said == set(DMI_KEY[code].items()), spelling
        assert {signal.said for signal in reading.signals} == {code}, spelling
        assert reading.faults == (), spelling


@pytest.mark.parametrize("carrier", build.CARRIERS)
def test_every_spelling_is_read_in_every_container(carrier: str) -> None:
    for spelling, spell in build.SPELLINGS.items():
        raw = spell("plus:DataMining", V + "DMI-PROHIBITED-AIMLTRAINING")
        reading = read_metadata(build.CARRIERS[carrier](raw))
        assert {(s.purpose, s.value) for s in reading.signals} == {
            (Purpose.TRAIN_GEN, Permission.DENY),
            (Purpose.TRAIN_NONGEN, Permission.DENY),
        }, spelling
        assert reading.faults == (), spelling


_STRANGE = [
    "",
    "yes",
    "DMI-ALLOWED-MAYBE",
    "dmi-allowed",
    "http://example.org/DMI-ALLOWED",
    "http://ns.useplus.org/ldf/vocab/",
    "http://ns.useplus.org/ldf/vocab/dmi-allowed",
    "DMI-ALLOWED DMI-PROHIBITED",
]


@pytest.mark.parametrize("value", _STRANGE)
def test_a_value_that_plus_does_not_define_is_a_denial_and_quoted(value: str) -> None:
    for spelling, spell in build.SPELLINGS.items():
        reading = read(spell("plus:DataMining", value))
        denied = [signal for signal in reading.signals if signal.value is Permission.DENY]
        assert {signal.purpose for signal in denied} == set(PURPOSES), spelling
        assert all(value in signal.said for signal in denied), spelling


@pytest.mark.parametrize(
    "inner",
    [
        "<rdf:Bag/>",
        "<rdf:Description/>",
        "<rdf:Description><q:by>me</q:by></rdf:Description>",
        "<rdf:Description><plus:Code>DMI-ALLOWED</plus:Code></rdf:Description>",
        "<q:Thing/>",
        "<rdf:Bag><rdf:li/></rdf:Bag>",
        "<rdf:Bag><rdf:li rdf:parseType='Resource'><q:a>DMI-ALLOWED</q:a></rdf:li></rdf:Bag>",
        "<rdf:Description rdf:about=''/>",
    ],
)
def test_a_structure_in_place_of_a_value_is_a_denial(inner: str) -> None:
    reading = read(build.packet(f"<plus:DataMining>{inner}</plus:DataMining>"))
    denied = {signal.purpose for signal in reading.signals if signal.value is Permission.DENY}
    assert denied == set(PURPOSES)


def test_several_values_all_count() -> None:
    values = "".join(f"<rdf:li>{code}</rdf:li>" for code in ("DMI-ALLOWED", "DMI-PROHIBITED"))
    reading = read(build.packet(f"<plus:DataMining><rdf:Bag>{values}</rdf:Bag></plus:DataMining>"))
    assert len(reading.signals) == 12
    assert all(strictest(reading, purpose) is Permission.DENY for purpose in PURPOSES)


def test_two_blocks_that_disagree_both_count() -> None:
    blocks = "".join(
        f'<rdf:Description rdf:about="" plus:DataMining="{code}"/>'
        for code in ("DMI-PROHIBITED-GENAIMLTRAINING", "DMI-ALLOWED")
    )
    reading = read(build.wrap(build.rdf(blocks)).encode())
    assert strictest(reading, Purpose.TRAIN_GEN) is Permission.DENY
    assert strictest(reading, Purpose.TRAIN_NONGEN) is Permission.ALLOW


@pytest.mark.parametrize(
    ("code", "property_xml", "text"),
    [
        ("SEECONSTRAINT", "<plus:OtherConstraints>ask us</plus:OtherConstraints>", "ask us"),
        (
            "SEELINKEDRIGHTSEXPR",
            "<Iptc4xmpExt:LinkedEncRightsExpr><rdf:Bag><rdf:li rdf:parseType='Resource'>"
            "<Iptc4xmpExt:LinkedRightsExpr>https://example.org/odrl</Iptc4xmpExt:LinkedRightsExpr>"
            "</rdf:li></rdf:Bag></Iptc4xmpExt:LinkedEncRightsExpr>",
            "https://example.org/odrl",
        ),
        (
            "SEEEMBEDDEDRIGHTSEXPR",
            "<Iptc4xmpExt:EmbdEncRightsExpr><rdf:Bag><rdf:li rdf:parseType='Resource'>"
            "<Iptc4xmpExt:EncRightsExpr>{policy}</Iptc4xmpExt:EncRightsExpr>"
            "</rdf:li></rdf:Bag></Iptc4xmpExt:EmbdEncRightsExpr>",
            "{policy}",
        ),
    ],
)
def test_a_condition_quotes_the_text_it_refers_to(code: str, property_xml: str, text: str) -> None:
    mining = f"<plus:DataMining>{V}DMI-PROHIBITED-{code}</plus:DataMining>"
    for properties in (mining + property_xml, property_xml):
        reading = read(build.packet(properties))
        assert {signal.purpose for signal in reading.signals} == set(PURPOSES)
        for signal in reading.signals:
            assert signal.value is Permission.CONDITIONAL
            assert text in signal.said


def test_a_constraint_next_to_data_mining_is_a_claim() -> None:
    raw = build.packet(attributes='plus:DataMining="DMI-ALLOWED" plus:OtherConstraints="no war"')
    reading = read(raw)
    assert {signal.value for signal in reading.signals} == {Permission.ALLOW}
    assert [(c.kind, c.value) for c in reading.claims] == [
        (AssertionKind.CONSTRAINT_TEXT, "no war")
    ]


_PLUS_CODES = {
    "ModelReleaseStatus": (AssertionKind.MODEL_RELEASE, "MR-NON MR-NAP MR-UMR MR-LMR"),
    "PropertyReleaseStatus": (AssertionKind.PROPERTY_RELEASE, "PR-NON PR-NAP PR-UPR PR-LPR"),
    "MinorModelAgeDisclosure": (
        AssertionKind.MINOR_AGE,
        "AG-UNK AG-A25 AG-A24 AG-A23 AG-A22 AG-A21 AG-A20 AG-A19 AG-A18 AG-A17 AG-A16 AG-A15"
        " AG-U14",
    ),
    "ImageAlterationConstraints": (
        AssertionKind.ALTERATION,
        "AL-CRP AL-FLP AL-RET AL-CLR AL-DCL AL-MRG",
    ),
    "ImageFileConstraints": (AssertionKind.FILE_CONSTRAINT, "IF-MFN IF-MID IF-MMD IF-MFT"),
    "ImageDuplicationConstraints": (AssertionKind.DUPLICATION, "DP-NDC DP-LIC DP-NOD"),
}


@pytest.mark.parametrize("name", _PLUS_CODES)
def test_plus_codes_are_claims_in_every_spelling(name: str) -> None:
    kind, codes = _PLUS_CODES[name]
    prefixes = ("", V, V.replace("http:", "https:"))
    for spelling, code, prefix in product(build.SPELLINGS, codes.split(), prefixes):
        reading = read(build.SPELLINGS[spelling](f"plus:{name}", prefix + code))
        claims = [(claim.kind, claim.value) for claim in reading.claims]
        assert claims == [(kind, code)], (spelling, prefix)
        assert reading.faults == (), (spelling, prefix, code)
        assert len(reading.signals) == (6 if code == "DP-NOD" else 0), (spelling, prefix, code)


@pytest.mark.parametrize("name", _PLUS_CODES)
@pytest.mark.parametrize("value", ["XX-YYY", "MR-XXX", V, "mr-non"])
def test_a_code_that_plus_does_not_define_is_a_fault(name: str, value: str) -> None:
    reading = read(build.packet(f"<plus:{name}>{value}</plus:{name}>"))
    (fault,) = reading.faults
    assert value in fault.detail
    assert f"plus:{name}" in fault.where
    assert not reading.claims


@pytest.mark.parametrize("name", _PLUS_CODES)
def test_an_empty_code_says_nothing(name: str) -> None:
    assert not read(build.packet(f"<plus:{name}/>"))


@pytest.mark.parametrize("term", [*DIGITAL_SOURCE_TYPES, "somethingNew"])
def test_source_types_are_claims_in_every_spelling(term: str) -> None:
    prefixes = ("", "http://cv.iptc.org/newscodes/digitalsourcetype/")
    names = ("DigitalSourceType", "DigitalSourcefileType")
    for spelling, prefix, name in product(build.SPELLINGS, prefixes, names):
        reading = read(build.SPELLINGS[spelling](f"Iptc4xmpExt:{name}", prefix + term))
        claims = [(c.kind, c.value) for c in reading.claims]
        assert claims == [(AssertionKind.SOURCE_TYPE, term)], (spelling, prefix, name)


def _claims(raw: bytes) -> set[tuple[AssertionKind, str, str]]:
    return {(claim.kind, claim.value, claim.where) for claim in read(raw).claims}


def test_text_properties_are_claims() -> None:
    raw = build.packet(
        "<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>© A</rdf:li>"
        "<rdf:li xml:lang='de'>© B</rdf:li></rdf:Alt></dc:rights>"
        "<dc:creator><rdf:Seq><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Seq></dc:creator>"
        "<xmpRights:Owner><rdf:Bag><rdf:li>Agency</rdf:li></rdf:Bag></xmpRights:Owner>"
        "<plus:CopyrightOwner><rdf:Seq><rdf:li rdf:parseType='Resource'>"
        "<plus:CopyrightOwnerName>Cy</plus:CopyrightOwnerName>"
        "<plus:CopyrightOwnerID>7</plus:CopyrightOwnerID></rdf:li></rdf:Seq></plus:CopyrightOwner>"
        "<plus:ModelReleaseID><rdf:Bag><rdf:li>M1</rdf:li><rdf:li>M2</rdf:li></rdf:Bag>"
        "</plus:ModelReleaseID><plus:PropertyReleaseID>P1</plus:PropertyReleaseID>"
        "<photoshop:Credit>Wire</photoshop:Credit><xmpRights:Marked>False</xmpRights:Marked>",
        'dcterms:provenance="https://example.org/m.c2pa"',
    )
    tail = ", JPEG APP1"
    assert _claims(raw) == {
        (AssertionKind.COPYRIGHT, "© A", f"XMP dc:rights{tail}"),
        (AssertionKind.COPYRIGHT, "© B", f"XMP dc:rights{tail}"),
        (AssertionKind.COPYRIGHT, "Agency", f"XMP xmpRights:Owner{tail}"),
        (AssertionKind.COPYRIGHT, "Cy", f"XMP plus:CopyrightOwner{tail}"),
        (AssertionKind.CREATOR, "Ann", f"XMP dc:creator{tail}"),
        (AssertionKind.CREATOR, "Bob", f"XMP dc:creator{tail}"),
        (AssertionKind.MODEL_RELEASE_ID, "M1", f"XMP plus:ModelReleaseID{tail}"),
        (AssertionKind.MODEL_RELEASE_ID, "M2", f"XMP plus:ModelReleaseID{tail}"),
        (AssertionKind.PROPERTY_RELEASE_ID, "P1", f"XMP plus:PropertyReleaseID{tail}"),
        (
            AssertionKind.REMOTE_MANIFEST,
            "https://example.org/m.c2pa",
            f"XMP dcterms:provenance{tail}",
        ),
    }


def test_a_reference_to_a_manifest_in_the_file_is_not_remote() -> None:
    assert not read(build.packet(attributes='dcterms:provenance="self#jumbf=c2pa/x"'))


def test_a_long_claim_is_truncated_to_one_line() -> None:
    (claim,) = read(build.packet(f"<dc:rights>{'a&#9;' * 5000}</dc:rights>")).claims
    assert isinstance(claim, FileAssertion)
    assert len(claim.value) == 1000
    assert claim.value.isprintable()


@pytest.mark.parametrize("language", ["en_US", "", "1", "x-default", "not a language"])
def test_invalid_language_tags_are_accepted(language: str) -> None:
    raw = build.packet(f'<dc:rights xml:lang="{language}">A</dc:rights>')
    assert [claim.value for claim in read(raw).claims] == ["A"]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"  \n\0\0",
        b'<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><?xpacket end="w"?>',
        build.wrap("").encode(),
        build.wrap(build.rdf("")).encode(),
        build.packet(attributes='xmp:Rating="5" photoshop:Credit="x"'),
    ],
)
def test_a_packet_without_a_statement_says_nothing(raw: bytes) -> None:
    assert not read(raw)


def test_invalid_rdf_without_rights_properties_is_ignored() -> None:
    assert not read(build.packet("<q:a rdf:parseType='Literal'><b/>text</q:a>text"))


@pytest.mark.parametrize(
    "spaces", [build.TDM, "http://www.w3.org/ns/tdmrep#", "HTTP://www.w3.org/ns/TDMRep/"]
)
@pytest.mark.parametrize("name", ["reservation", "tdm-reservation", "TDM-Reservation"])
def test_tdm_names_are_case_folded(spaces: str, name: str) -> None:
    raw = build.packet(f'<t:{name} xmlns:t="{spaces}">1</t:{name}>')
    found = {(signal.purpose, signal.value) for signal in read(raw).signals}
    expected = {Purpose.DATA_MINING, Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN}
    assert found == {(p, Permission.DENY) for p in expected}


@pytest.mark.long
def test_the_same_bytes_give_the_same_reading_in_another_process() -> None:
    program = (
        "from tests.signals.file import xmp_builder as b\n"
        "from pipelines.signals.file.metadata import read_metadata\n"
        "items = ''.join(f'<rdf:li>{n}</rdf:li>' for n in range(30))\n"
        "raw = b.packet(f'<dc:creator><rdf:Bag>{items}</rdf:Bag></dc:creator>'\n"
        "    f'<plus:DataMining><rdf:Bag>{items}</rdf:Bag></plus:DataMining>')\n"
        "print(read_metadata(b.jpeg_xmp(raw)))\n"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", program], check=True, capture_output=True, text=True
        ).stdout
        for _ in range(2)
    }
    assert len(outputs) == 1
    assert "Signal(" in outputs.pop()
