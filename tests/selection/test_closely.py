"""A small thing that differs makes another work; what another file changes does not."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFont

from pipelines.media.looks import details_of, look_of, unpack_cells
from pipelines.selection.aligned import Grey, Picture
from pipelines.selection.closely import CLOSE_SIDES, Doubt, is_same
from pipelines.selection.fine import compare_cells, picture_of
from pipelines.selection.fit import resized
from tests.bench.likeness_pictures import CHANGES, jpeg, scene
from tests.selection import close_oracle as oracle

_SIZE = (420, 300)
_UNCUT = np.zeros((2, 2), np.int64)


def certain(first: Image.Image, second: Image.Image) -> bool:
    cells = [unpack_cells([look_of(image).cells]) for image in (first, second)]
    return bool(compare_cells(*cells).certain[0])


def same(first: Grey, second: Grey, doubt: Doubt = Doubt.EDGES) -> bool:
    return is_same(Picture(first), Picture(second), _UNCUT, doubt)


def plate(number: str) -> Image.Image:
    image = Image.new("RGB", _SIZE, (236, 232, 214))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 60, 300), fill=(30, 60, 160))
    draw.text((90, 120), number, font=ImageFont.load_default(60), fill=(20, 20, 40))
    draw.text((90, 230), "PROVINCE OF THE LAKES", font=ImageFont.load_default(18), fill="gray")
    return image


def moon(left: int) -> Image.Image:
    image = scene(random.Random(4)).resize(_SIZE)
    ImageDraw.Draw(image).ellipse((left, 60, left + 16, 76), fill=(250, 248, 230))
    return image


def curve(wheel: float) -> Image.Image:
    image = Image.new("RGB", _SIZE, (240, 240, 250))
    turn = np.linspace(0, 60, 2_400)
    rolled = (1 - wheel) / wheel * turn
    across = 210 + 130 * ((1 - wheel) * np.cos(turn) + 0.2 * np.cos(rolled))
    down = 150 + 130 * ((1 - wheel) * np.sin(turn) - 0.2 * np.sin(rolled))
    points = list(zip(across.tolist(), down.tolist(), strict=True))
    ImageDraw.Draw(image).line(points, fill=(30, 60, 120), width=2)
    return image


WORKS = {
    "plate": (plate("KLM 4713"), plate("KLM 4718")),
    "moon": (moon(120), moon(127)),
    "curve": (curve(0.3), curve(0.302)),
}


@pytest.mark.parametrize("name", WORKS)
def test_a_small_thing_that_differs_makes_another_work(name: str) -> None:
    first, second = WORKS[name]
    assert not certain(first, second)
    assert not certain(second, first)
    assert not certain(first, jpeg(second, 80))


@pytest.mark.parametrize("name", WORKS)
@pytest.mark.parametrize("part", [0, 1])
def test_another_file_of_one_work_is_certain(name: str, part: int) -> None:
    image = WORKS[name][part]
    half = image.resize((210, 150), Image.Resampling.LANCZOS)
    brighter = ImageEnhance.Brightness(image).enhance(1.05)
    for copy in (image, jpeg(image, 70), half, jpeg(half, 85), brighter):
        assert certain(image, copy)
        assert certain(copy, image)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("size", [(640, 480), (300, 900), (1200, 300)])
def test_copies_of_any_shape_are_certain(change: str, size: tuple[int, int]) -> None:
    image = scene(random.Random(21)).resize(size)
    assert certain(image, CHANGES[change](image, random.Random(3)))


@pytest.mark.parametrize("side", [128, 96])
def test_a_pale_mark_is_told_from_a_small_sign(side: int) -> None:
    base = np.random.default_rng(3).normal(120, 4, (side, side))
    mark, sign = base.copy(), base.copy()
    few = slice(side // 4, 3 * side // 4)
    mark[side // 2 : side // 2 + side // 16, few] *= 0.7
    mark[side // 2 : side // 2 + side // 16, few] += 0.3 * 255
    sign[side // 2 : side // 2 + side // 8, few.start : few.start + side // 8] = 20
    assert same(base, base)
    assert same(base, mark, Doubt.NOTHING) and not same(base, mark)
    assert not same(base, sign, Doubt.NOTHING)


def plain_surface(seed: int) -> Image.Image:
    """A surface with grain of a few levels, as of plaster."""
    grain = np.random.default_rng(seed).normal(0, 1.0, (75, 105))
    soft = Image.fromarray(grain.astype(np.float32)).resize(_SIZE, Image.Resampling.BICUBIC)
    levels = np.asarray(soft)[:, :, None] * np.array([4.4, 4.2, 4.0]) + np.array([180, 172, 160])
    return Image.fromarray(levels.clip(0, 255).astype(np.uint8))


def with_words(image: Image.Image, opacity: float) -> Image.Image:
    """A copy with pale words across it."""
    mask = Image.new("L", image.size)
    draw = ImageDraw.Draw(mask)
    draw.text((30, 110), "SAMPLE STOCK", font=ImageFont.load_default(52), fill=round(255 * opacity))
    marked = image.copy()
    marked.paste("white", mask=mask)
    return marked


@pytest.mark.parametrize("seed", range(4))
def test_a_mark_on_a_plain_surface_hides_no_copy(seed: int) -> None:
    surface, other = plain_surface(seed), plain_surface(seed + 100)
    marked = jpeg(with_words(surface, 0.25), 85)
    assert certain(surface, marked) and certain(marked, surface)
    assert not certain(other, marked)
    assert not certain(with_words(other, 0.25), marked)


@pytest.mark.parametrize("factor", [1.03, 1.05, 1.1])
def test_what_a_brighter_copy_lost_in_white_is_no_difference(factor: float) -> None:
    image = scene(random.Random(4)).resize(_SIZE)
    ImageDraw.Draw(image).ellipse((200, 80, 240, 120), fill="white")
    brighter = ImageEnhance.Brightness(image).enhance(factor)
    assert certain(image, brighter) and certain(brighter, image)
    ImageDraw.Draw(brighter).rectangle((100, 240, 120, 270), fill="white")
    assert not certain(image, brighter)


def two_tones(strength: float) -> Image.Image:
    """Drawings of strong colours on grey, of one brightness whatever their strength."""
    image = Image.new("RGB", _SIZE, (150, 150, 150))
    draw = ImageDraw.Draw(image)
    for number, at in enumerate(range(10, 400, 80)):
        red, blue = (strength * tint for tint in ((60, -90), (-70, 80))[number % 2])
        green = -(0.299 * red + 0.114 * blue) / 0.587
        colour = tuple(round(120 + tint) for tint in (red, green, blue))
        draw.rectangle((at, 40 + number * 20, at + 60, 180 + number * 20), fill=colour)
    return image


def test_colours_may_be_stronger_only_as_contrast_is() -> None:
    image = two_tones(1.0)
    brighter = ImageEnhance.Brightness(image).enhance(1.22)
    assert certain(image, brighter) and certain(brighter, image)
    assert not certain(image, two_tones(0.75))


def test_flat_pictures_do_not_differ() -> None:
    flat = np.full((128, 128), 77.0)
    assert same(flat, flat)
    assert same(flat, flat + 3)


@cache
def drawn_pairs() -> list[tuple[bytes, bytes, npt.NDArray[np.int64]]]:
    """Pairs of a work with a changed file of it, or of another of its series, cut in any way."""
    dice = random.Random("closely")
    kinds: list[Callable[[], Image.Image]] = [
        lambda: plate(f"KLM {dice.randint(4710, 4719)}"),
        lambda: moon(dice.randint(118, 126)),
        lambda: curve(dice.choice([0.3, 0.301, 0.302])),
        lambda: scene(random.Random(dice.randint(0, 2))),
    ]
    pairs = []
    for number in range(120):
        first, second = (kinds[number % len(kinds)]() for _ in range(2))
        change = dice.choice(list(CHANGES))
        if dice.random() < 0.6:
            second = first
        second = CHANGES[change](second, dice)
        cuts = np.array([[dice.choice([0, 0, 1, 2, -1]) for _ in range(2)] for _ in range(2)])
        if dice.random() < 0.6:
            cuts = _UNCUT
        pairs.append((look_of(first).cells, look_of(second).cells, cuts))
    return pairs


@pytest.mark.parametrize("side", CLOSE_SIDES)
def test_pictures_are_compared_as_the_plain_rules_say(side: int) -> None:
    found = Counter[tuple[bool, ...]]()
    for one, two, cuts in drawn_pairs():
        first, second = picture_of(one, side), picture_of(two, side)
        plain = [resized(details_of(cells)[None], side, side)[0] for cells in (one, two)]
        by_rules = tuple(oracle.is_same(plain[0], plain[1], cuts, doubt) for doubt in Doubt)
        assert tuple(is_same(first, second, cuts, doubt) for doubt in Doubt) == by_rules
        found[by_rules] += 1
    assert {(False,) * 3, (True, False, False), (True, True, False), (True,) * 3} <= set(found)
