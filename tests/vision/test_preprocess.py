"""Preprocessing: as open_clip's own transform does it, within one level of 255, for any shape."""

from __future__ import annotations

import os
import subprocess
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from pipelines.vision.compat import import_open_clip
from pipelines.vision.preprocess import Preprocess

SHAPES = [
    (512, 384),
    (384, 512),
    (224, 224),
    (225, 224),
    (224, 500),
    (223, 901),
    (100, 37),
    (1, 1),
    (3, 200),
    (100, 300),
    (1632, 1224),
    (4000, 3000),
]


def picture(width: int, height: int, seed: int = 0) -> Image.Image:
    """Returns a coarse pattern with fine grain, and pure black and white in it."""
    chance = np.random.default_rng(seed)
    small = chance.integers(0, 256, (max(1, height // 9), max(1, width // 9), 3), dtype=np.uint8)
    coarse = np.asarray(Image.fromarray(small).resize((width, height), Image.Resampling.NEAREST))
    grain = chance.integers(-40, 41, (height, width, 3))
    return Image.fromarray(np.clip(coarse.astype(int) + grain, 0, 255).astype(np.uint8))


def preprocess(**settings: Any) -> tuple[Preprocess, Any]:
    """Returns ours and open_clip's own transform for the same settings."""
    transform = import_open_clip().transform
    config = transform.PreprocessCfg(**{"size": 224, **settings})
    model = SimpleNamespace(visual=SimpleNamespace(preprocess_cfg=vars(config)))
    return Preprocess(model), transform.image_transform_v2(config, is_train=False)


def levels(pixels: torch.Tensor, ours: Preprocess) -> torch.Tensor:
    """Returns model input as levels of 0 to 255."""
    std, mean = (torch.tensor(ours.settings[name]).view(-1, 1, 1) for name in ("std", "mean"))
    return (pixels * std + mean) * 255


@pytest.mark.parametrize("size", SHAPES)
@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"interpolation": "bilinear", "size": 64},
        {"resize_mode": "squash", "size": (96, 160), "mean": (0.5,) * 3, "std": (0.5,) * 3},
        {"resize_mode": "longest"},
        {"size": (96, 160)},
    ],
    ids=["bicubic", "bilinear", "squashed", "padded", "oblong"],
)
def test_input_is_open_clips_within_one_level(
    size: tuple[int, int], settings: dict[str, Any]
) -> None:
    ours, theirs = preprocess(**settings)
    image = picture(*size)
    [found], wanted = ours([image]), theirs(image)
    assert found.shape == wanted.shape and found.dtype == wanted.dtype == torch.float32
    apart = (levels(found, ours) - levels(wanted, ours)).abs()
    assert float(apart.max()) < 1.01
    assert float((apart > 0.5).float().mean()) < 0.02


def test_pictures_of_the_right_size_are_open_clips_bit_for_bit() -> None:
    ours, theirs = preprocess()
    image = picture(224, 224)
    assert torch.equal(ours([image])[0], theirs(image))


def test_a_picture_does_not_depend_on_others() -> None:
    ours, _ = preprocess()
    images = [picture(*size) for size in SHAPES[:6]]
    together = ours(images)
    assert together.shape == (6, 3, 224, 224)
    assert all(torch.equal(ours([one])[0], row) for one, row in zip(images, together, strict=True))
    assert ours([]).shape == (0, 3, 224, 224)


_PRINT = """
import hashlib
from tests.vision.test_preprocess import SHAPES, picture, preprocess
ours, _ = preprocess()
pixels = ours([picture(*size) for size in SHAPES])
print(hashlib.sha256(pixels.numpy().tobytes()).hexdigest())
"""


def test_a_processor_without_vector_units_gives_the_same_bits() -> None:
    def digest(**more: str) -> str:
        command = [sys.executable, "-c", _PRINT]
        done = subprocess.run(
            command, env={**os.environ, **more}, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    assert digest() == digest(ATEN_CPU_CAPABILITY="default")
