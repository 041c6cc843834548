"""Reads how the first page of a TIFF file is stored, and what else the file shows.

The first page is the picture. Pillow decodes it; what is read here says what Pillow does not: how
values of 16 bits are to be scaled, whether the file is cut, and what cannot be shown. Source: TIFF
6.0; for camera raw, DNG 1.7, chapter 3.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice

from pipelines.media.headers import DamagedFileError
from pipelines.media.tiff_structure import (
    TIFF_MARKS,
    DirectoryKind,
    TiffDirectory,
    TiffEntry,
    TiffReader,
)
from schemas.errors import BadRecord
from schemas.reasons import Reason

_SUBFILE, _WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC = 254, 256, 257, 258, 259, 262
_STRIP_OFFSETS, _STRIP_BYTES, _TILE_OFFSETS, _TILE_BYTES = 273, 279, 324, 325
_SAMPLE_FORMAT, _DNG_VERSION, _LAYERS = 339, 50706, 37724
_JPEG_OFFSET, _JPEG_BYTES = 513, 514
_REDUCED, _MASK = 1, 4  # bits of NewSubfileType
_WHITE_IS_ZERO, _COLOUR_FILTER, _LINEAR_RAW = 0, 32803, 34892
_NEF_COMPRESSION = 34713
_MAX_BITS = 16
_UNSIGNED, _UNDEFINED = 1, 4  # of SampleFormat
_MAX_RAW_DIRECTORIES = 64  # among which a camera's own are looked for
_MAX_STRIPS = 1 << 20
_CR2_MARK = b"CR"  # at byte 8


@dataclass(frozen=True)
class TiffPicture:
    """How the first page is stored, and what the file holds besides.

    Attributes:
        width: Pixels in a row, before the orientation is applied.
        height: Rows, likewise.
        bits: Bits of a sample.
        is_inverted: Whether 0 is white.
        pages: Number of pages, without smaller copies and masks of others.
        has_layers: Whether Photoshop's layers are stored beside the flat picture.
    """

    width: int
    height: int
    bits: int
    is_inverted: bool
    pages: int
    has_layers: bool


def is_camera_raw(data: bytes) -> bool:
    """Whether a TIFF structure is a camera's raw file: DNG, CR2, NEF, ARW and their kind.

    They show a small picture as the first page, and hold what the sensor recorded.
    """
    if not data.startswith(TIFF_MARKS):
        return False
    if data[8:10] == _CR2_MARK:
        return True
    reader = TiffReader(data)
    for directory in islice(reader.directories(), _MAX_RAW_DIRECTORIES):
        if any(entry.tag == _DNG_VERSION for entry in directory.entries):
            return True
        shown = _number(reader, directory, _PHOTOMETRIC, -1)
        packed = _number(reader, directory, _COMPRESSION, 1)
        if shown in (_COLOUR_FILTER, _LINEAR_RAW) or packed == _NEF_COMPRESSION:
            return True
    return False


def read_tiff_picture(data: bytes) -> TiffPicture:
    """Checks the first page of a TIFF file and returns how it is stored.

    Raises:
        DamagedFileError: Part of it is outside the file, or it has no size.
        BadRecord: `media.unsupported_format` if its values cannot be shown as eight bits.
    """
    reader = TiffReader(data)
    directories = list(reader.directories())
    if reader.overflow:
        raise DamagedFileError("TIFF with too many directories or entries")
    pages = [one for one in directories if one.kind is DirectoryKind.PAGE]
    if not pages:
        raise DamagedFileError("TIFF without a page, or truncated")
    first = pages[0]
    width, height = _number(reader, first, _WIDTH, 0), _number(reader, first, _HEIGHT, 0)
    if width < 1 or height < 1:
        raise DamagedFileError("TIFF whose first page has no size")
    _check_inside(reader, first, len(data))
    if _number(reader, first, _SUBFILE, 0) & _REDUCED and len(pages) > 1:
        raise BadRecord(
            Reason.MEDIA_UNSUPPORTED_FORMAT,
            "TIFF whose first page is a smaller copy of another; export the picture as the only "
            "page",
        )
    return TiffPicture(
        width=width,
        height=height,
        bits=_sample_bits(reader, first),
        is_inverted=_number(reader, first, _PHOTOMETRIC, 0) == _WHITE_IS_ZERO,
        pages=sum(not _number(reader, one, _SUBFILE, 0) & (_REDUCED | _MASK) for one in pages),
        has_layers=any(entry.tag == _LAYERS for one in directories for entry in one.entries),
    )


def tiff_spans(data: bytes) -> list[tuple[int, int]]:
    """Returns where the parts of a TIFF file are that any directory refers to, as (start, end)."""
    reader = TiffReader(data)
    spans = [(0, 16 if b"+" in data[2:4] else 8)]
    for directory in reader.directories():
        spans.append((directory.at, directory.end))
        spans += [(entry.start, entry.end) for entry in directory.entries]
        spans += picture_spans(reader, directory)
    return spans


def picture_spans(reader: TiffReader, directory: TiffDirectory) -> list[tuple[int, int]]:
    """Returns where a page's strips, tiles and embedded JPEG are."""
    spans: list[tuple[int, int]] = []
    for offsets, lengths in (
        (_STRIP_OFFSETS, _STRIP_BYTES),
        (_TILE_OFFSETS, _TILE_BYTES),
        (_JPEG_OFFSET, _JPEG_BYTES),
    ):
        starts = _numbers(reader, directory, offsets)
        sizes = _numbers(reader, directory, lengths)
        spans += [(start, start + size) for start, size in zip(starts, sizes, strict=False)]
    return spans


def _check_inside(reader: TiffReader, directory: TiffDirectory, size: int) -> None:
    """Checks that a directory, its values and its pixels are inside the file.

    libtiff shows what is there of a page that is cut.
    """
    if directory.end > size:
        raise DamagedFileError("TIFF truncated within the directory of the first page")
    for entry in directory.entries:
        if entry.end > size:
            raise DamagedFileError(f"TIFF truncated or damaged at tag {entry.tag}")
    for start, end in picture_spans(reader, directory):
        if end > size:
            raise DamagedFileError(f"TIFF truncated: pixels at bytes {start} to {end} of {size}")


def _sample_bits(reader: TiffReader, page: TiffDirectory) -> int:
    """Returns the bits of a sample.

    Raises:
        BadRecord: `media.unsupported_format` for values without a fixed black and white.
    """
    bits = max(_numbers(reader, page, _BITS), default=1)
    formats = set(_numbers(reader, page, _SAMPLE_FORMAT)) - {_UNSIGNED, _UNDEFINED}
    if bits > _MAX_BITS or formats:
        kind = "floating-point" if 3 in formats else "signed" if 2 in formats else "unsigned"
        raise BadRecord(
            Reason.MEDIA_UNSUPPORTED_FORMAT,
            f"TIFF with {kind} samples of {bits} bits; export it with 8 or 16 bits a channel",
        )
    return bits


def _entry(directory: TiffDirectory, tag: int) -> TiffEntry | None:
    return next((entry for entry in directory.entries if entry.tag == tag), None)


def _numbers(reader: TiffReader, directory: TiffDirectory, tag: int) -> list[int]:
    entry = _entry(directory, tag)
    return [] if entry is None else reader.numbers(entry, _MAX_STRIPS)


def _number(reader: TiffReader, directory: TiffDirectory, tag: int, otherwise: int) -> int:
    entry = _entry(directory, tag)
    found = [] if entry is None else reader.numbers(entry, 1)
    return found[0] if found else otherwise
