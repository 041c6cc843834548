"""Decodes the pixels of an opened picture, within the limits on what that may cost."""

from __future__ import annotations

import re

import numpy as np
import simplejpeg
from PIL import Image, ImageFile

from pipelines.media.formats import Format
from pipelines.media.headers import jpeg_scans
from pipelines.media.limits import COSTLY_FROM_BYTES, MAX_EXPANSION, MAX_SCANS
from pipelines.media.open_picture import load_tiff
from schemas.errors import BadRecord
from schemas.reasons import Reason

# A few stray bytes between segments are common and harmless; many mean that data is missing.
_STRAY_BYTES = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes")
_MAX_STRAY_BYTES = 16
# What decoding takes: the pixels as Pillow keeps them and, where they are converted, the result.
_BYTES_PER_PIXEL = {"RGB": 4, "L": 1, "CMYK": 4, "1": 5, "P": 5, "I;16": 3, "I;16B": 3, "I": 5}
_MOST_BYTES_PER_PIXEL = 8


def check_cost(data: bytes, fmt: Format, file: ImageFile.ImageFile) -> None:
    """Checks that decoding a file costs no more than its bytes are worth.

    Raises:
        BadRecord: `media.too_large`.
    """
    each = _BYTES_PER_PIXEL.get(file.mode, _MOST_BYTES_PER_PIXEL)
    if "transparency" in file.info:
        each = _MOST_BYTES_PER_PIXEL
    needed = file.width * file.height * each
    if needed > COSTLY_FROM_BYTES and needed > MAX_EXPANSION * len(data):
        raise BadRecord(
            Reason.MEDIA_TOO_LARGE,
            f"{len(data)} bytes take {needed} to decode; the limit is {MAX_EXPANSION}-fold",
        )
    if fmt == "jpg" and jpeg_scans(data, MAX_SCANS) > MAX_SCANS:
        raise BadRecord(Reason.MEDIA_TOO_LARGE, f"more than {MAX_SCANS} scans")


def load_pixels(
    file: ImageFile.ImageFile, data: bytes, fmt: Format, target: tuple[int, int]
) -> Image.Image:
    """Decodes an opened picture; a JPEG may come out at a reduced scale, not below `target`."""
    if fmt == "jpg" and file.mode in ("RGB", "L"):
        array = _decode_jpeg(data, file.mode, target)
        if array is not None:
            return Image.fromarray(array if file.mode == "RGB" else array[:, :, 0])
        file.draft(file.mode, target)
    if fmt == "tif":
        load_tiff(file)
    else:
        file.load()
    return file


def _decode_jpeg(data: bytes, mode: str, target: tuple[int, int]) -> np.ndarray | None:
    """Decodes a JPEG, treating libjpeg's warnings as errors; None means that Pillow must try.

    Pillow detects a truncated file, but accepts one with an end marker added after the cut, or
    one with data missing in the middle.
    """
    width, height = target
    try:
        array: np.ndarray = simplejpeg.decode_jpeg(
            data,
            colorspace="RGB" if mode == "RGB" else "GRAY",
            min_width=width,
            min_height=height,
            min_factor=1,
            strict=True,
        )
    except ValueError as error:
        text = str(error)
        stray = _STRAY_BYTES.match(text)
        is_harmless = stray is not None and int(stray[1]) <= _MAX_STRAY_BYTES
        if text.startswith(("Corrupt JPEG data", "Premature end")) and not is_harmless:
            raise
        return None
    return array
