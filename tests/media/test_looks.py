"""The look of a picture: of what it shows, wherever that lies, and how much there is to see."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image

from pipelines.media.looks import (
    BLANK_STEP,
    CELLS_BYTES,
    FAINT_STEP,
    LOOK_BYTES,
    contrast_of,
    is_blank,
    look_of,
    main_look,
    unpack_cells,
)
from tests.bench.likeness_pictures import icon, scene


def test_looks_are_the_same_everywhere() -> None:
    """The values are fixed, because a change would invalidate looks stored earlier."""
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    image.paste((250, 120, 0), (8, 16, 40, 60))
    look = look_of(image)
    assert (len(look.search), len(look.cells)) == (LOOK_BYTES, CELLS_BYTES)
    assert look.search[-1] == 240
    # Of the first 11 columns of the square around what is shown, 6 are background.
    assert look.search[32:35] == bytes([119, 65, 16])
    assert look.cells[:4] == (18 * 16).to_bytes(2, "little") + (127 * 16).to_bytes(2, "little")
    assert unpack_cells([look.cells])[0, 16, 16] == pytest.approx(145, abs=0.5)


def test_an_icon_has_one_look_wherever_it_lies() -> None:
    whole = icon(random.Random(3))
    moved = Image.new("RGB", (500, 400), "white")
    moved.paste(whole, (150, 30))
    assert look_of(moved) == look_of(whole)


def test_cells_are_kept_within_a_part_of_their_range() -> None:
    image = scene(random.Random(5)).resize((256, 256))
    grey = image.convert("L").convert("F").resize((32, 32), Image.Resampling.BOX)
    shades = np.asarray(grey, np.float64)
    assert np.abs(unpack_cells([look_of(image).cells])[0] - shades).max() < 1.5


@pytest.mark.parametrize("step", [0, BLANK_STEP, BLANK_STEP + 1, 255])
def test_what_differs_from_the_usual_shade_is_seen(step: int) -> None:
    image = Image.new("RGB", (512, 384), (0, 0, 0))
    image.paste((0, step, 0), (200, 200, 212, 212))
    look = look_of(image)
    assert contrast_of(look.search) == step
    assert is_blank(look.search) is (step <= BLANK_STEP)


def test_tiny_pictures_have_a_look() -> None:
    for size in ((1, 1), (1, 7), (9, 2)):
        assert len(look_of(Image.new("RGB", size, (9, 9, 9))).search) == LOOK_BYTES


def test_the_look_that_stands_for_a_film_shows_something() -> None:
    def frame(name: int, contrast: int) -> bytes:
        return bytes([name]) * (LOOK_BYTES - 1) + bytes([contrast])

    first, middle, last = frame(1, 200), frame(2, 200), frame(3, 200)
    dark, faint = frame(4, 0), frame(5, FAINT_STEP)
    assert main_look([first, middle, last]) == middle
    assert main_look([first, dark, last]) == main_look([first, faint, last]) == first
    assert main_look([dark, faint, last]) == last
    assert main_look([dark, faint, dark]) == faint


def test_cells_of_the_wrong_length_are_an_error() -> None:
    with pytest.raises(ValueError, match="cells take"):
        unpack_cells([bytes(CELLS_BYTES - 1)])
