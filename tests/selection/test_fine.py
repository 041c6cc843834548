"""Two pictures are compared finely: copies agree, and works of one series do not."""

from __future__ import annotations

import random

import numpy as np
import pytest
from PIL import Image, ImageDraw

from pipelines.media.looks import look_of, unpack_cells
from pipelines.selection.fine import compare_cells
from tests.bench.likeness_pictures import badge, jpeg, page, scene


def alike(first: Image.Image, second: Image.Image) -> bool:
    cells = [unpack_cells([look_of(image).cells]) for image in (first, second)]
    return bool(compare_cells(*cells).alike[0])


def vase(colour: tuple[int, int, int]) -> Image.Image:
    """A product on a studio background."""
    shades = np.linspace(235, 205, 240).astype(np.uint8)
    image = Image.fromarray(np.repeat(shades[:, None], 320, axis=1)).convert("RGB")
    ImageDraw.Draw(image).polygon([(120, 40), (200, 40), (220, 200), (100, 200)], fill=colour)
    return image


def test_one_product_in_two_colours_is_two_works() -> None:
    red, blue = vase((200, 40, 40)), vase((60, 80, 190))  # of nearly one brightness
    assert not alike(red, blue)
    assert alike(red, jpeg(red, 80))
    assert alike(red, red.convert("L").convert("RGB"))


@pytest.mark.parametrize("size", [40, 24, 18])
def test_a_small_badge_is_compared_in_as_many_cells_as_it_has_pixels(size: int) -> None:
    first, second = (badge(random.Random(number)) for number in (1, 2))
    small = first.resize((size * 4 // 3, size), Image.Resampling.BICUBIC)
    assert alike(first, small)
    assert not alike(second, small)


@pytest.mark.parametrize("left", [0, 8, 16])
def test_a_copy_without_some_of_its_side_is_fitted(left: int) -> None:
    whole = scene(random.Random(11))
    cropped = whole.crop((left, 6, whole.width - 20 + left, whole.height - 12))
    assert alike(whole, cropped)
    assert not alike(scene(random.Random(12)), cropped)


def test_pages_of_one_layout_are_different() -> None:
    assert not alike(page(random.Random(1)), page(random.Random(2)))


def test_groups_of_different_sizes_keep_their_places() -> None:
    images = [badge(random.Random(1)), scene(random.Random(2)), badge(random.Random(3))]
    copies = [images[0].resize((32, 24)), images[1], scene(random.Random(4))]
    sides = [unpack_cells([look_of(image).cells for image in few]) for few in (images, copies)]
    found = compare_cells(*sides)
    assert found.alike.tolist() == [True, True, False]
    one = [compare_cells(sides[0][at : at + 1], sides[1][at : at + 1]) for at in range(3)]
    assert found.agreement.tolist() == [int(each.agreement[0]) for each in one]


def test_no_pairs() -> None:
    none = unpack_cells([])
    assert len(compare_cells(none, none).alike) == 0
