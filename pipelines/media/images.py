"""Decodes pictures to upright sRGB pixels and reads their properties.

The steps are the same for every format: (1) read the header; (2) check the limit on pixels;
(3) check the container's checksums, where it has any; (4) decode; (5) convert to eight bits
without alpha; (6) reduce the size; (7) convert to sRGB; (8) rotate upright.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from PIL import Image, ImageFile

from pipelines.media.colour_profiles import judge_profile, to_srgb
from pipelines.media.dimensions import displayed_size, fitted_size, rotate_upright
from pipelines.media.flatten import WHITE, Colour, flatten, plain_differences
from pipelines.media.formats import Format
from pipelines.media.headers import (
    avif_bit_depth,
    check_gif,
    check_png,
    png_bit_depth,
)
from pipelines.media.image_facts import ImageFacts
from pipelines.media.looks import Look, look_of
from pipelines.media.open_picture import (
    check_pixels,
    correct_transparent_colour,
    open_header,
    stated_orientation,
)
from pipelines.media.phash import PerceptualSignature, perceptual_signature
from pipelines.media.pixels import check_cost, load_pixels
from pipelines.media.tiff import TiffPicture, read_tiff_picture
from schemas.errors import BadRecord
from schemas.reasons import Reason

_CONTAINER_CHECKS: dict[Format, Callable[[bytes], None]] = {"png": check_png, "gif": check_gif}


@dataclass(frozen=True)
class _Header:
    """What a picture's header says; the attributes are those of `ImageFacts`."""

    size: tuple[int, int]  # width and height as stored
    mode: str
    orientation: int
    profile: bytes | None
    progressive: bool
    frames: int


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
        header = _checked_header(file, data, fmt, page, max_pixels)  # 2, 3
        pixels = load_pixels(file, data, fmt, fitted_size(header.size, side))  # 4
        has_alpha = pixels.has_transparency_data
        flat, difference = flatten(pixels, page, background)  # 5
    # Pillow rotates a TIFF as it loads it, and nothing else.
    left_to_apply = 1 if fmt == "tif" else header.orientation
    displayed = displayed_size(header.size, header.orientation)
    target = fitted_size(displayed if fmt == "tif" else header.size, side)
    if flat.size != target:
        flat = flat.resize(target, filter_)  # 6
    image, icc_note = to_srgb(flat, header.profile)  # 7
    image = rotate_upright(image, left_to_apply)  # 8
    # Otherwise a later reader could apply the profile or the orientation a second time.
    image.info = {}
    profile = judge_profile(header.profile) if header.profile else None
    facts = ImageFacts(
        width=displayed[0],
        height=displayed[1],
        stored_width=header.size[0],
        stored_height=header.size[1],
        mode=header.mode,
        bit_depth=page.bits if page else _bit_depth(data, fmt, file),
        orientation=header.orientation,
        has_icc=profile is not None,
        icc_note=icc_note,
        progressive=header.progressive,
        frames=header.frames,
        has_alpha=has_alpha,
        icc=profile.name if profile else "",
        plain_differences=plain_differences(
            fmt,
            header.orientation,
            changes_colours=profile is not None and not icc_note and profile.changes,
            is_cmyk=flat.mode == "CMYK",
            has_alpha=has_alpha,
            conversion=difference,
        ),
    )
    return DecodedImage(image, facts)


def _checked_header(
    file: ImageFile.ImageFile,
    data: bytes,
    fmt: Format,
    page: TiffPicture | None,
    max_pixels: int,
) -> _Header:
    """Reads the header of a picture, unless the picture is too large or damaged.

    It is read before the pixels are decoded, since that changes what Pillow says of the file.
    """
    size = (page.width, page.height) if page else file.size
    check_pixels(*size, max_pixels)  # 2
    if min(size) == 0:
        raise ValueError("no pixels")
    check_cost(data, fmt, file)
    if fmt in _CONTAINER_CHECKS:
        _CONTAINER_CHECKS[fmt](data)  # 3
    if fmt == "png":
        correct_transparent_colour(file, png_bit_depth(data))
    orientation = stated_orientation(file)  # first: it may read a PNG to its end
    profile = file.info.get("icc_profile")
    return _Header(
        size=size,
        mode=file.mode,
        orientation=orientation,
        profile=profile if isinstance(profile, bytes) and profile else None,
        progressive=bool(file.info.get("progressive") or file.info.get("progression")),
        frames=page.pages if page else int(getattr(file, "n_frames", 1)),
    )


def _bit_depth(data: bytes, fmt: Format, file: ImageFile.ImageFile) -> int:
    if fmt == "png":
        return png_bit_depth(data)
    if fmt == "avif":
        return avif_bit_depth(data)
    return int(getattr(file, "bits", 8)) if fmt == "jpg" else 8
