"""Names formats that are recognised and not accepted, and says what to do with them."""

from __future__ import annotations

import re

from pipelines.media.tiff import is_camera_raw
from pipelines.media.tiff_structure import TIFF_MARKS

_TO_PICTURE = "export it as JPEG, PNG or TIFF"
_TO_FILM = "export it as MP4 or MOV"
_DEVELOP = "develop it and export it as TIFF or JPEG"
_DRAW = "render it at the size to be delivered and export it as PNG"
# First bytes, or a pattern of them, with the format's name and the remedy.
_STARTS: tuple[tuple[bytes, str, str], ...] = (
    (rb"8BPS", "a Photoshop document (PSD)", _TO_PICTURE),
    (rb"BM", "a Windows bitmap (BMP)", _TO_PICTURE),
    (rb"\xff\x0a|\0\0\0\x0cJXL ", "JPEG XL", _TO_PICTURE),
    (rb"\0\0\0\x0cjP  |\xff\x4f\xff\x51", "JPEG 2000", _TO_PICTURE),
    (rb"v/1\x01", "OpenEXR", _TO_PICTURE),
    (rb"#\?RADIANCE", "Radiance HDR", _TO_PICTURE),
    (rb"P[1-7]\s", "a portable bitmap (PBM, PGM, PPM, PAM)", _TO_PICTURE),
    (rb"\0\0[\x01\x02]\0", "a Windows icon (ICO, CUR)", _TO_PICTURE),
    (rb"II(?:U\0|RO|RS)|MMOR|FUJIFILMCCD-RAW|FOVb", "camera raw", _DEVELOP),
    (rb"%!PS|\xc5\xd0\xd3\xc6", "EPS or PostScript", _DRAW),
    (rb"%PDF-", "PDF or an Illustrator document", _DRAW),
    (
        rb"(?s)\s*(?:<\?xml.{0,2000}?)?(?:<!--.{0,2000}?-->\s*|<!DOCTYPE[^>]{0,500}>\s*)*<svg",
        "SVG",
        _DRAW,
    ),
    (rb"\x1aE\xdf\xa3", "Matroska or WebM", _TO_FILM),
    (rb"RIFF....AVI ", "AVI", _TO_FILM),
    (rb"RIFF....WAVE|ID3|fLaC|OggS.{24}\x01vorbis", "sound", "leave it out"),
    (rb"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "Windows Media (WMV, ASF)", _TO_FILM),
    (rb"FLV\x01", "Flash video (FLV)", _TO_FILM),
    (rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", "MXF", _TO_FILM),
    (rb"\0\0\x01[\xba\xb3]", "MPEG (MPG, VOB)", _TO_FILM),
    (rb"G.{187}G|.{4}G.{191}G", "an MPEG transport stream (TS, MTS)", _TO_FILM),
    (rb"OggS", "Ogg", _TO_FILM),
    (
        rb"PK\x03\x04|7z\xbc\xaf\x27\x1c|Rar!|\x1f\x8b",
        "an archive",
        "put the files it holds in place",
    ),
    (rb"(?i)\s*<(?:!doctype html|html)", "a web page", "put the picture or film in place"),
)
_PATTERNS = tuple((re.compile(start, re.DOTALL), name, remedy) for start, name, remedy in _STARTS)
_BRANDS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    ((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx"), "HEIC", _TO_PICTURE),
    ((b"avcs", b"avci"), "a picture in AVC (HEIF)", _TO_PICTURE),
    ((b"crx ",), "camera raw (CR3)", _DEVELOP),
    ((b"mif1", b"msf1", b"mif2"), "HEIF", _TO_PICTURE),
    ((b"M4A ", b"M4B ", b"M4P "), "sound", "leave it out"),
)
_MAX_FIRST_BYTES = 12


def describe_unsupported(data: bytes) -> str:
    """Returns what a file is and what to do with it, in one line.

    Args:
        data: A file in none of the accepted formats.
    """
    if data[4:8] == b"ftyp":
        brands = (data[8:12], *(data[at : at + 4] for at in range(16, _end_of_brands(data), 4)))
        for known, name, remedy in _BRANDS:
            if any(brand in known for brand in brands):
                return f"{name}; {remedy}"
        if data[8:11] in (b"3gp", b"3g2"):
            return f"3GP; {_TO_FILM}"
    if data.startswith(TIFF_MARKS) and is_camera_raw(data):
        return f"camera raw (DNG, CR2, NEF, ARW …); {_DEVELOP}"
    for pattern, name, remedy in _PATTERNS:
        if pattern.match(data):
            return f"{name}; {remedy}"
    return f"no known format; first bytes {data[:_MAX_FIRST_BYTES].hex()}"


def _end_of_brands(data: bytes) -> int:
    return min(int.from_bytes(data[:4]), len(data), 256) - 3
