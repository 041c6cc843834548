"""Perceptual hashes: near-duplicates match and different scenes do not."""

from __future__ import annotations

import io
from itertools import combinations

import pytest
from PIL import Image, ImageDraw

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.media.phash import colour_signature, perceptual_signature, phash256
from tests.cases.common import case_folder
from tests.media.near import is_near


def scene(seed: int) -> Image.Image:
    return render(draw_scene_spec(seed), 320, 240)


def recompressed(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def cropped(image: Image.Image, share: float) -> Image.Image:
    x, y = round(image.width * share), round(image.height * share)
    return image.crop((x, y, image.width - x, image.height - y))


def test_different_scenes_are_never_near() -> None:
    looks = [perceptual_signature(scene(seed)) for seed in range(150)]
    near = [pair for pair in combinations(range(150), 2) if is_near(looks[pair[0]], looks[pair[1]])]
    assert near == []


def test_variants_are_near() -> None:
    missed = 0
    for seed in range(1000, 1040):
        image = scene(seed)
        look = perceptual_signature(image)
        half = image.resize((160, 120), Image.Resampling.BICUBIC)
        for variant in (
            half,
            recompressed(image, 40),
            recompressed(half, 60),
            cropped(image, 0.01),
        ):
            assert is_near(look, perceptual_signature(variant)), seed
        missed += not is_near(look, perceptual_signature(cropped(image, 0.02)))
    assert missed <= 1


def test_hashes_are_the_same_everywhere() -> None:
    """The values are fixed, because a change would invalidate features stored earlier."""
    image = Image.new("RGB", (64, 64), (10, 20, 30))
    image.paste((250, 120, 0), (8, 16, 40, 60))
    assert phash256(image) == PHASH256
    assert colour_signature(image).startswith("0a141e0a141e0a141e0a141e")


PHASH256 = "41363641364136413641c136c136c1363641c1363641c1363641c136c136c136"


def test_a_flat_picture_has_a_hash() -> None:
    assert phash256(Image.new("RGB", (8, 8), (1, 2, 3))) == "00" * 32


SHAPES = ("circle", "square", "ring", "triangle", "plus", "minus", "diamond", "cross", "text")


def icon(shape: str, radius: int, background: str = "white", size: int = 400) -> Image.Image:
    """A small drawing in the middle of a plain picture."""
    image = Image.new("RGB", (size * 4 // 3, size), background)
    draw = ImageDraw.Draw(image)
    x, y, r, colour = image.width // 2, size // 2, radius, (200, 60, 60)
    wide = max(3, r // 5)
    if shape == "circle":
        draw.ellipse([x - r, y - r, x + r, y + r], fill=colour)
    elif shape == "square":
        draw.rectangle([x - r, y - r, x + r, y + r], fill=colour)
    elif shape == "ring":
        draw.ellipse([x - r, y - r, x + r, y + r], outline=colour, width=wide)
    elif shape == "triangle":
        draw.polygon([(x, y - r), (x - r, y + r), (x + r, y + r)], fill=colour)
    elif shape == "diamond":
        draw.polygon([(x, y - r), (x - r, y), (x, y + r), (x + r, y)], fill=colour)
    elif shape == "text":
        draw.text((x - r, y), "consent form", fill="black")
    else:
        first, second = [x - r, y, x + r, y], [x, y - r, x, y + r]
        if shape == "cross":
            first, second = [x - r, y - r, x + r, y + r], [x - r, y + r, x + r, y - r]
        draw.line(first, fill=colour, width=wide)
        if shape != "minus":
            draw.line(second, fill=colour, width=wide)
    return image


@pytest.mark.parametrize("background", ["white", "black", (30, 120, 60)])
@pytest.mark.parametrize("radius", [12, 20, 40, 75])
def test_different_icons_are_never_near(background: str, radius: int) -> None:
    looks = [perceptual_signature(icon(shape, radius, background)) for shape in SHAPES]
    looks += [
        perceptual_signature(recompressed(icon(shape, radius + 3, background), 70))
        for shape in SHAPES
    ]
    near = [
        pair
        for pair in combinations(range(len(looks)), 2)
        if pair[0] % len(SHAPES) != pair[1] % len(SHAPES)
        and is_near(looks[pair[0]], looks[pair[1]])
    ]
    assert near == []


def test_the_same_icon_is_near_wherever_it_is() -> None:
    own = perceptual_signature(icon("ring", 40))
    assert is_near(own, perceptual_signature(icon("ring", 40, size=500)))


def test_gradients_are_near_only_to_the_same() -> None:
    looks = []
    for low in (0, 12, 60):
        image = Image.new("RGB", (400, 300))
        draw = ImageDraw.Draw(image)
        for y in range(300):
            draw.line([0, y, 400, y], fill=(low + (255 - low) * y // 299,) * 3)
        looks.append(perceptual_signature(image))
        assert is_near(looks[-1], perceptual_signature(image.copy()))
    assert not any(is_near(one, other) for one, other in combinations(looks, 2))


def test_the_shared_case_of_icons() -> None:
    folder = case_folder("14-near-duplicates") / "catalogue" / "media"
    looks = [
        perceptual_signature(Image.open(path).convert("RGB")) for path in sorted(folder.iterdir())
    ]
    assert len(looks) == 8
    assert not any(is_near(one, other) for one, other in combinations(looks, 2))
