"""Names the formats of media, and checks them against a file's name and declared type."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Literal
from urllib.parse import unquote, urlsplit

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
