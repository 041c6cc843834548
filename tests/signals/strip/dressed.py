"""Pictures with metadata of many kinds, in the forms that programs write."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass, field
from random import Random
from typing import Any

from PIL import Image

from pipelines.media.formats import Format
from tests.signals.file import xmp_builder as build

SECRETS = {
    "name": "Zoe Quill",
    "email": "zoe.quill@studio.example",
    "phone": "+44 20 7946 0958",
    "serial": "SN0048815162342",
    "place": "51.5007",
    "person": "Ida Falk",
}
NOTICE = "© 2024 Example Agency"
_KINDS = {"jpg": "JPEG", "png": "PNG", "webp": "WEBP"}
_ARTIST, _COPYRIGHT, _ORIENTATION, _DESCRIPTION = 0x013B, 0x8298, 0x0112, 0x010E
_GPS, _SERIAL, _OWNER, _MAKER, _XP_AUTHOR = 0x8825, 0xA431, 0xA430, 0x927C, 0x9C9D
_COMMENT, _XMP, _IIM = 0x9286, 0x02BC, 0x83BB

# Rights in XMP: what must survive.
RIGHTS = (
    f"<dc:rights><rdf:Alt><rdf:li xml:lang='x-default'>{NOTICE}</rdf:li></rdf:Alt></dc:rights>",
    "<xmpRights:UsageTerms><rdf:Alt><rdf:li xml:lang='x-default'>Licensed by agreement only"
    "</rdf:li></rdf:Alt></xmpRights:UsageTerms>",
    "<xmpRights:WebStatement>https://agency.example/terms</xmpRights:WebStatement>",
    "<xmpRights:Marked>True</xmpRights:Marked>",
    "<plus:Licensor><rdf:Seq><rdf:li rdf:parseType='Resource'><plus:LicensorName>Example Agency"
    "</plus:LicensorName><plus:LicensorEmail>rights@agency.example</plus:LicensorEmail>"
    "<plus:LicensorURL>https://agency.example</plus:LicensorURL></rdf:li></rdf:Seq>"
    "</plus:Licensor>",
    "<plus:DataMining>http://ns.useplus.org/ldf/vocab/DMI-PROHIBITED-GENAIMLTRAINING"
    "</plus:DataMining>",
    "<plus:DataMining rdf:resource='http://ns.useplus.org/ldf/vocab/DMI-ALLOWED'/>",
    "<plus:OtherConstraints><rdf:Alt><rdf:li xml:lang='x-default'>not for war games</rdf:li>"
    "</rdf:Alt></plus:OtherConstraints>",
    "<plus:ImageAlterationConstraints><rdf:Bag><rdf:li>http://ns.useplus.org/ldf/vocab/AL-CRP"
    "</rdf:li></rdf:Bag></plus:ImageAlterationConstraints>",
    "<plus:ModelReleaseStatus rdf:resource='http://ns.useplus.org/ldf/vocab/MR-NAP'/>",
    "<plus:MinorModelAgeDisclosure>http://ns.useplus.org/ldf/vocab/AG-A25"
    "</plus:MinorModelAgeDisclosure>",
    "<tdm:reservation>1</tdm:reservation><tdm:policy>https://agency.example/tdm</tdm:policy>",
    "<Iptc4xmpExt:DigitalSourceType>http://cv.iptc.org/newscodes/digitalsourcetype/digitalCapture"
    "</Iptc4xmpExt:DigitalSourceType>",
    "<Iptc4xmpExt:AISystemUsed>PaintBox</Iptc4xmpExt:AISystemUsed>",
    "<photoshop:Instructions>Credit the agency</photoshop:Instructions>",
)
# What must go, in XMP.
PERSONAL = (
    f"<dc:creator><rdf:Seq><rdf:li>{SECRETS['name']}</rdf:li></rdf:Seq></dc:creator>",
    "<Iptc4xmpCore:CreatorContactInfo xmlns:Iptc4xmpCore='http://iptc.org/std/Iptc4xmpCore/1.0/"
    f"xmlns/' rdf:parseType='Resource'><Iptc4xmpCore:CiEmailWork>{SECRETS['email']}"
    f"</Iptc4xmpCore:CiEmailWork><Iptc4xmpCore:CiTelWork>{SECRETS['phone']}"
    "</Iptc4xmpCore:CiTelWork></Iptc4xmpCore:CreatorContactInfo>",
    "<aux:SerialNumber xmlns:aux='http://ns.adobe.com/exif/1.0/aux/'>"
    f"{SECRETS['serial']}</aux:SerialNumber>",
    "<exif:GPSLatitude xmlns:exif='http://ns.adobe.com/exif/1.0/'>"
    f"{SECRETS['place']}</exif:GPSLatitude>",
    f"<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>{SECRETS['person']}</rdf:li></rdf:Bag>"
    "</Iptc4xmpExt:PersonInImage>",
    "<mwg:Regions xmlns:mwg='http://www.metadataworkinggroup.com/schemas/regions/'"
    " rdf:parseType='Resource'><mwg:RegionList><rdf:Bag><rdf:li rdf:parseType='Resource'>"
    f"<mwg:Name>{SECRETS['person']}</mwg:Name><mwg:Type>Face</mwg:Type></rdf:li></rdf:Bag>"
    "</mwg:RegionList></mwg:Regions>",
    f"<dc:description><rdf:Alt><rdf:li xml:lang='x-default'>Write to {SECRETS['email']}</rdf:li>"
    "</rdf:Alt></dc:description>",
    f"<xmp:Author>{SECRETS['name']}</xmp:Author>",
    f"<Iptc4xmpExt:AIPromptWriterName>{SECRETS['name']}</Iptc4xmpExt:AIPromptWriterName>",
    "<xmp:CreateDate>2024-05-01T10:00:00</xmp:CreateDate>",
)


@dataclass
class Dress:
    """Metadata for a picture.

    Attributes:
        exif: Values by tag, of any directory.
        packet: XMP, or b"".
        iim: Data sets.
        texts: Texts with a key: PNG texts, or JPEG comments without it.
        vendor: The payload of a segment or chunk that no reader knows.
    """

    exif: dict[int, Any] = field(default_factory=dict)
    packet: bytes = b""
    iim: tuple[tuple[int, int, bytes], ...] = ()
    texts: tuple[tuple[str, str], ...] = ()
    vendor: bytes = b""


def random_dress(rng: Random) -> Dress:
    """Returns metadata of random kinds."""
    exif: dict[int, Any] = {
        _ARTIST: SECRETS["name"],
        _COPYRIGHT: NOTICE,
        _ORIENTATION: rng.randint(1, 8),
        _DESCRIPTION: f"mail {SECRETS['email']}",
        _GPS: {1: "N", 2: (51.0, 30.0, 2.5), 3: "W", 4: (0.0, 7.0, 28.9)},
        _SERIAL: SECRETS["serial"],
        _OWNER: SECRETS["name"],
        _MAKER: b"NIKON\0" + SECRETS["serial"].encode(),
        _XP_AUTHOR: SECRETS["name"].encode("utf-16-le"),
        _COMMENT: b"ASCII\0\0\0" + SECRETS["phone"].encode(),
        _XMP: build.packet("".join(_some(rng, (*RIGHTS, *PERSONAL)))),
        _IIM: build.iim((2, 80, SECRETS["name"].encode()), (2, 116, NOTICE.encode())),
    }
    sets = (
        *((1, 90, b"\x1b%G"), (2, 5, b"A cat"), (2, 40, b"Credit the agency")),
        *((2, 80, SECRETS["name"].encode()), (2, 116, NOTICE.encode())),
        *((2, 118, SECRETS["email"].encode()), (2, 120, SECRETS["phone"].encode())),
    )
    texts = (
        *(("Author", SECRETS["name"]), ("Copyright", NOTICE), ("Comment", SECRETS["email"])),
        *(("parameters", "a cat\nSteps: 20, Sampler: Euler, Seed: 5"), ("Title", "A cat")),
    )
    return Dress(
        dict(_some(rng, tuple(exif.items()))),
        build.packet("".join(_some(rng, (*RIGHTS, *PERSONAL)))) if rng.random() < 0.8 else b"",
        _some(rng, sets) if rng.random() < 0.5 else (),
        _some(rng, texts) if rng.random() < 0.5 else (),
        b"Vendor\0" + SECRETS["serial"].encode() if rng.random() < 0.3 else b"",
    )


def _some(rng: Random, items: tuple[Any, ...]) -> tuple[Any, ...]:
    share = rng.random()
    return tuple(item for item in items if rng.random() < share)


def plain(fmt: Format, rng: Random, mode: str = "RGB") -> Image.Image:
    """Returns a small picture of noise."""
    size = (rng.randint(16, 40), rng.randint(16, 40))
    noise = rng.randbytes(size[0] * size[1] * len(mode))
    image = Image.frombytes(mode, size, noise)
    return image.convert("RGB") if fmt == "jpg" and mode == "RGBA" else image


def dress(fmt: Format, image: Image.Image, wear: Dress, **options: Any) -> bytes:
    """Writes a picture with metadata: EXIF by Pillow, the other kinds by hand."""
    exif = Image.Exif()
    sub = exif.get_ifd(0x8769)
    for tag, value in wear.exif.items():
        if tag == _GPS:
            exif.get_ifd(_GPS).update(value)
        elif tag in (_SERIAL, _OWNER, _MAKER, _COMMENT):
            sub[tag] = value
        else:
            exif[tag] = value
    out = io.BytesIO()
    written = exif.tobytes() if wear.exif else b""
    if fmt == "webp":
        options["xmp"] = wear.packet
    image.save(out, _KINDS[fmt], exif=written, **options)
    return {"jpg": _jpeg, "png": _png, "webp": _webp}[fmt](out.getvalue(), wear)


def _jpeg(data: bytes, wear: Dress) -> bytes:
    parts = b""
    if wear.packet:
        parts += build.jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + wear.packet)
    if wear.iim:
        resource = build.photoshop(0x0404, build.iim(*wear.iim))
        digest = build.photoshop(0x0425, bytes(16))
        parts += build.jpeg_segment(0xED, b"Photoshop 3.0\0" + digest + resource)
    for _, text in wear.texts:
        parts += build.jpeg_segment(0xFE, text.encode())
    if wear.vendor:
        parts += build.jpeg_segment(0xE7, wear.vendor)
    at = data.index(b"\xff\xdb")
    return data[:at] + parts + data[at:]


def _png(data: bytes, wear: Dress) -> bytes:
    parts = b""
    if wear.packet:
        parts += build.png_chunk(b"iTXt", b"XML:com.adobe.xmp" + bytes(5) + wear.packet)
    if wear.iim:
        raw = build.iim(*wear.iim)
        profile = f"\niptc\n{len(raw):8}\n{raw.hex()}\n".encode()
        parts += build.png_chunk(b"zTXt", b"Raw profile type iptc\0\0" + zlib.compress(profile))
    for key, text in wear.texts:
        parts += build.png_chunk(b"iTXt", key.encode() + bytes(5) + text.encode())
    if wear.vendor:
        parts += build.png_chunk(b"veND", wear.vendor)
    at = data.index(b"IDAT") - 4
    return data[:at] + parts + data[at:]


def _webp(data: bytes, wear: Dress) -> bytes:
    if not wear.vendor:
        return data
    size = struct.pack("<I", len(wear.vendor))
    body = data[8:] + b"VEND" + size + wear.vendor + b"\0" * (len(wear.vendor) & 1)
    return b"RIFF" + struct.pack("<I", len(body)) + body
