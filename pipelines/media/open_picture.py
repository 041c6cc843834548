"""Opens a picture's header with the Pillow plugin of its format, and nothing else."""

from __future__ import annotations

import io
import threading

from PIL import AvifImagePlugin, Image, ImageFile, TiffImagePlugin
from PIL.AvifImagePlugin import AvifImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from pipelines.media.formats import Format
from pipelines.media.headers import webp_size
from schemas.errors import BadRecord
from schemas.reasons import Reason

# Pillow's limit belongs to the process; in the guarded child, no other thread waits for it.
_LOADING = threading.Lock()
_ORIENTATION_TAG = 0x0112


def check_pixels(width: int, height: int, max_pixels: int) -> None:
    """Checks that a picture or frame has no more pixels than allowed.

    Raises:
        BadRecord: `media.too_large`.
    """
    if width * height > max_pixels:
        raise BadRecord(
            Reason.MEDIA_TOO_LARGE, f"{width} x {height} pixels; the limit is {max_pixels}"
        )


def open_header(data: bytes, fmt: Format, max_pixels: int) -> ImageFile.ImageFile:
    """Reads a header with the Pillow plugin of the detected format.

    `Image.open` would try other plugins too, and it only warns about large pictures.
    """
    if fmt == "jpg":
        return JpegImageFile(io.BytesIO(data))
    if fmt == "png":
        return PngImageFile(io.BytesIO(data))
    if fmt == "tif":
        return _open_tiff(data)
    if fmt == "gif":
        return GifImageFile(io.BytesIO(data))
    if fmt == "avif":
        AvifImagePlugin.DEFAULT_MAX_THREADS = 1  # so that memory does not depend on the machine
        return AvifImageFile(io.BytesIO(data))
    if fmt == "webp":
        # Pillow's WebP decoder allocates the whole canvas as soon as the file is opened.
        check_pixels(*webp_size(data), max_pixels)
        return WebPImageFile(io.BytesIO(data))
    raise ValueError(f"{fmt} is not a picture format")


def stated_orientation(file: ImageFile.ImageFile) -> int:
    """Returns the EXIF orientation; damaged EXIF is ignored, as every viewer does."""
    try:
        value = file.getexif().get(_ORIENTATION_TAG, 1)
    except Exception:  # of any kind, as in decoding; but the picture itself is not affected
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def correct_transparent_colour(file: ImageFile.ImageFile, bits: int) -> None:
    """Gives the one transparent colour of a PNG in the values that Pillow decodes.

    Pillow keeps it as it is stored, although it widens grey values of two and four bits, and cuts
    colours of 16 bits.

    Args:
        file: The PNG.
        bits: Its bits per channel.

    Raises:
        BadRecord: `media.unsupported_format`, if Pillow's pixels do not say which are transparent.
    """
    key, most = file.info.get("transparency"), (1 << bits) - 1
    if file.mode == "L" and isinstance(key, int):
        file.info["transparency"] = (key & most) * 255 // most
    elif file.mode == "RGB" and isinstance(key, tuple):
        if bits > 8:
            raise BadRecord(
                Reason.MEDIA_UNSUPPORTED_FORMAT,
                f"PNG with colours of {bits} bits of which one is transparent; export it with an "
                "alpha channel, or with 8 bits a channel",
            )
        file.info["transparency"] = tuple(value & most for value in key)


def load_tiff(file: ImageFile.ImageFile) -> None:
    """Decodes a TIFF, of as many pixels as the deal allows; Pillow has a limit of its own.

    Raises:
        BadRecord: `media.undecodable`.
    """
    with _LOADING:
        limit = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = None
        try:
            file.load()
        except OSError as error:
            packed = file.info.get("compression", "an unknown method")
            detail = f"TIFF compressed by {packed} cannot be decoded: {error}"[:200]
            raise BadRecord(Reason.MEDIA_UNDECODABLE, detail) from error
        finally:
            Image.MAX_IMAGE_PIXELS = limit


def _open_tiff(data: bytes) -> TiffImageFile:
    """Opens a TIFF whose structure was checked; what Pillow refuses then is a layout of values."""
    # Without libtiff, Pillow shows noise for channels of 16 bits that are stored apart.
    TiffImagePlugin.READ_LIBTIFF = True
    try:
        return TiffImageFile(io.BytesIO(data))
    except SyntaxError as error:
        raise BadRecord(
            Reason.MEDIA_UNSUPPORTED_FORMAT,
            f"TIFF with values in a layout that is not read ({error}); export it as RGB or grey "
            "with 8 or 16 bits a channel",
        ) from error
