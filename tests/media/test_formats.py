"""Formats are detected from the bytes, and names that contradict them are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.media.declared_type import check_declared_type, extension
from pipelines.media.formats import Format
from pipelines.media.sniff import sniff_format
from pipelines.media.unsupported import describe_unsupported
from schemas.errors import BadRecord
from tests.media.media_samples import encode, film, picture


def test_formats_are_detected() -> None:
    assert sniff_format(encode(picture(), "JPEG")) == "jpg"
    assert sniff_format(encode(picture(), "PNG")) == "png"
    assert sniff_format(encode(picture(), "WEBP")) == "webp"
    assert sniff_format(encode(picture(), "TIFF")) == "tif"
    assert sniff_format(encode(picture(), "GIF")) == "gif"
    assert sniff_format(encode(picture(), "AVIF")) == "avif"
    assert sniff_format(b"\0\0\0\x18ftypmif1\0\0\0\0miafavif") == "avif"
    assert sniff_format(film(frames=2)) == "mp4"
    assert sniff_format(film(frames=2, container="mov")) == "mov"


@pytest.mark.parametrize("box", [b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot"])
def test_quicktime_films_of_before_there_were_file_types(box: bytes) -> None:
    assert sniff_format(b"\0\0\1\0" + box + bytes(20)) == "mov"


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"8BPS\0\1", "a Photoshop document (PSD); export it as JPEG, PNG or TIFF"),
        (b"BM" + bytes(60), "a Windows bitmap (BMP); export it as JPEG, PNG or TIFF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS or PostScript; render it at the size to be delivered"),
        (b"\xc5\xd0\xd3\xc6" + bytes(20), "EPS or PostScript; render it"),
        (b"%PDF-1.7", "PDF or an Illustrator document; render it"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG; render it"),
        (b"<?xml version='1.0'?>\n<!-- made -->\n<svg>", "SVG; render it"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC; export it as JPEG, PNG or TIFF"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", "HEIC; export it as"),
        (b"\0\0\0\x18ftypcrx \0\0\0\0crx isom", "camera raw (CR3); develop it"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw; develop it and export it as TIFF or JPEG"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(8), "camera raw (DNG, CR2, NEF, ARW …); develop it"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000; export it as"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL; export it as"),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9", "Windows Media (WMV, ASF); export it as MP4"),
        (b"\x1aE\xdf\xa3" + bytes(20), "Matroska or WebM; export it as MP4 or MOV"),
        (b"RIFF\x24\0\0\0AVI LIST", "AVI; export it as MP4 or MOV"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "sound; leave it out"),
        (b"\0\0\0\x14ftyp3gp4\0\0\0\0", "3GP; export it as MP4 or MOV"),
        (b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", "MXF; export it as MP4 or MOV"),
        (b"\0\0\1\xba" + bytes(9), "MPEG (MPG, VOB); export it as MP4 or MOV"),
        (b"G" + bytes(187) + b"G" + bytes(9), "an MPEG transport stream (TS, MTS); export it as"),
        (b"PK\3\4" + bytes(9), "an archive; put the files it holds in place"),
        (b"<!DOCTYPE html><html>", "a web page; put the picture or film in place"),
        (b"hello", "no known format; first bytes 68656c6c6f"),
    ],
)
def test_other_formats_are_named_with_a_remedy(data: bytes, said: str) -> None:
    assert sniff_format(data) is None
    assert describe_unsupported(data).startswith(said)


@given(st.binary(max_size=300))
def test_any_bytes_are_described_in_one_line(data: bytes) -> None:
    assert 0 < len(describe_unsupported(data)) < 120


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"GIF88a" + bytes(20),
        b"II,\0" + bytes(20),
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypcrx \0\0\0\0crx mif1",
        b"\0\0\0\x18ftypmif1\0\0\0\0isomheic",
        b"\x1aE\xdf\xa3" + bytes(20),
    ],
)
def test_other_formats_are_not_detected(data: bytes) -> None:
    assert sniff_format(data) is None


def test_unknown_brand_is_accepted_for_its_compatible_brands() -> None:
    assert sniff_format(b"\0\0\0\x18ftypXYZ1\0\0\0\0mp42isom" + bytes(20)) == "mp4"
    assert sniff_format(b"\0\0\0\x10ftypXYZ1\0\0\0\0mp42isom" + bytes(20)) is None


@pytest.mark.parametrize(
    ("uri", "expected"),
    [
        ("a/b.JPG", "jpg"),
        ("https://h/a.png?x=b.gif", "png"),
        ("https://h/a%2Epng", "png"),
        ("s3://b/a.tar.webp", "webp"),
        ("no-extension", ""),
        ("a.b/c", ""),
        ("https://[/a.jpg", ""),
    ],
)
def test_extension(uri: str, expected: str) -> None:
    assert extension(uri) == expected


@pytest.mark.parametrize(
    ("uri", "fmt"),
    [
        *(("a.jpeg", "jpg"), ("a.JPE", "jpg"), ("a.m4v", "mp4"), ("a", "png"), ("a.dat", "webp")),
        *(("a.TIF", "tif"), ("a.tiff", "tif"), ("a.gif", "gif"), ("a.avif", "avif")),
        *(("a.MOV", "mov"), ("a.qt", "mov")),
    ],
)
def test_matching_names_are_accepted(uri: str, fmt: Format) -> None:
    check_declared_type(uri, "video" if fmt in ("mp4", "mov") else "image", fmt)


@pytest.mark.parametrize(
    ("uri", "media_type", "fmt"),
    [
        ("a.png", "image", "jpg"),
        ("a.gif", "image", "jpg"),
        ("a.mov", "video", "mp4"),
        ("a.mp4", "video", "mov"),
        ("a.jpg", "image", "tif"),
        ("a.dng", "image", "tif"),
        ("a.heic", "image", "avif"),
        ("a.mp4", "video", "jpg"),
        ("a.jpg", "video", "jpg"),
        ("a.mp4", "image", "mp4"),
        ("a", "audio", "mp4"),
    ],
)
def test_contradicting_names_are_refused(uri: str, media_type: str, fmt: Format) -> None:
    with pytest.raises(BadRecord) as caught:
        check_declared_type(uri, media_type, fmt)
    assert caught.value.reason == "media.type_mismatch"
