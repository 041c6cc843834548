"""Takes the look of a picture or of a film's frame: what near-duplicates are found and judged by.

A look has four parts: how much there is to see, a hash with mean colours by which possible
duplicates are found among millions, 48 x 48 grey cells with 12 x 12 tints by which two pictures are
compared, and 128 x 128 grey cells by which those that are alike are compared closely. If what a
picture shows lies on an even background, they are those of the smallest box around it
(`pipelines.media.subject`). An icon, a drawing or a page of text is then described by what it shows
rather than by the white around it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from pipelines.media.details import DETAILS_SIDE, pack_details, unpack_details
from pipelines.media.phash import hash_of_cells
from pipelines.media.subject import shown_box

CELLS_SIDE = 48  # cells in each direction
#: Largest difference, of 255, between a blank picture's parts and its usual shade. The grain of a
#: black frame or a scanned white page is less.
BLANK_STEP = 4
FAINT_STEP = 64  # contrast of an overlay on a blank frame, at most
CELL_PARTS = 16  # parts of a level of 255, in which shades of cells are counted
_HASH_BYTES, _COLOUR_BYTES = 32, 48
_COLOURS_SIDE, _TINTS_SIDE = 4, 12
_PART = np.dtype(
    [
        ("low", "<u2"),
        ("range", "<u2"),
        ("size", "u1", 2),
        ("cells", "u1", (CELLS_SIDE, CELLS_SIDE)),
        ("tints", "u1", (_TINTS_SIDE, _TINTS_SIDE, 2)),
    ]
)
HASH_AND_COLOURS = _HASH_BYTES + _COLOUR_BYTES  # bytes at the start of a look's `search`
LOOK_BYTES = HASH_AND_COLOURS + 2
CELLS_BYTES = _PART.itemsize

_MOST_PIXELS = 255  # more are not told apart
_CONTRAST_SIDE = 128  # parts in each direction in which contrast is looked for


_Integer = TypeVar("_Integer", np.uint8, np.int16, np.int64)


@dataclass(frozen=True, slots=True)
class Look:
    """How a picture looks.

    Attributes:
        search: LOOK_BYTES: the hash (32), the mean colours of a 4 x 4 grid (48), the width's share
            of width and height, of 255 (1), and the largest difference from the picture's usual
            shade (1).
        cells: First CELLS_BYTES: darkest shade and range of shades, in CELL_PARTS of a level; width
            and height in pixels of what is shown, up to 255; each grey cell's shade in the range,
            from 0 to 255, row by row; and half the tints of a 12 x 12 grid (`tints_of`), from 128.
            Then finer cells, as `pipelines.media.details` packs them.
    """

    search: bytes
    cells: bytes


def look_of(image: Image.Image) -> Look:
    """Returns the look of an RGB picture."""
    contrast = _contrast(image)
    grey = image.convert("L")
    shown = shown_box(image, grey) if contrast > BLANK_STEP else (0, 0, *image.size)
    # What is around it makes no difference, nor where it lies.
    left, top, right, bottom = shown
    corners = (math.floor(left), math.floor(top), math.ceil(right), math.ceil(bottom))
    box = (left - corners[0], top - corners[1], right - corners[0], bottom - corners[1])
    width, height = right - left, bottom - top
    levels = grey.crop(corners).convert("F")
    shades = levels.resize((CELLS_SIDE,) * 2, Image.Resampling.BILINEAR, box)
    parts = np.rint(np.asarray(shades) * CELL_PARTS).astype(np.int64)
    tinted = image.crop(corners).resize((_TINTS_SIDE,) * 2, Image.Resampling.BOX, box)
    colours = np.asarray(tinted, np.int64)
    shape = bytes([round(255 * width / (width + height)), contrast])
    search = hash_of_cells(parts) + _mean_colours(colours) + shape
    finer = levels.resize((DETAILS_SIDE,) * 2, Image.Resampling.BILINEAR, box)
    details = pack_details(np.asarray(finer, np.float64))
    return Look(search, _pack_cells(parts, colours, (width, height)) + details)


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


def shape_of(search: bytes) -> int:
    """Returns from a look's `search` the width's share of width and height, of 255."""
    return search[-2]


def main_look(looks: list[bytes]) -> bytes:
    """Returns the look that stands for a picture or film: the middle one, if it shows enough.

    Else it is the first that does, or the one with the most contrast. Enough is more than what an
    overlay leaves on a black frame, so that a film and its marked copy have one frame in common.

    Args:
        looks: The `search` of each frame's look, in order of time.
    """
    ordered = [looks[len(looks) // 2], *looks]
    return next((look for look in ordered if not is_faint(look)), max(ordered, key=contrast_of))


@dataclass(frozen=True, slots=True)
class Cells:
    """What pictures are compared by.

    Attributes:
        shades: In levels of 255, [pictures, 48, 48].
        tints: By how much red and blue differ from the brightness, [pictures, 12, 12, 2].
        sizes: Width and height in pixels of what is shown, up to 255, [pictures, 2].
        packed: The looks' cells as they are stored, [pictures].
    """

    shades: NDArray[np.float64]
    tints: NDArray[np.int16]
    sizes: NDArray[np.int16]
    packed: NDArray[np.object_]

    def __getitem__(self, at: slice | NDArray[np.intp]) -> Cells:
        """Returns some of the pictures."""
        return Cells(self.shades[at], self.tints[at], self.sizes[at], self.packed[at])


def brightness_of(colours: NDArray[_Integer]) -> NDArray[np.int64]:
    """Returns the brightness of colours, [..., 3], from 0 to 255, as grey pictures have it."""
    brightness: NDArray[np.int64] = (colours @ np.array([299, 587, 114]) + 500) // 1000
    return brightness


def tints_of(colours: NDArray[_Integer]) -> NDArray[np.int64]:
    """Returns by how much red and blue differ from the brightness of colours, [..., 2]."""
    tints: NDArray[np.int64] = colours[..., ::2] - brightness_of(colours)[..., None]
    return tints


def check_look(look: Look) -> None:
    """Checks a look that may come from a process that a file has taken over.

    Raises:
        ValueError: If it is not what `look_of` returns.
    """
    if len(look.search) != LOOK_BYTES:
        raise ValueError(f"a look takes {LOOK_BYTES} bytes, not {len(look.search)}")
    unpack_cells([look.cells])
    details_of(look.cells)


def unpack_cells(packed: list[bytes]) -> Cells:
    """Returns looks' cells; the finer ones only once they are asked for.

    Raises:
        ValueError: If one is not as long as cells are.
    """
    if any(len(one) <= CELLS_BYTES for one in packed):
        found = sorted(set(map(len, packed)))
        raise ValueError(f"cells take more than {CELLS_BYTES} bytes, not {found}")
    parts = np.frombuffer(b"".join(one[:CELLS_BYTES] for one in packed), _PART)
    low = parts["low"].astype(np.float64)[:, None, None]
    span = parts["range"].astype(np.float64)[:, None, None]
    shades = (low + parts["cells"] * span / 255) / CELL_PARTS
    tints = 2 * (parts["tints"].astype(np.int16) - 128)
    kept = np.empty(len(packed), np.object_)
    kept[:] = packed
    return Cells(shades, tints, parts["size"].astype(np.int16), kept)


def details_of(packed: bytes) -> NDArray[np.float64]:
    """Returns a look's finer cells in levels of 255, [DETAILS_SIDE, DETAILS_SIDE].

    Raises:
        ValueError: If they are not what a look has.
    """
    return unpack_details(packed[CELLS_BYTES:])


def _mean_colours(colours: NDArray[np.int64]) -> bytes:
    each = _TINTS_SIDE // _COLOURS_SIDE
    grid = colours.reshape(_COLOURS_SIDE, each, _COLOURS_SIDE, each, 3).sum(axis=(1, 3))
    return bytes((grid // each**2).ravel().tolist())


def _pack_cells(
    cells: NDArray[np.int64], colours: NDArray[np.int64], size: tuple[float, float]
) -> bytes:
    low, span = int(cells.min()), int(cells.max() - cells.min())
    packed = np.zeros(1, _PART)
    packed["low"], packed["range"] = low, span
    packed["size"] = [min(_MOST_PIXELS, round(side)) for side in size]
    packed["cells"] = ((cells - low) * 255 + span // 2) // max(span, 1)
    packed["tints"] = 128 + tints_of(colours) // 2
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
