"""Copies of refused files are recognised: as they are, turned, without colours or a frame."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image, ImageOps

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.media.looks import HASH_AND_COLOURS, look_of
from pipelines.media.phash import perceptual_signature
from pipelines.selection.dedupe import CANDIDATES_SCHEMA, COLOUR_BYTES, PHASH_BYTES
from pipelines.selection.refused_likeness import find_alike
from schemas.refused import REFUSED_FILES_SCHEMA
from tests.selection.candidates import candidate, flipped, shifted, table_of

SIDE, GRID = 16, 4
TURNS = list(Image.Transpose)


@dataclass(frozen=True)
class Picture:
    """Hash and colours of a whole picture, and of what it shows."""

    whole: bytes
    shown: bytes


def picture_of(image: Image.Image) -> Picture:
    whole = perceptual_signature(image)
    shown = look_of(image).search[:HASH_AND_COLOURS]
    return Picture(bytes.fromhex(whole.phash + whole.colour), shown)


def found_for(pictures: Sequence[Picture], refused: Sequence[Picture]) -> dict[int, str]:
    """The details of the pictures that look like a refused one; those are named z0, z1, z2."""
    table = table_of([candidate(f"a{number}") for number in range(len(pictures))])
    for name, parts in (
        ("phash", [one.whole[:PHASH_BYTES] for one in pictures]),
        ("colour", [one.whole[PHASH_BYTES:] for one in pictures]),
        ("look_hash", [one.shown[:PHASH_BYTES] for one in pictures]),
        ("look_colour", [one.shown[PHASH_BYTES:] for one in pictures]),
    ):
        kind = CANDIDATES_SCHEMA.field(name)
        table = table.set_column(
            table.schema.get_field_index(name), kind, pa.array(parts, kind.type)
        )
    rows = [
        {
            **{"asset_id": f"z{number}", "reasons": "consent.denied", "lasting": False},
            **{"owners": "c-2", "place": 0, "listed_sha256": "", "media_sha256": ""},
            "phash": one.whole[:PHASH_BYTES].hex(),
            "colour": one.whole[PHASH_BYTES:].hex(),
            "look": one.shown.hex(),
        }
        for number, one in enumerate(refused)
    ]
    held = pa.Table.from_pylist(rows, schema=REFUSED_FILES_SCHEMA)
    return find_alike(table, np.arange(len(pictures)), held, np.empty(0, np.intp))


def named(detail: str) -> str:
    return detail.split()[2].rstrip(",")


def scene(seed: int) -> Image.Image:
    return render(draw_scene_spec(seed), 320, 240)


def framed(image: Image.Image, dice: random.Random) -> Image.Image:
    return ImageOps.expand(image, dice.randint(6, 16), dice.choice(["white", "black", "#c8b414"]))


def grey(image: Image.Image, dice: random.Random) -> Image.Image:
    return image.convert("L").convert("RGB")


def turned(image: Image.Image, dice: random.Random) -> Image.Image:
    return image.transpose(dice.choice(TURNS))


@pytest.mark.parametrize(
    ("change", "words", "least"),
    [(turned, "turned or mirrored", 40), (grey, "without colours", 40), (framed, "a frame", 30)],
)
def test_changed_copies_of_scenes_are_found_in_both_directions(
    change: Callable[[Image.Image, random.Random], Image.Image], words: str, least: int
) -> None:
    """Whichever of the two is refused; no other of the scenes is taken for it."""
    dice = random.Random(words)
    owns = [scene(seed) for seed in range(3000, 3040)]
    own = [picture_of(image) for image in owns]
    copies = [picture_of(change(image, dice)) for image in owns]
    for pictures, refused in ((copies, own), (own, copies)):
        found = found_for(pictures, refused)
        assert all(named(detail) == f"z{at}" for at, detail in found.items())
        assert len(found) >= least
    others = found_for(copies[:20], own[20:])
    assert others == {}
    assert any(words in detail for detail in found_for(copies, own).values())


@pytest.mark.parametrize("shade", ["black", "white", "#808080"])
def test_pictures_of_one_shade_are_no_copies(shade: str) -> None:
    """Such as a film's black frame; there is nothing to see in them."""
    blank = picture_of(Image.new("RGB", (300, 200), shade))
    other = picture_of(Image.new("RGB", (640, 480), shade))
    film = Picture(blank.whole, picture_of(scene(1)).shown)
    assert found_for([blank, picture_of(scene(2))], [other, film]) == {}


def turn_slowly(picture: bytes, swap: bool, columns: bool, rows: bool) -> bytes:
    """The hash and colours of a turned picture, one frequency and one cell at a time."""
    bits = [picture[at // 8] >> (7 - at % 8) & 1 for at in range(SIDE * SIDE)]
    turned_bits = []
    for row in range(SIDE):
        for column in range(SIDE):
            bit = bits[column * SIDE + row] if swap else bits[row * SIDE + column]
            turned_bits.append(bit ^ (column % 2 & columns) ^ (row % 2 & rows))
    data = bytes(
        sum(bit << (7 - place) for place, bit in enumerate(turned_bits[at : at + 8]))
        for at in range(0, SIDE * SIDE, 8)
    )
    cells = [picture[PHASH_BYTES:][at : at + 3] for at in range(0, COLOUR_BYTES, 3)]
    for row in range(GRID):
        for column in range(GRID):
            r = GRID - 1 - row if rows else row
            c = GRID - 1 - column if columns else column
            data += cells[c * GRID + r] if swap else cells[r * GRID + c]
    return data


def changed(dice: random.Random, picture: bytes, bits: int, shift: int) -> bytes:
    number = int.from_bytes(picture[:PHASH_BYTES])
    hashed = flipped(dice, number, bits).to_bytes(PHASH_BYTES)
    return hashed + shifted(dice, picture[PHASH_BYTES:], shift)


def noise(dice: random.Random) -> bytes:
    return dice.randbytes(PHASH_BYTES) + bytes(dice.randrange(60, 190) for _ in range(COLOUR_BYTES))


WAYS = [(swap, columns, rows) for swap in (0, 1) for columns in (0, 1) for rows in (0, 1)]


@pytest.mark.parametrize(
    ("bits", "shift", "is_found"), [(48, 28, True), (49, 28, False), (48, 29, False)]
)
def test_limits_of_turned_copies(bits: int, shift: int, is_found: bool) -> None:
    dice = random.Random(bits + shift)
    refused = [noise(dice) for _ in WAYS]
    copies = [
        changed(dice, turn_slowly(own, *map(bool, way)), bits, shift)
        for own, way in zip(refused, WAYS, strict=True)
    ]
    other = noise(dice)
    found = found_for([Picture(one, other) for one in copies], [Picture(r, r) for r in refused])
    if shift > 28:
        assert found == {}
        return
    assert found[0] == "looks like z0, which is refused"  # as it is, 72 bits may differ
    rest = {at: f"looks like z{at} turned or mirrored, which is refused" for at in range(1, 8)}
    assert {at: detail for at, detail in found.items() if at} == (rest if is_found else {})


@pytest.mark.parametrize(("step", "is_found"), [(6, True), (7, False)])
@pytest.mark.parametrize("refuses_the_grey_one", [False, True])
def test_limits_of_grey_copies(step: int, is_found: bool, refuses_the_grey_one: bool) -> None:
    """Grey is what has hardly any colour in each of 16 cells."""
    dice = random.Random(step)
    own = noise(dice)
    cells = [tuple(own[PHASH_BYTES:][at : at + 3]) for at in range(0, COLOUR_BYTES, 3)]
    brightness = [(299 * r + 587 * g + 114 * b + 500) // 1000 for r, g, b in cells]
    colours = bytes(channel for level in brightness for channel in (level,) * 3)
    tinted = bytearray(colours)
    tinted[5] += step
    copy = own[:PHASH_BYTES] + bytes(tinted)
    pair = (Picture(own, noise(dice)), Picture(copy, noise(dice)))
    late, early = pair if refuses_the_grey_one else pair[::-1]
    expected = {0: "looks like z0 without colours, which is refused"} if is_found else {}
    assert found_for([late], [early]) == expected


@pytest.mark.parametrize("bits", [0, 24, 25])
@pytest.mark.parametrize("refuses_the_framed_one", [False, True])
def test_a_frame_counts_only_if_one_of_two_has_none(
    bits: int, refuses_the_framed_one: bool
) -> None:
    dice = random.Random(bits)
    shown = noise(dice)
    plain = Picture(changed(dice, shown, bits, 3), shown)
    with_frame = Picture(noise(dice), shown)
    late, early = (plain, with_frame) if refuses_the_framed_one else (with_frame, plain)
    expected = {0: "looks like z0 without a frame, which is refused"} if bits <= 24 else {}
    assert found_for([late], [early]) == expected
    assert found_for([with_frame], [Picture(noise(dice), shown)]) == {}  # as two icons may be


def test_the_way_with_the_least_change_is_named() -> None:
    dice = random.Random(3)
    own = noise(dice)
    picture = Picture(own, own)
    mirrored = turn_slowly(own, False, True, False)
    assert "turned" not in found_for([picture], [Picture(mirrored, mirrored), picture])[0]


def test_order_does_not_matter() -> None:
    dice = random.Random(4)
    refused = [noise(dice) for _ in range(3)]
    copies = [turn_slowly(one, True, True, False) for one in refused]
    for order in permutations(range(3)):
        found = found_for(
            [Picture(copies[at], noise(dice)) for at in order], [Picture(r, r) for r in refused]
        )
        assert [named(found[at]) for at in range(3)] == [f"z{at}" for at in order]


@pytest.mark.parametrize("candidates", [1, 3, 70, 200])
@pytest.mark.parametrize("refused", [1, 65, 130])
def test_nothing_is_alike_where_all_colours_are_far(candidates: int, refused: int) -> None:
    dice = random.Random(candidates * refused)
    dark = [dice.randbytes(PHASH_BYTES) + bytes(COLOUR_BYTES) for _ in range(refused)]
    light = [dice.randbytes(PHASH_BYTES) + b"\xff" * COLOUR_BYTES for _ in range(candidates)]
    assert found_for([Picture(a, a) for a in light], [Picture(b, b) for b in dark]) == {}
