"""Takes the look of a picture or of a film's frame: what near-duplicates are found and judged by.

A look has three parts: how much there is to see, a hash with mean colours by which possible
duplicates are found among millions, and 32 x 32 grey cells by which two pictures are compared.
If what a picture shows lies on an even background, hash, colours and cells are those of the
smallest square around it. An icon, a drawing or a page of text is then described by what it shows
rather than by the white around it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageChops

from pipelines.media.phash import colour_signature, hash_of_cells

CELLS_SIDE = 32  # cells in each direction
#: Largest difference, of 255, between a blank picture's parts and its usual shade. The grain of a
#: black frame or a scanned white page is less.
BLANK_STEP = 4
FAINT_STEP = 64  # contrast of an overlay on a blank frame, at most
CELL_PARTS = 16  # parts of a level of 255, in which shades of cells are counted
_HASH_BYTES, _COLOUR_BYTES = 32, 48
_PART = np.dtype([("low", "<u2"), ("range", "<u2"), ("cells", "u1", (CELLS_SIDE, CELLS_SIDE))])
HASH_AND_COLOURS = _HASH_BYTES + _COLOUR_BYTES  # bytes at the start of a look's `search`
LOOK_BYTES = HASH_AND_COLOURS + 1
CELLS_BYTES = _PART.itemsize

_GREY_SIDE = 64  # pixels on each side of the grey picture that is hashed
_CONTRAST_SIDE = 128  # parts in each direction in which contrast is looked for
_EVEN_STEP = 6  # levels by which an even background's grey varies; photographs' noise is more
_BORDER_PARTS = 50  # one in so many pixels of an even background's border may differ
_SUBJECT_PARTS = 3  # a subject differs from its background by one in so many parts of the contrast
_LEAST_SUBJECT_STEP = 16  # levels, at least


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks.

    Attributes:
        search: LOOK_BYTES: the hash (32), the mean colours of a 4 x 4 grid (48), and the largest
            difference from the picture's usual shade (1).
        cells: CELLS_BYTES: darkest shade and range of shades, in CELL_PARTS of a level, and each
            grey cell's shade in that range, from 0 to 255, row by row.
    """

    search: bytes
    cells: bytes


def look_of(image: Image.Image) -> Look:
    """Returns the look of an RGB picture."""
    contrast = _contrast(image)
    shown = _subject(image) if contrast > BLANK_STEP else image
    grey = shown.convert("L").convert("F")
    shades = np.asarray(grey.resize((_GREY_SIDE, _GREY_SIDE), Image.Resampling.BOX))
    parts = np.rint(shades * CELL_PARTS).astype(np.int64)
    search = hash_of_cells(parts) + bytes.fromhex(colour_signature(shown)) + bytes([contrast])
    return Look(search, _pack_cells(parts))


def shows_elsewhere(looks: list[bytes]) -> bool:
    """Tells whether a film's middle frame is blank, while another frame shows something.

    Args:
        looks: The `search` of each frame's look, in order of time.
    """
    return is_blank(looks[len(looks) // 2]) and not is_blank(main_look(looks))


def is_blank(search: bytes) -> bool:
    """Tells from a look's `search` whether there is nothing to see."""
    return search[-1] <= BLANK_STEP


def is_faint(search: bytes) -> bool:
    """Tells from a look's `search` whether there is no more to see than an overlay may leave."""
    return search[-1] <= FAINT_STEP


def contrast_of(search: bytes) -> int:
    """Returns from a look's `search` the largest difference from the usual shade, of 255."""
    return search[-1]


def main_look(looks: list[bytes]) -> bytes:
    """Returns the look that stands for a picture or film: the middle one, if it shows enough.

    Else it is the first that does, or the one with the most contrast. Enough is more than what an
    overlay leaves on a black frame, so that a film and its marked copy have one frame in common.

    Args:
        looks: The `search` of each frame's look, in order of time.
    """
    ordered = [looks[len(looks) // 2], *looks]
    return next((look for look in ordered if not is_faint(look)), max(ordered, key=contrast_of))


def unpack_cells(packed: list[bytes]) -> NDArray[np.float64]:
    """Returns the shades of looks' cells in levels of 255, [looks, 32, 32].

    Raises:
        ValueError: If one is not as long as cells are.
    """
    if any(len(one) != CELLS_BYTES for one in packed):
        raise ValueError(f"cells take {CELLS_BYTES} bytes, not {sorted(set(map(len, packed)))}")
    parts = np.frombuffer(b"".join(packed), _PART)
    low = parts["low"].astype(np.float64)[:, None, None]
    span = parts["range"].astype(np.float64)[:, None, None]
    return (low + parts["cells"] * span / 255) / CELL_PARTS


def _pack_cells(parts: NDArray[np.int64]) -> bytes:
    side = _GREY_SIDE // CELLS_SIDE
    cells = parts.reshape(CELLS_SIDE, side, CELLS_SIDE, side).sum(axis=(1, 3)) // (side * side)
    low, span = int(cells.min()), int(cells.max() - cells.min())
    packed = np.zeros(1, _PART)
    packed["low"], packed["range"] = low, span
    packed["cells"] = ((cells - low) * 255 + span // 2) // max(span, 1)
    return packed.tobytes()


def _contrast(image: Image.Image) -> int:
    """Returns by how much a picture's parts differ from its usual shade, at most, of 255."""
    size = (min(image.width, _CONTRAST_SIDE), min(image.height, _CONTRAST_SIDE))
    parts = image.convert("RGB").resize(size, Image.Resampling.BOX)
    largest = 0
    for channel in parts.split():
        counts = np.cumsum(channel.histogram())
        usual = int(np.searchsorted(counts, counts[-1] // 2, side="right"))
        low, high = np.searchsorted(counts, [1, counts[-1]]).tolist()
        largest = max(largest, usual - low, high - usual)
    return largest


def _subject(image: Image.Image) -> Image.Image:
    """Returns what lies on an even background, in the middle of a square of the same background.

    The background is even if nearly all of the picture's border has one shade. Without such a
    background, the whole picture is returned.
    """
    # Of colours, JPEG leaves traces far from what they are of; grey is the same there.
    greys = _border_of(np.asarray(image.convert("L")))
    uneven = np.abs(greys - np.sort(greys)[len(greys) // 2]) > _EVEN_STEP
    if _BORDER_PARTS * int(uneven.sum()) > len(greys):
        return image
    image = image.convert("RGB")
    middle = np.sort(_border_of(np.asarray(image)), axis=0)[len(greys) // 2]
    shade = (int(middle[0]), int(middle[1]), int(middle[2]))
    difference = ImageChops.difference(image, Image.new("RGB", image.size, shade))
    red, green, blue = difference.split()
    steps = ImageChops.lighter(ImageChops.lighter(red, green), blue)
    largest = max(step for step, count in enumerate(steps.histogram()) if count)
    least = max(_LEAST_SUBJECT_STEP, largest // _SUBJECT_PARTS)
    box = steps.point([255 * (step > least) for step in range(256)]).getbbox()
    if box is None:
        return image
    width, height = box[2] - box[0], box[3] - box[1]
    side = max(width, height)
    square = Image.new("RGB", (side, side), shade)
    square.paste(image.crop(box), ((side - width) // 2, (side - height) // 2))
    return square


def _border_of(pixels: NDArray[np.uint8]) -> NDArray[np.int16]:
    return np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]]).astype(np.int16)
