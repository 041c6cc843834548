"""Detects the format of media by their bytes."""

from __future__ import annotations

from pipelines.media.formats import Format
from pipelines.media.tiff import is_camera_raw
from pipelines.media.tiff_structure import TIFF_MARKS

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
