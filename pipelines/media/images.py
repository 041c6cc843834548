"""Decodes pictures to upright sRGB pixels and reads their properties.

The steps are the same for every format: (1) read the header; (2) check the limit on pixels;
(3) check the container's checksums, where it has any; (4) decode; (5) convert to eight bits
without alpha; (6) reduce the size; (7) convert to sRGB; (8) rotate upright.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import simplejpeg
from PIL import Image, ImageCms, ImageFile

from pipelines.media.colour_profiles import judge_profile
from pipelines.media.flatten import WHITE, Colour, flatten, plain_differences
from pipelines.media.formats import Format
from pipelines.media.headers import (
    avif_bit_depth,
    check_gif,
    check_png,
    jpeg_scans,
    png_bit_depth,
)
from pipelines.media.limits import COSTLY_FROM_BYTES, MAX_EXPANSION, MAX_SCANS
from pipelines.media.looks import Look, look_of
from pipelines.media.open_picture import (
    check_pixels,
    correct_transparent_colour,
    load_tiff,
    open_header,
    stated_orientation,
)
from pipelines.media.phash import PerceptualSignature, perceptual_signature
from pipelines.media.tiff import read_tiff_picture
from schemas.errors import BadRecord
from schemas.reasons import Reason

_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_SIDEWAYS = (5, 6, 7, 8)
# A few stray bytes between segments are common and harmless; many mean that data is missing.
_STRAY_BYTES = re.compile(r"Corrupt JPEG data: (\d+) extraneous bytes")
_MAX_STRAY_BYTES = 16
# What decoding takes: the pixels as Pillow keeps them and, where they are converted, the result.
_BYTES_PER_PIXEL = {"RGB": 4, "L": 1, "CMYK": 4, "1": 5, "P": 5, "I;16": 3, "I;16B": 3, "I": 5}
_MOST_BYTES_PER_PIXEL = 8
_CONTAINER_CHECKS: dict[Format, Callable[[bytes], None]] = {"png": check_png, "gif": check_gif}


@dataclass(frozen=True)
class ImageFacts:
    """The properties of a picture file; sizes are in pixels.

    Attributes:
        width: As displayed, after applying the EXIF orientation.
        height: As displayed, likewise.
        stored_width: As stored in the file.
        stored_height: As stored in the file.
        mode: Pillow's name of the stored pixel layout.
        bit_depth: Bits per channel as stored.
        orientation: EXIF orientation, 1 to 8; 1 if the file states none.
        has_icc: Whether a colour profile is embedded.
        icc_note: Why the profile was not applied; empty if it was, or if there is none.
        progressive: Whether a JPEG is progressive.
        frames: 1, or more for an animation or a TIFF of several pages, of which only the first is
            decoded.
        has_alpha: Whether pixels can be transparent, as stored.
        icc: The embedded profile's name (`colour_profiles.PROFILE_NAMES`); "" without one.
        plain_differences: Why Pillow's plain conversion to RGB shows another picture, as values of
            `schemas.file_facts.PlainDifference` separated by "; ".
    """

    width: int
    height: int
    stored_width: int
    stored_height: int
    mode: str
    bit_depth: int
    orientation: int
    has_icc: bool
    icc_note: str
    progressive: bool
    frames: int
    has_alpha: bool
    icc: str
    plain_differences: str


@dataclass(frozen=True)
class DecodedImage:
    """A decoded picture (RGB, upright, sRGB) with the properties of its file."""

    image: Image.Image
    facts: ImageFacts


@dataclass(frozen=True)
class HashedImage(DecodedImage):
    """A decoded picture with its perceptual hash and colours, and its look."""

    signature: PerceptualSignature
    look: Look


def decode_and_hash(data: bytes, fmt: Format, max_pixels: int, side: int = 512) -> HashedImage:
    """Decodes a picture as `decode_for_models` does, and hashes the result.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`.
    """
    decoded = decode_for_models(data, fmt, max_pixels, side)
    image = decoded.image
    return HashedImage(image, decoded.facts, perceptual_signature(image), look_of(image))


def decode_for_models(data: bytes, fmt: Format, max_pixels: int, side: int = 512) -> DecodedImage:
    """Decodes a picture and reduces its longest side to at most `side` pixels.

    The facts describe the picture at full size. A JPEG is decoded at a reduced scale; that still
    reads every byte, so a truncated file is detected.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`.
    """
    return _convert_errors(
        lambda: _decode(data, fmt, max_pixels, side, WHITE, Image.Resampling.BICUBIC)
    )


def decode_for_rendition(
    data: bytes, fmt: Format, max_pixels: int, side: int, background: Colour
) -> DecodedImage:
    """Decodes a picture as `decode_for_models` does; transparent areas show the background.

    It is reduced by Pillow's Hamming filter, which costs two thirds of the bicubic one and differs
    from it by less than the reduced scale of a JPEG does.

    Raises:
        BadRecord: `media.too_large` or `media.undecodable`.
    """
    return _convert_errors(
        lambda: _decode(data, fmt, max_pixels, side, background, Image.Resampling.HAMMING)
    )


def _convert_errors(action: Callable[[], DecodedImage]) -> DecodedImage:
    try:
        return action()
    except BadRecord:
        raise
    # Decoders raise nearly every kind of error on hostile bytes: OSError, ValueError, SyntaxError,
    # KeyError, NotImplementedError, struct.error, MemoryError … All of them are the file's fault.
    except Exception as error:
        detail = f"{type(error).__name__}: {error}"[:200].replace("\n", " ")
        raise BadRecord(Reason.MEDIA_UNDECODABLE, _without_addresses(detail)) from error


def _without_addresses(detail: str) -> str:
    """Removes memory addresses, which differ between runs, while decisions must not."""
    return re.sub(r" at 0x[0-9a-f]+", "", detail)


def _decode(
    data: bytes,
    fmt: Format,
    max_pixels: int,
    side: int,
    background: Colour,
    filter_: Image.Resampling,
) -> DecodedImage:
    # Other libraries may have turned on this process-wide setting of Pillow, with which a
    # truncated file would pass.
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    page = read_tiff_picture(data) if fmt == "tif" else None  # 3
    with open_header(data, fmt, max_pixels) as file:  # 1
        stored = (page.width, page.height) if page else file.size
        check_pixels(*stored, max_pixels)  # 2
        if min(stored) == 0:
            raise ValueError("no pixels")
        _check_cost(data, fmt, file)
        if fmt in _CONTAINER_CHECKS:
            _CONTAINER_CHECKS[fmt](data)  # 3
        if fmt == "png":
            correct_transparent_colour(file, png_bit_depth(data))
        orientation = stated_orientation(file)
        profile = file.info.get("icc_profile")
        profile = profile if isinstance(profile, bytes) and profile else None
        mode = file.mode
        progressive = bool(file.info.get("progressive") or file.info.get("progression"))
        frames = page.pages if page else int(getattr(file, "n_frames", 1))
        pixels = _load_pixels(file, data, fmt, fitted_size(stored, side))  # 4
        # Pillow turns a TIFF as it loads it, and nothing else.
        is_upright = fmt == "tif" or orientation not in _TRANSPOSES
        has_alpha = pixels.has_transparency_data
        flat, difference = flatten(pixels, page, background)  # 5
    target = fitted_size(_displayed(stored, orientation) if fmt == "tif" else stored, side)
    if flat.size != target:
        flat = flat.resize(target, filter_)  # 6
    stored_mode = flat.mode
    image, icc_note = _to_srgb(flat, profile)  # 7
    if not is_upright:
        image = image.transpose(_TRANSPOSES[orientation])  # 8
    # Otherwise a later reader could apply the profile or the orientation a second time.
    image.info = {}
    width, height = _displayed(stored, orientation)
    facts = ImageFacts(
        width=width,
        height=height,
        stored_width=stored[0],
        stored_height=stored[1],
        mode=mode,
        bit_depth=page.bits if page else _bit_depth(data, fmt, file),
        orientation=orientation,
        has_icc=profile is not None,
        icc_note=icc_note,
        progressive=progressive,
        frames=frames,
        has_alpha=has_alpha,
        icc=judge_profile(profile).name if profile else "",
        plain_differences=plain_differences(
            fmt,
            orientation,
            changes_colours=profile is not None and not icc_note and judge_profile(profile).changes,
            is_cmyk=stored_mode == "CMYK",
            has_alpha=has_alpha,
            conversion=difference,
        ),
    )
    return DecodedImage(image, facts)


def _bit_depth(data: bytes, fmt: Format, file: ImageFile.ImageFile) -> int:
    if fmt == "png":
        return png_bit_depth(data)
    if fmt == "avif":
        return avif_bit_depth(data)
    return int(getattr(file, "bits", 8)) if fmt == "jpg" else 8


def _displayed(stored: tuple[int, int], orientation: int) -> tuple[int, int]:
    return (stored[1], stored[0]) if orientation in _SIDEWAYS else stored


def _check_cost(data: bytes, fmt: Format, file: ImageFile.ImageFile) -> None:
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


def fitted_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Returns the size that fits into a square of `side` pixels, without ever enlarging."""
    longest = max(size)
    if longest <= side:
        return size
    width, height = (max(1, (length * side + longest // 2) // longest) for length in size)
    return width, height


def _load_pixels(
    file: ImageFile.ImageFile, data: bytes, fmt: Format, target: tuple[int, int]
) -> Image.Image:
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


def _to_srgb(image: Image.Image, profile: bytes | None) -> tuple[Image.Image, str]:
    """Converts to sRGB by the embedded profile, if it is readable and fits the pixels.

    Returns:
        The image in RGB, and why the profile was not applied, or "".
    """
    if profile is None:
        return image.convert("RGB"), ""
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        profile_mode = judge_profile(profile).mode
        if profile_mode == "RGB" and image.mode == "L":
            image = image.convert("RGB")
        if profile_mode != image.mode:
            return image.convert("RGB"), "the profile is for another colour space"
        target = ImageCms.createProfile("sRGB")
        converted = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError) as error:
        return image.convert("RGB"), f"the profile cannot be applied: {error}"[:120]
    return (converted or image).convert("RGB"), ""
