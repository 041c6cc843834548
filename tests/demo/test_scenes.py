"""Drawn scenes are reproducible, match their captions, and differ from one another."""

from __future__ import annotations

import hashlib
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from pipelines.demo.scenes.render import (
    caption,
    caption_variants,
    draw_background,
    draw_objects,
    draw_scene_spec,
    render,
    subject,
    vocabulary,
)
from pipelines.demo.scenes.scene import (
    BACKGROUND_COLOURS,
    COLOURS,
    KINDS,
    PLACES,
    RELATIONS,
    TEXTURES,
    PlacedObject,
    Scene,
)

SEEDS = st.integers(0, 2**62)


def _digest(seeds: range) -> str:
    total = hashlib.sha256()
    for seed in seeds:
        scene = draw_scene_spec(seed)
        total.update(caption(scene).encode())
        total.update(render(scene, 72, 54).tobytes())
    return total.hexdigest()


def test_another_process_draws_the_same_pixels() -> None:
    code = (
        "import sys; sys.path.insert(0, 'tests/demo'); import test_scenes;"
        "print(test_scenes._digest(range(40)))"
    )
    run = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        # Another hash seed, because nothing may depend on the order of a set.
        env={"PYTHONHASHSEED": "77", "PYTHONPATH": "."},
    )
    assert run.stdout.strip() == _digest(range(40))


def test_rendering_keeps_no_state() -> None:
    scene = draw_scene_spec(5)
    first = render(scene, 80, 60).tobytes()
    render(draw_scene_spec(6), 80, 60)
    assert render(scene, 80, 60).tobytes() == first


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_captions_have_only_known_words_and_at_most_fourteen(seed: int) -> None:
    scene = draw_scene_spec(seed)
    words = caption(scene).split()
    assert len(words) <= 14
    assert set(words) <= set(vocabulary())
    for variant in caption_variants(scene):
        assert set(variant.split()) <= set(words) | {"a", "an"}
        assert len(variant) < len(caption(scene))


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_a_scene_contains_what_its_caption_says(seed: int) -> None:
    scene = draw_scene_spec(seed)
    assert len(scene.main) == scene.count
    assert {(one.kind, one.colour, one.texture) for one in scene.main} == {
        (scene.kind, scene.colour, scene.texture)
    }
    assert subject(scene) == (scene.kind, scene.colour)
    assert [one.kind for one in scene.second] == ([scene.second_kind] if scene.relation else [])
    if scene.relation:
        other = scene.second[0]
        assert scene.second_kind != scene.kind
        assert scene.second_colour != scene.colour
        _check_relation(scene, other)


def _check_relation(scene: Scene, other: PlacedObject) -> None:
    if scene.relation == "above":
        assert all(one.y + one.radius < other.y for one in scene.main)
    elif scene.relation == "below":
        assert all(one.y - one.radius > other.y for one in scene.main)
    else:
        left = all(one.x + 0.5 * one.radius < other.x for one in scene.main)
        right = all(one.x - 0.5 * one.radius > other.x for one in scene.main)
        assert left or right


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_objects_are_in_the_central_square_and_do_not_overlap(seed: int) -> None:
    scene = draw_scene_spec(seed)
    everything = scene.main + scene.second
    for one in everything:
        assert abs(one.x) + 0.9 * one.radius <= 1.0
        assert abs(one.y) + 0.9 * one.radius <= 1.0
    for index, one in enumerate(everything):
        for other in everything[index + 1 :]:
            distance = np.hypot(one.x - other.x, one.y - other.y)
            assert distance > 0.85 * (one.radius + other.radius)


@given(SEEDS)
@settings(max_examples=300, deadline=None)
def test_small_and_large_objects_differ_clearly(seed: int) -> None:
    scene = draw_scene_spec(seed)
    radius = scene.main[0].radius
    if scene.size == "large":
        assert radius >= 0.37
        assert all(radius > 1.2 * other.radius for other in scene.second)
    if scene.size == "small":
        assert radius <= 0.34
    if scene.texture != "plain":
        assert scene.size == "large"


def test_every_word_occurs() -> None:
    scenes = [draw_scene_spec(seed) for seed in range(4000)]
    assert {scene.kind for scene in scenes} == set(KINDS)
    assert {scene.colour for scene in scenes} == set(COLOURS)
    assert {scene.texture for scene in scenes} == set(TEXTURES)
    assert {scene.relation for scene in scenes} == {"", *RELATIONS}
    assert {scene.count for scene in scenes} == {1, 2, 3, 4}
    assert {s.background.kind for s in scenes} >= set(PLACES)
    assert {s.background.colour for s in scenes} == {"", *BACKGROUND_COLOURS}
    assert {word for scene in scenes for word in caption(scene).split()} == set(vocabulary())


def test_the_words_of_an_example_caption() -> None:
    scenes = (draw_scene_spec(seed) for seed in range(20_000))
    found = next(s for s in scenes if s.count == 2 and s.texture != "plain" and s.relation)
    words = caption(found).split()
    assert words[:2] == ["two", "large"]
    assert words[2:4] == [found.texture, found.colour]


@pytest.mark.parametrize("size", [(64, 64), (640, 360), (90, 160), (33, 47)])
def test_any_size_and_aspect(size: tuple[int, int]) -> None:
    image = render(draw_scene_spec(9), *size)
    assert image.size == size
    assert image.mode == "RGB"


@pytest.mark.parametrize("colour", COLOURS)
def test_objects_show_their_colour(colour: str) -> None:
    """The pixel at the centre of a plain ball is nearest to the named colour."""
    seeds = (seed for seed in range(3000))
    scenes = (draw_scene_spec(seed) for seed in seeds)
    scene = next(s for s in scenes if (s.colour, s.kind, s.texture) == (colour, "ball", "plain"))
    image = render(scene, 128, 128)
    one = scene.main[0]
    x, y = round(64 + 64 * one.x), round(64 + 64 * one.y)
    red, green, blue = image.getpixel((x, y))  # type: ignore[misc]  # RGB: always three
    nearest = min(_NAMED, key=lambda name: _distance(_NAMED[name], (red, green, blue)))
    assert nearest == colour


# Chosen by hand, not taken from the drawing code.
_NAMED = {
    "red": (220, 20, 40),
    "orange": (255, 140, 0),
    "yellow": (255, 225, 30),
    "green": (34, 139, 60),
    "blue": (30, 90, 220),
    "purple": (128, 40, 160),
    "pink": (255, 140, 190),
    "brown": (130, 80, 40),
    "black": (20, 20, 20),
    "white": (255, 255, 255),
}


def _distance(one: tuple[int, int, int], other: tuple[int, int, int]) -> int:
    return sum((a - b) ** 2 for a, b in zip(one, other, strict=True))


def test_objects_differ_from_their_background_at_64_pixels() -> None:
    for seed in range(60):
        scene = draw_scene_spec(seed)
        behind = draw_background(scene, 64, 64)
        before = np.asarray(behind, dtype=int)
        for one in scene.main + scene.second:
            after = np.asarray(draw_objects(behind.copy(), scene, [one]), dtype=int)
            changed = np.abs(after - before).max(axis=2) > 25
            # The limit allows for rings and moons, which fill the smallest part of their circle.
            assert changed.sum() > 0.25 * 3.14 * (one.radius * 32) ** 2, (seed, one)


def test_no_two_scenes_have_similar_perceptual_hashes() -> None:
    hashes = np.array([_difference_hash(render(draw_scene_spec(s), 160, 120)) for s in range(250)])
    distances = (hashes[:, None] != hashes[None]).sum(axis=2)
    np.fill_diagonal(distances, 64)
    # Strict deduplication calls pictures near-duplicates at up to 4 of 64 bits.
    assert distances.min() > 4


def _difference_hash(image: Image.Image) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    small = image.convert("L").resize((9, 8), Image.Resampling.LANCZOS)
    grey = np.asarray(small, dtype=int)
    return (grey[:, 1:] > grey[:, :-1]).ravel()
