"""The look of a picture: of what it shows, wherever that lies, and how much there is to see."""

from __future__ import annotations

import hashlib
import random
import struct

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageOps

from pipelines.media.looks import (
    BLANK_STEP,
    CELLS_BYTES,
    FAINT_STEP,
    LOOK_BYTES,
    check_look,
    contrast_of,
    details_of,
    is_blank,
    look_of,
    main_look,
    shape_of,
    unpack_cells,
)
from pipelines.selection.fine import compare_cells
from tests.bench.likeness_pictures import icon, scene


def test_looks_are_the_same_everywhere() -> None:
    """The values are fixed, because a change would invalidate looks stored earlier."""
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    image.paste((250, 120, 0), (8, 16, 40, 60))
    image.paste((90, 60, 200), (8, 16, 24, 38))
    look = look_of(image)
    assert len(look.search) == LOOK_BYTES
    check_look(look)
    # What is shown is 32 x 44 pixels; its left upper quarter is violet.
    assert (shape_of(look.search), contrast_of(look.search)) == (round(255 * 32 / 76), 240)
    assert look.search[32:35] == bytes([90, 60, 200])
    assert look.search[77:80] == bytes([250, 120, 0])
    assert look.cells[:6] == struct.pack("<HHBB", 85 * 16, 60 * 16, 32, 44)
    cells = unpack_cells([look.cells])
    assert cells.shades[0, 47, 47] == 145
    assert cells.tints[0, 0, 0].tolist() == [4, 114]  # by 5 and 115, in steps of 2
    assert (
        hashlib.sha256(details_of(look.cells).astype("<f8").tobytes()).hexdigest()[:16]
        == "9cfff63e9fe06b5b"
    )
    assert details_of(look.cells)[127, 127] == 145


def test_an_icon_has_one_look_wherever_it_lies() -> None:
    whole = icon(random.Random(3))
    moved = Image.new("RGB", (500, 400), "white")
    moved.paste(whole, (150, 30))
    assert look_of(moved) == look_of(whole)


def test_cells_are_kept_within_a_part_of_their_range() -> None:
    image = scene(random.Random(5)).resize((256, 256))
    grey = image.convert("L").convert("F").resize((48, 48), Image.Resampling.BILINEAR)
    shades = np.asarray(grey, np.float64)
    assert np.abs(unpack_cells([look_of(image).cells]).shades[0] - shades).max() < 1.5


@pytest.mark.parametrize("step", [0, BLANK_STEP, BLANK_STEP + 1, 255])
def test_what_differs_from_the_usual_shade_is_seen(step: int) -> None:
    image = Image.new("RGB", (512, 384), (0, 0, 0))
    image.paste((0, step, 0), (200, 200, 212, 212))
    look = look_of(image)
    assert contrast_of(look.search) == step
    assert is_blank(look.search) is (step <= BLANK_STEP)


@pytest.mark.parametrize("size", [37, 24, 17])
def test_an_icon_has_nearly_one_look_at_any_size(size: int) -> None:
    """Where its edge lies within a pixel is told by how much of the pixel it covers."""
    large = Image.new("RGB", (480, 480), "white")
    draw = ImageDraw.Draw(large)
    draw.rectangle((97, 131, 371, 402), outline=(20, 60, 150), width=60)
    draw.ellipse((190, 200, 280, 330), fill=(20, 60, 150))
    small = look_of(large.resize((size, size), Image.Resampling.BOX))
    whole = look_of(large)
    found = compare_cells(*(unpack_cells([one.cells]) for one in (whole, small)))
    assert found.alike.all()


def test_a_frame_around_a_picture_is_left_out() -> None:
    picture = scene(random.Random(6))
    framed = ImageOps.expand(picture, 15, (30, 60, 110))
    looks = [look_of(image) for image in (picture, framed)]
    bits = int.from_bytes(looks[0].search[:32]) ^ int.from_bytes(looks[1].search[:32])
    assert bits.bit_count() <= 20
    assert abs(shape_of(looks[0].search) - shape_of(looks[1].search)) <= 1


def test_tiny_pictures_have_a_look() -> None:
    checks = np.indices((3, 3)).sum(axis=0) % 2 * 255
    assert (
        len(look_of(Image.fromarray(checks.astype(np.uint8)).convert("RGB")).search) == LOOK_BYTES
    )
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
