"""Perceptual hashes: near-duplicates match and different scenes do not."""

from __future__ import annotations

import io
from itertools import combinations

from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.media.phash import colour_signature, perceptual_signature, phash256
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
