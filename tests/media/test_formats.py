"""Formats are detected from the bytes, and names that contradict them are refused."""

from __future__ import annotations

import pytest

from pipelines.media.formats import Format, check_declared_type, extension, sniff_format
from schemas.errors import BadRecord
from tests.media.media_samples import encode, film, picture


def test_formats_are_detected() -> None:
    assert sniff_format(encode(picture(), "JPEG")) == "jpg"
    assert sniff_format(encode(picture(), "PNG")) == "png"
    assert sniff_format(encode(picture(), "WEBP")) == "webp"
    assert sniff_format(film(frames=2)) == "mp4"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff\xd8",
        b"GIF89a" + bytes(20),
        b"II*\0" + bytes(20),
        b"RIFF\x24\0\0\0WAVEfmt ",
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"\0\0\0\x14ftypqt  \0\0\0\0qt  ",
        b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
        b"\0\0\0\x18ftypavif\0\0\0\0mif1avif",
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
    [("a.jpeg", "jpg"), ("a.JPE", "jpg"), ("a.m4v", "mp4"), ("a", "png"), ("a.dat", "webp")],
)
def test_matching_names_are_accepted(uri: str, fmt: Format) -> None:
    check_declared_type(uri, "video" if fmt == "mp4" else "image", fmt)


@pytest.mark.parametrize(
    ("uri", "media_type", "fmt"),
    [
        ("a.png", "image", "jpg"),
        ("a.gif", "image", "jpg"),
        ("a.mov", "video", "mp4"),
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
