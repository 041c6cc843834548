"""Licences, people, generators and remote manifests, as files state them."""

from __future__ import annotations

import json
import zlib

import pytest

from pipelines.signals.file.licence_names import licences_in_words
from pipelines.signals.file.metadata import read_metadata
from schemas.rights import PURPOSES, Permission
from schemas.signal import AssertionKind
from tests.signals.file import xmp_builder as build

CC = "http://creativecommons.org/ns#"
MWG = "http://www.metadataworkinggroup.com/schemas/regions/"


def stated(data: bytes, kind: AssertionKind) -> list[str]:
    return [claim.value for claim in read_metadata(data).claims if claim.kind is kind]


def xmp(properties: str) -> bytes:
    return build.jpeg_xmp(build.packet(properties))


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("http://creativecommons.org/licenses/by-nc-nd/4.0/", ["CC-BY-NC-ND-4.0"]),
        ("https://creativecommons.org/licenses/by/3.0/us/deed.de", ["CC-BY-3.0-US"]),
        ("https://creativecommons.org/publicdomain/zero/1.0/", ["CC0-1.0"]),
        ("CC BY-NC-SA 4.0", ["CC-BY-NC-SA-4.0"]),
        ("cc-by-sa", ["CC-BY-SA"]),
        ("Creative Commons Attribution-NoDerivatives 4.0 International", ["CC-BY-ND-4.0"]),
        ("Attribution-NonCommercial-ShareAlike 2.0", ["CC-BY-NC-SA-2.0"]),
        ("CC0", ["CC0-1.0"]),
        ("GNU Free Documentation License", ["GFDL"]),
        ("Open Database License (ODbL)", ["ODbL-1.0"]),
        ("https://spdx.org/licenses/MIT.html", ["MIT"]),
        ("https://unsplash.com/license", ["LicenseRef-Unsplash"]),
        ("For editorial use only.", ["editorial-use-only"]),
        ("Nicht kommerziell", ["non-commercial"]),
        ("Public domain", ["public-domain"]),
        ("All rights reserved", []),
        ("© 2024 Ann Lee / Example Agency", []),
        ("See https://agency.example/terms", []),
    ],
)
def test_licences_are_named(text: str, codes: list[str]) -> None:
    assert licences_in_words(text) == codes


@pytest.mark.parametrize(
    "data",
    [
        build.jpeg_xmp(
            build.packet(
                f'<c:license xmlns:c="{CC}" '
                'rdf:resource="https://creativecommons.org/licenses/by-nc/4.0/"/>'
            )
        ),
        xmp(
            "<xmpRights:WebStatement>http://creativecommons.org/licenses/by-nc/4.0/"
            "</xmpRights:WebStatement>"
        ),
        xmp("<xmpRights:UsageTerms>CC BY-NC 4.0</xmpRights:UsageTerms>"),
        xmp("<dc:rights>CC-BY-NC-4.0</dc:rights>"),
        xmp("<dcterms:license>https://creativecommons.org/licenses/by-nc/4.0</dcterms:license>"),
        xmp("<dc:description>See https://creativecommons.org/licenses/by-nc/4.0</dc:description>"),
        build.png(build.png_chunk(b"tEXt", b"License\0CC BY-NC 4.0")),
        build.jpeg_photoshop(build.photoshop(0x0404, build.iim((2, 116, b"CC BY NC 4.0")))),
    ],
)
def test_a_licence_is_found_in_every_place(data: bytes) -> None:
    assert stated(data, AssertionKind.LICENCE) == ["CC-BY-NC-4.0"]


def test_what_stands_as_a_licence_is_one_known_or_not() -> None:
    data = xmp(f'<c:license xmlns:c="{CC}">The Example Licence</c:license>')
    assert stated(data, AssertionKind.LICENCE) == ["The Example Licence"]


def region(kind: str, name: str = "") -> str:
    named = f"<m:Name>{name}</m:Name>" if name else ""
    typed = f"<m:Type>{kind}</m:Type>" if kind else ""
    return f'<rdf:li rdf:parseType="Resource">{typed}{named}</rdf:li>'


def regions(*items: str) -> bytes:
    return xmp(
        f'<m:Regions xmlns:m="{MWG}" rdf:parseType="Resource"><m:RegionList><rdf:Bag>'
        f"{''.join(items)}</rdf:Bag></m:RegionList></m:Regions>"
    )


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (regions(region("Face"), region("Face", "Ann")), ["2"]),
        (regions(region("face", "Ann"), region("Pet", "Rex")), ["1"]),
        (regions(region("", "Ann")), ["1"]),
        (regions(region("Focus"), region("BarCode", "x")), []),
        (
            xmp(
                "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Ann</rdf:li><rdf:li>Bo</rdf:li>"
                "</rdf:Bag></Iptc4xmpExt:PersonInImage>"
            ),
            ["2"],
        ),
        (build.jpeg_xmp(build.packet(attributes='Iptc4xmpExt:PersonInImage="Ann"')), ["1"]),
        (
            xmp(
                "<Iptc4xmpExt:PersonInImageWDetails><rdf:Bag><rdf:li rdf:parseType='Resource'>"
                "<Iptc4xmpExt:PersonName>Ann</Iptc4xmpExt:PersonName></rdf:li></rdf:Bag>"
                "</Iptc4xmpExt:PersonInImageWDetails>"
            ),
            ["1"],
        ),
        (xmp("<Iptc4xmpExt:ModelAge>34</Iptc4xmpExt:ModelAge>"), ["1"]),
        (xmp("<dc:description>Ann and Bo</dc:description>"), []),
    ],
)
def test_people_are_counted(data: bytes, counts: list[str]) -> None:
    assert stated(data, AssertionKind.PEOPLE_SHOWN) == counts


@pytest.mark.parametrize("spelling", build.SPELLINGS)
def test_an_age_is_read_in_every_spelling(spelling: str) -> None:
    data = build.jpeg_xmp(build.SPELLINGS[spelling]("Iptc4xmpExt:ModelAge", "15 years"))
    assert stated(data, AssertionKind.MODEL_AGE) == ["15"]


SD = "a cat\nNegative prompt: bad\nSteps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1"
COMFY = json.dumps({"3": {"class_type": "KSampler", "inputs": {"seed": 1}}})
MJ = "a cat --ar 3:2 --v 6.1 Job ID: 0b1c2d3e-0000-4000-8000-000000000000"


def text_chunk(key: str, text: str) -> bytes:
    return build.png(build.png_chunk(b"tEXt", f"{key}\0{text}".encode()))


def exif(tag: int, text: bytes) -> bytes:
    return build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({tag: text})))


@pytest.mark.parametrize(
    "data",
    [
        text_chunk("parameters", SD),
        text_chunk("PARAMETERS", "a cat"),
        text_chunk("prompt", COMFY),
        text_chunk("workflow", '{"last_node_id": 9, "nodes": []}'),
        text_chunk("invokeai_metadata", "{}"),
        text_chunk("Dream", "a cat -s 50"),
        text_chunk("Software", "NovelAI"),
        text_chunk("Comment", COMFY),
        text_chunk("Description", MJ),
        build.png(build.png_chunk(b"zTXt", b"parameters\0\0" + zlib.compress(SD.encode()))),
        build.png(build.png_chunk(b"iTXt", b"prompt\0\1\0\0\0" + zlib.compress(COMFY.encode()))),
        exif(0x9286, b"UNICODE\0" + SD.encode("utf-16-be")),
        exif(0x9286, b"ASCII\0\0\0" + COMFY.encode()),
        exif(0x010E, MJ.encode()),
        exif(0x0131, b"Midjourney v6\0"),
        exif(0x0131, b"Adobe Firefly\0"),
        exif(0x010F, b"prompt:" + COMFY.encode()),
        xmp(f"<dc:description>{MJ}</dc:description>"),
        xmp("<xmp:CreatorTool>Adobe Firefly</xmp:CreatorTool>"),
        xmp("<dc:description>Made with DALL·E 3</dc:description>"),
        xmp("<photoshop:Credit>Made with Google AI</photoshop:Credit>"),
        *(
            xmp(f"<Iptc4xmpExt:{name}>x</Iptc4xmpExt:{name}>")
            for name in (
                *("AISystemUsed", "AISystemVersionUsed"),
                *("AIPromptInformation", "AIPromptWriterName"),
            )
        ),
        build.jpeg(build.jpeg_segment(0xFE, SD.encode())),
    ],
)
def test_a_generators_text_says_generated(data: bytes) -> None:
    assert set(stated(data, AssertionKind.SOURCE_TYPE)) == {"trainedAlgorithmicMedia"}


@pytest.mark.parametrize(
    "data",
    [
        text_chunk("Software", "Adobe Photoshop 25.0 (Windows)"),
        text_chunk("Comment", "Created with GIMP"),
        text_chunk("Title", "Firefly on a leaf, made in Bali"),
        exif(0x010E, b"Gemini Observatory. Job ID: 2024-55"),
        exif(0x0131, b"Capture One 23"),
        xmp("<dc:description>A talk about Midjourney</dc:description>"),
        xmp("<Iptc4xmpExt:AISystemUsed>None</Iptc4xmpExt:AISystemUsed>"),
    ],
)
def test_other_texts_do_not(data: bytes) -> None:
    assert stated(data, AssertionKind.SOURCE_TYPE) == []


def test_a_remote_manifest_is_conditional_and_a_words_provenance_is_not() -> None:
    remote = read_metadata(xmp("<dcterms:provenance>https://a.example/m</dcterms:provenance>"))
    assert {(s.purpose, s.value) for s in remote.signals} == {
        (purpose, Permission.CONDITIONAL) for purpose in PURPOSES
    }
    for text in ("self#jumbf=c2pa/x", "The estate of J. Doe"):
        assert not read_metadata(xmp(f"<dcterms:provenance>{text}</dcterms:provenance>")).signals


def test_unspecified_lifts_no_constraint() -> None:
    constraint = "<plus:OtherConstraints>ask first</plus:OtherConstraints>"
    mining = "<plus:DataMining>{}</plus:DataMining>"
    unspecified = read_metadata(xmp(constraint + mining.format("DMI-UNSPECIFIED")))
    assert Permission.CONDITIONAL in {signal.value for signal in unspecified.signals}
    allowed = read_metadata(xmp(constraint + mining.format("DMI-ALLOWED")))
    assert {signal.value for signal in allowed.signals} == {Permission.ALLOW}
