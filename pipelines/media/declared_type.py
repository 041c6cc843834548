"""Checks that a file's name and declared type agree with the format of its bytes."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote, urlsplit

from pipelines.media.formats import Format, media_type_of
from schemas.errors import BadRecord
from schemas.reasons import Reason

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
