"""Detects the format of media bytes and checks it against the file's name and declared type."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

from pipelines.media.tiff import is_camera_raw
from pipelines.media.tiff_structure import TIFF_MARKS
from schemas.errors import BadRecord
from schemas.reasons import Reason

Format = Literal["jpg", "png", "webp", "tif", "gif", "avif", "mp4", "mov"]
IMAGE_FORMATS: tuple[Format, ...] = ("jpg", "png", "webp", "tif", "gif", "avif")
FILM_FORMATS: tuple[Format, ...] = ("mp4", "mov")
FORMATS: tuple[Format, ...] = (*IMAGE_FORMATS, *FILM_FORMATS)

_EXTENSIONS: dict[str, str] = {
    "jpg": "jpg",
    "jpeg": "jpg",
    "jpe": "jpg",
    "jfif": "jpg",
    "png": "png",
    "apng": "png",
    "webp": "webp",
    "tif": "tif",
    "tiff": "tif",
    "gif": "gif",
    "avif": "avif",
    "mp4": "mp4",
    "m4v": "mp4",
    "mov": "mov",
    "qt": "mov",
    # Not supported, but listed so that a file with such a name and other bytes is a mismatch.
    **{
        other: other
        for other in (
            *("bmp", "heic", "heif", "jp2", "jxl", "psd", "svg", "eps", "ai", "raw", "dng"),
            *("cr2", "cr3", "nef", "arw", "avi", "mkv", "webm", "mpg", "mpeg", "mxf", "wmv"),
            *("flv", "3gp", "mts", "ts", "wav", "mp3", "pdf"),
        )
    },
}
# Brands of ISO base media files that hold an MP4 film. Still pictures and QuickTime use the same
# box.
_MP4_BRANDS = frozenset(
    {b"isom", b"iso2", b"iso3", b"iso4", b"iso5", b"iso6", b"iso7", b"iso8", b"iso9", b"mp41"}
    | {b"mp42", b"avc1", b"dash", b"M4V ", b"M4VH", b"M4VP", b"MSNV", b"mmp4", b"XAVC", b"f4v "}
)


_QUICKTIME = b"qt  "
_AVIF_BRANDS = (b"avif", b"avis")
# What older QuickTime films begin with, which have no file type.
_QUICKTIME_BOXES = (b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot")


def sniff_format(data: bytes) -> Format | None:
    """Returns the format that a file's first bytes show, or None if it is not supported."""
    if data[:3] == b"\xff\xd8\xff":
        return "jpg"
    if data[:8] == b"\x89PNG\r\n\x1a\n":
        return "png"
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[:6] in (b"GIF87a", b"GIF89a"):
        return "gif"
    if data.startswith(TIFF_MARKS):
        return None if is_camera_raw(data) else "tif"
    if data[4:8] == b"ftyp":
        return _sniff_brand(data)
    return "mov" if data[4:8] in _QUICKTIME_BOXES else None


def _sniff_brand(data: bytes) -> Format | None:
    """Returns the format that an ftyp box shows, by its major brand or a compatible one."""
    end = min(int.from_bytes(data[:4], "big"), len(data), 256)
    brands = [data[at : at + 4] for at in range(16, end - 3, 4)]
    if data[8:12] in _AVIF_BRANDS:
        return "avif"
    if data[8:12] in (b"mif1", b"msf1", b"miaf") and set(brands) & set(_AVIF_BRANDS):
        return "avif"
    if data[8:12] == _QUICKTIME:
        return "mov"
    if data[8:12] in _MP4_BRANDS:
        return "mp4"
    is_picture = data[8:10] in (b"he", b"mi", b"ms", b"av", b"cr")
    return "mp4" if not is_picture and not _MP4_BRANDS.isdisjoint(brands) else None


def extension(media_uri: str) -> str:
    """Returns the lower-case extension of a URI's last path segment, without the dot."""
    path = media_uri
    if "://" in media_uri:
        try:
            path = unquote(urlsplit(media_uri).path)
        except ValueError:
            return ""
    name = path.rpartition("/")[2]
    if name in ("", "."):  # a trailing slash or "/."
        name = PurePosixPath(path).name
    stem, _, suffix = name.rpartition(".")
    return suffix.lower() if stem else ""


def check_declared_type(media_uri: str, media_type: str, fmt: Format) -> None:
    """Checks that the file's name and declared type agree with its bytes.

    Args:
        media_uri: The file's address; an extension that names no known format is ignored.
        media_type: `image` or `video`, from the catalogue.
        fmt: The format of the bytes.

    Raises:
        BadRecord: `media.type_mismatch`.
    """
    from_name = extension(media_uri)
    if _EXTENSIONS.get(from_name, fmt) != fmt:
        raise BadRecord(
            Reason.MEDIA_TYPE_MISMATCH, f"the file name says {from_name}, the bytes are {fmt}"
        )
    if media_type != media_type_of(fmt):
        raise BadRecord(
            Reason.MEDIA_TYPE_MISMATCH, f"media_type is {media_type[:40]!r}, the bytes are {fmt}"
        )


def media_type_of(fmt: Format) -> str:
    """Returns the media type of a format: `image` or `video`."""
    return "image" if fmt in IMAGE_FORMATS else "video"


def is_film(fmt: Format) -> bool:
    """Whether a format is that of films."""
    return fmt in FILM_FORMATS


def parse_format(text: str) -> Format:
    """Returns the format that a text names.

    Raises:
        ValueError: The text is not the name of a supported format.
    """
    if text not in FORMATS:
        raise ValueError(f"not a media format: {text!r}")
    return text
