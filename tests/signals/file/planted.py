"""Every place of a file in which a text may stand, and texts that refuse, in many languages."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from tests.signals.file import xmp_builder as build

COPYRIGHT, DESCRIPTION, USER_COMMENT, XP_COMMENT = 0x8298, 0x010E, 0x9286, 0x9C9C
REFUSALS = (
    "No AI training",
    "Not for use in machine learning datasets",
    "All rights reserved, including text and data mining",
    "May not be used to train artificial intelligence",
    "NoAI",
    "Opt-out: generative AI",
    "Kein KI-Training",
    "Die Nutzung für künstliche Intelligenz ist untersagt",
    "Text und Data Mining vorbehalten",
    "Pas d'entraînement d'IA",
    "Interdit à l'intelligence artificielle",
    "Prohibido usar para entrenar IA",
    "No se permite la inteligencia artificial",
    "Vietato l'uso per l'intelligenza artificiale",
    "Proibido o uso em inteligência artificial",
    "Niet voor AI-training",
    "Zakaz użycia do uczenia maszynowego",
    "Запрещено использовать для искусственного интеллекта",
    "Yapay zeka için kullanılamaz",
    "Får inte användas för AI",
    "Ei tekoälyn koulutukseen",
    "AI学習禁止",
    "機械学習への使用を禁止します",
    "禁止用于人工智能训练",
    "不得用于机器学习",
    "AI 학습 금지",
    "인공지능 학습에 사용 불가",
    "ممنوع استخدامها في الذكاء الاصطناعي",
)
# Texts that refuse nothing.
HARMLESS = (
    "All rights reserved",
    "© 2024 Ann Lee",
    "A cat on a wall, no people",
    "Created with GIMP",
    "Available for AI training",
    "Not AI generated.",
    "Je n'ai pas de photo",
    "Copyright Example Agency. For licensing, write to us.",
    "Photo by Jo, Dubai",
)


def _xml(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")


def _com(text: str) -> bytes:
    return build.jpeg_segment(0xFE, text.encode())


def _exif(tag: int, raw: bytes) -> bytes:
    return build.jpeg(build.jpeg_segment(0xE1, b"Exif\0\0" + build.tiff({tag: raw})))


def _iim(number: int) -> Callable[[str], bytes]:
    return lambda text: build.jpeg_photoshop(
        build.photoshop(0x0404, build.iim((1, 90, b"\x1b%G"), (2, number, text.encode())))
    )


def _xmp(name: str) -> Callable[[str], bytes]:
    return lambda text: build.jpeg_xmp(build.packet(f"<{name}>{_xml(text)}</{name}>"))


def _chunk(kind: bytes, head: bytes, packed: bool = False) -> Callable[[str], bytes]:
    def carry(text: str) -> bytes:
        raw = zlib.compress(text.encode()) if packed else text.encode()
        return build.png(build.png_chunk(kind, head + raw))

    return carry


def _ilst(kind: bytes) -> Callable[[str], bytes]:
    def carry(text: str) -> bytes:
        data = build.box(b"data", struct.pack(">II", 1, 0) + text.encode())
        handler = build.box(b"hdlr", bytes(8) + b"mdir" + bytes(13))
        meta = build.box(b"meta", bytes(4) + handler + build.box(b"ilst", build.box(kind, data)))
        return build.mp4(build.box(b"moov", build.box(b"udta", meta)))

    return carry


def _quicktime(text: str) -> bytes:
    raw = text.encode()
    item = build.box(b"\xa9cpy", struct.pack(">HH", len(raw), 0x15C7) + raw)
    return build.mp4(build.box(b"moov", build.box(b"udta", item)))


def _between_scans(text: str) -> bytes:
    scan = build.jpeg_segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") + b"\x12\x34"
    return (
        b"\xff\xd8" + build.jpeg_segment(0xDB, bytes(65)) + scan + _com(text) + scan + b"\xff\xd9"
    )


def _swapped(raw: bytes) -> bytes:
    """Bytes as libtiff leaves them that were stored as LONG in the other byte order."""
    padded = raw + bytes(-len(raw) % 4)
    return b"".join(padded[at : at + 4][::-1] for at in range(0, len(padded), 4))


def _notice(text: str) -> bytes:
    return build.iim((1, 90, b"\x1b%G"), (2, 116, text.encode()))


def _film_box(kind: bytes, head: bytes = b"") -> Callable[[str], bytes]:
    return lambda text: build.mov(build.box(b"moov", build.box(kind, head + text.encode())))


def _mpo_second_exif(text: str) -> bytes:
    return build.jpeg() + _exif(DESCRIPTION, text.encode())


PLACES: dict[str, Callable[[str], bytes]] = {
    "JPEG comment": lambda text: build.jpeg(_com(text)),
    "JPEG comment between scans": _between_scans,
    "JPEG comment of a second picture": lambda text: build.jpeg() + build.jpeg(_com(text)),
    "JPEG comment of a picture in APP2": lambda text: build.jpeg(
        build.jpeg_segment(0xE2, b"ICC_PROFILE\0\1\1" + build.jpeg(_com(text)))
    ),
    "JPEG segment that no reader knows": lambda text: build.jpeg(
        build.jpeg_segment(0xE7, b"Vendor\0\1\2" + text.encode() + b"\0")
    ),
    "EXIF of a second picture": _mpo_second_exif,
    "EXIF Copyright": lambda text: _exif(COPYRIGHT, text.encode()),
    "EXIF ImageDescription": lambda text: _exif(DESCRIPTION, text.encode()),
    "EXIF UserComment": lambda text: _exif(USER_COMMENT, b"ASCII\0\0\0" + text.encode()),
    "EXIF UserComment in Unicode": lambda text: _exif(
        USER_COMMENT, b"UNICODE\0" + text.encode("utf-16-le")
    ),
    "EXIF UserComment in big Unicode": lambda text: _exif(
        USER_COMMENT, b"UNICODE\0" + text.encode("utf-16-be")
    ),
    "EXIF XPComment": lambda text: _exif(XP_COMMENT, text.encode("utf-16-le")),
    "WebP EXIF": lambda text: build.webp((b"EXIF", build.tiff({COPYRIGHT: text.encode()}, ">"))),
    "PNG eXIf": lambda text: build.png(
        build.png_chunk(b"eXIf", build.tiff({USER_COMMENT: bytes(8) + text.encode()}))
    ),
    **{f"IIM 2:{number}": _iim(number) for number in (5, 25, 40, 105, 116, 120)},
    **{
        f"XMP {name}": _xmp(name)
        for name in (
            *("dc:rights", "dc:description", "xmpRights:UsageTerms", "xmpRights:WebStatement"),
            *("photoshop:Instructions", "plus:TermsAndConditionsText", "q:anything"),
            *("plus:OtherLicenseRequirements", "xmp:Label"),
        )
    },
    "XMP bag": lambda text: build.jpeg_xmp(
        build.packet(f"<dc:subject><rdf:Bag><rdf:li>{_xml(text)}</rdf:li></rdf:Bag></dc:subject>")
    ),
    "XMP attribute": lambda text: build.jpeg_xmp(build.packet(attributes=f'q:x="{_xml(text)}"')),
    "XMP comment": lambda text: build.jpeg_xmp(build.packet(f"<!-- {text} -->")),
    "XMP where no reader looks": lambda text: (
        build.jpeg() + build.packet(f"<dc:rights>{_xml(text)}</dc:rights>")
    ),
    "PNG tEXt": _chunk(b"tEXt", b"Copyright\0"),
    "PNG tEXt of any key": _chunk(b"tEXt", b"x\0"),
    "PNG zTXt": _chunk(b"zTXt", b"Comment\0\0", packed=True),
    "PNG iTXt": _chunk(b"iTXt", b"Description\0\0\0en\0Beschreibung\0"),
    "PNG iTXt, compressed": _chunk(b"iTXt", b"any key\0\1\0\0\0", packed=True),
    "PNG iTXt, compressed packet": lambda text: _chunk(b"iTXt", b"k\0\1\0\0\0", packed=True)(
        build.packet(f"<dc:rights>{_xml(text)}</dc:rights>").decode()
    ),
    "TIFF Copyright": lambda text: build.tiff({COPYRIGHT: text.encode()}),
    "TIFF ImageDescription": lambda text: build.tiff({DESCRIPTION: text.encode()}, ">"),
    "TIFF IIM": lambda text: build.tiff(
        {33723: build.iim((1, 90, b"\x1b%G"), (2, 116, text.encode()))}
    ),
    "TIFF Photoshop": lambda text: build.tiff(
        {34377: build.photoshop(0x0404, build.iim((1, 90, b"\x1b%G"), (2, 40, text.encode())))}
    ),
    "TIFF tag that no reader knows": lambda text: build.tiff({50000: text.encode()}),
    "TIFF IIM in the other byte order": lambda text: build.tiff({33723: _swapped(_notice(text))}),
    "TIFF Photoshop in the other byte order": lambda text: build.tiff(
        {34377: _swapped(build.photoshop(0x0404, _notice(text)))}, ">"
    ),
    "GIF comment": lambda text: build.gif_comment(text.encode()),
    "GIF application that no reader knows": lambda text: build.gif_application(
        b"VENDOR  1.0", text.encode()
    ),
    "GIF application without a code": lambda text: build.gif(
        build.gif_extension(0xFF, b"abc", text.encode())
    ),
    "GIF plain text": lambda text: build.gif(build.gif_extension(1, bytes(12), text.encode())),
    "GIF IIM": lambda text: build.gif_application(
        b"MGKIPTC0000", build.iim((1, 90, b"\x1b%G"), (2, 116, text.encode()))
    ),
    "AVIF EXIF Copyright": lambda text: build.avif_exif(build.tiff({COPYRIGHT: text.encode()})),
    "AVIF EXIF behind its old mark": lambda text: build.avif(
        (b"Exif", b"", bytes(4) + b"Exif\0\0" + build.tiff({COPYRIGHT: text.encode()}))
    ),
    "AVIF EXIF without an offset": lambda text: build.avif(
        (b"Exif", b"", build.tiff({COPYRIGHT: text.encode()}, ">"))
    ),
    "AVIF item of a kind that no reader knows": lambda text: build.avif(
        (b"text", b"", text.encode())
    ),
    "AVIF text": lambda text: build.avif((b"mime", b"text/plain\0", text.encode())),
    "MOV free space": _film_box(b"free"),
    "MOV uuid of a maker": _film_box(b"uuid", bytes(16)),
    "MOV XML that is not XMP": lambda text: build.mov(
        build.box(
            b"meta",
            bytes(4)
            + build.box(b"hdlr", bytes(8) + b"nrtm" + bytes(13))
            + build.box(b"xml ", f"<Notes><Rights>{text}</Rights></Notes>".encode()),
        )
    ),
    "MOV EXIF in user data": lambda text: build.mov(
        build.box(
            b"moov",
            build.box(b"udta", build.box(b"CNTH", build.tiff({COPYRIGHT: text.encode()}))),
        )
    ),
    "MOV copyright": lambda text: build.mov(
        build.box(
            b"moov",
            build.box(
                b"udta",
                build.box(
                    b"\xa9cpy", struct.pack(">HH", len(text.encode()), 0x15C7) + text.encode()
                ),
            ),
        )
    ),
    "MP4 ilst copyright": _ilst(b"cprt"),
    "MP4 ilst own name": _ilst(b"----"),
    "MP4 ilst comment": _ilst(b"\xa9cmt"),
    "MP4 ilst description": _ilst(b"desc"),
    "MP4 QuickTime copyright": _quicktime,
    "MP4 3GPP copyright": lambda text: build.mp4(
        build.box(b"moov", build.box(b"udta", build.box(b"cprt", bytes(4) + b"UD" + text.encode())))
    ),
    "MP4 meta uuid": lambda text: build.mp4(
        build.box(
            b"meta",
            bytes(4)
            + build.box(b"hdlr", bytes(25))
            + build.box(
                b"uuid",
                build.XMP_UUID + build.packet(f"<dc:rights>{_xml(text)}</dc:rights>"),
            ),
        )
    ),
}
