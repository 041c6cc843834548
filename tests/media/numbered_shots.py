"""Films of known shots whose frames show their number, and change little within a shot."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from tests.media.numbered_films import Pixels, number_in, numbered_film


def film_of_shots(
    lengths: Sequence[int], times: Sequence[int] | None = None, **options: Any
) -> bytes:
    """Makes a film of shots of so many frames; see `numbered_film`.

    Numbers are in a thin band, as Gray code, so that one bit changes from frame to frame.
    """
    ends = list(accumulate(lengths))

    def draw(number: int, width: int, height: int) -> Pixels:
        shot = bisect_right(ends, number)
        across, down = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
        light = [across + 0 * down, 1 - down + 0 * across, down * across][shot % 3]
        pixels = np.stack([40 + 150 * light, 60 + 60 * light, 200 - 150 * light], axis=2)
        code = number ^ number >> 1
        middle, thick = height // 2, max(3, height // 24)
        for bit in range(8):
            left, right = bit * width // 8, (bit + 1) * width // 8
            pixels[middle - thick : middle + thick, left:right] = 235 if code >> bit & 1 else 15
        return pixels.astype(np.uint8)

    frames = times or [25 * number for number in range(ends[-1])]
    return numbered_film(frames, draw=draw, **options)


def shown_number(pixels: Pixels) -> int:
    """Reads the number back from an upright picture of any size."""
    code, number = number_in(pixels), 0
    while code:
        number ^= code
        code >>= 1
    return number
