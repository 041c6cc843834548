"""Finds what a picture shows: the box around what lies on an even background, without frames.

The box is found to parts of a pixel, so that it is the same for a picture of any size.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

Box = tuple[float, float, float, float]  # left, top, right, bottom; in pixels

_LEAST_EVEN_SIDES = 2
_MOST_FRAMES = 3  # within one another
_LEAST_FRAMED_QUARTERS = 3  # of width and height; a smaller picture is in no frame
_FILLED_PARTS = 10  # one in so many pixels of a picture's border may be like the frame
_EDGE_PARTS = 16  # of a pixel, in which a subject's edge is told
_EVEN_STEP = 6  # levels by which an even background's grey varies; photographs' noise is more
_BORDER_PARTS = 50  # one in so many pixels of an even background's border may differ
_SUBJECT_PARTS = 3  # a subject differs from its background by one in so many parts of the contrast
_LEAST_SUBJECT_STEP = 16  # levels, at least


def shown_box(image: Image.Image, grey: Image.Image) -> Box:
    """Returns what a picture shows: what lies on an even background, without frames around it."""
    width, height = image.size
    left, top, right, bottom = 0, 0, width, height
    for _ in range(_MOST_FRAMES):
        whole = (left, top, right, bottom)
        box = _subject(image.crop(whole), grey.crop(whole))
        if box is None:
            break
        shown = (left + box[0], top + box[1], left + box[2], top + box[3])
        inner = _inside(shown, whole)
        quarters = (4 * (inner[2] - inner[0]) / width, 4 * (inner[3] - inner[1]) / height)
        if min(quarters) < _LEAST_FRAMED_QUARTERS:
            return shown
        if not _fills(grey.crop(inner), np.asarray(grey)[top, left]):
            return shown
        left, top, right, bottom = inner
    return (left, top, right, bottom)


def _inside(box: Box, whole: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """Returns the whole pixels inside; at the edge of a frame, JPEG mixes it with the picture."""
    left, top = (math.ceil(at) + (at > least) for at, least in zip(box[:2], whole, strict=False))
    right, bottom = (
        math.floor(at) - (at < most) for at, most in zip(box[2:], whole[2:], strict=True)
    )
    return left, top, right, bottom


def _fills(grey: Image.Image, background: int) -> bool:
    """Tells whether a picture differs from the background all along its border."""
    differing = np.abs(_border_of(np.asarray(grey)) - int(background)) > _EVEN_STEP
    return _FILLED_PARTS * int((~differing).sum()) < len(differing)


def _subject(image: Image.Image, grey: Image.Image) -> Box | None:
    """Returns what lies on an even background: left, top, right and bottom, to parts of a pixel.

    The background is even if at least two sides of the picture have one shade; where another side
    has not, as in a cropped picture, what is shown reaches to that side. None without such a
    background.
    """
    # Of colours, JPEG leaves traces far from what they are of; grey is the same there.
    pixels = np.asarray(grey)
    sides = _sides_of(pixels)
    greys = np.sort(np.concatenate(sides))
    even = [
        _BORDER_PARTS * int((np.abs(side - greys[len(greys) // 2]) > _EVEN_STEP).sum()) <= len(side)
        for side in sides
    ]
    if sum(even) < _LEAST_EVEN_SIDES:
        return None
    middle = np.sort(np.concatenate(_sides_of(np.asarray(image))), axis=0)[len(greys) // 2]
    shade = (int(middle[0]), int(middle[1]), int(middle[2]))
    difference = ImageChops.difference(image, Image.new("RGB", image.size, shade))
    red, green, blue = difference.split()
    steps = np.asarray(ImageChops.lighter(ImageChops.lighter(red, green), blue))
    across, down = steps.max(axis=0).astype(int), steps.max(axis=1).astype(int)
    largest = int(across.max())
    least = max(_LEAST_SUBJECT_STEP, largest // _SUBJECT_PARTS)
    if largest <= least:
        return None
    top, left = (_edge(many, least) for many in (down, across))
    bottom, right = (len(many) - _edge(many[::-1], least) for many in (down, across))
    if right <= left or bottom <= top:
        return None
    width, height = image.size
    return (
        left if even[2] else 0,
        top if even[0] else 0,
        right if even[3] else width,
        bottom if even[1] else height,
    )


def _edge(steps: NDArray[np.int64], least: int) -> float:
    """Returns where a subject begins, in parts of a pixel.

    A subject that covers a part of a pixel differs from the background by that part there.

    Args:
        steps: The largest difference from the background in each row or column.
        least: The least difference of a subject.
    """
    at = int(np.argmax(steps > least))
    full = int(steps[at : at + 3].max())
    covered = int(steps[at]) + (int(steps[at - 1]) if at and 4 * steps[at - 1] > full else 0)
    return max(0.0, at + 1 - _EDGE_PARTS * covered // full / _EDGE_PARTS)


def _border_of(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.concatenate(_sides_of(pixels))


def _sides_of(pixels: NDArray[np.uint8]) -> list[NDArray[np.int16]]:
    """Returns the pixels of the top, the bottom, the left and the right side."""
    sides = (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1])
    return [side.astype(np.int16) for side in sides]
