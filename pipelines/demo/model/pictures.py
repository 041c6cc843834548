"""Training pictures of the demonstration model: drawn once, kept as raw bytes, varied in batches.

The seeds of training, progress checks and held-out figures never meet, and demo libraries draw
from seeds of their own, far from all three.
"""

from __future__ import annotations

import io
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.demo.scenes.render import render
from pipelines.demo.scenes.scene import KINDS, Dice, Scene, draw_scene_spec

SIDE = 64  # pixels, of the model's input
PATCHES = 8  # to a side, of 8 pixels each, as the image tower cuts them
TRAIN_SEED = 10_000_000
CHECK_SEED = 15_000_000  # for progress while training
HELD_OUT_SEED = 20_000_000  # for the figures in the model card and the tests
_SHAPES = ((4, 3), (3, 4), (3, 2), (2, 3), (1, 1), (16, 9), (9, 16), (5, 4))
Pixels = npt.NDArray[np.uint8]


def picture(seed: int) -> Image.Image:
    """A scene as it may come from a library: any size and aspect, often through JPEG."""
    dice = Dice(seed * 7 + 3)
    wide, high = _SHAPES[dice.below(len(_SHAPES))]
    short = dice.between(96, 220)
    width, height = round(short * wide / min(wide, high)), round(short * high / min(wide, high))
    image = render(draw_scene_spec(seed), width, height)
    if dice.chance(0.6):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=72 + dice.below(24))
        image = Image.open(buffer).convert("RGB")
    return image


def shrink(image: Image.Image) -> Pixels:
    """The centre square at the model's size, as open_clip's preprocessing makes it: [64, 64, 3]."""
    # Cut down, then rounded: so torchvision's Resize and CenterCrop do.
    width, height = (int(SIDE * side / min(image.size)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - SIDE) / 2), round((height - SIDE) / 2)
    return np.array(small.crop((left, top, left + SIDE, top + SIDE)), dtype=np.uint8)


def _strip(first: int, count: int) -> Pixels:
    return np.stack([shrink(picture(seed)) for seed in range(first, first + count)])


def prepare(path: Path, first: int, count: int, workers: int) -> Pixels:
    """The pictures of `count` seeds from `first`: [count, 64, 64, 3], drawn once into `path`.

    An existing file of the right length is read, not drawn again.
    """
    shape = (count, SIDE, SIDE, 3)
    if not path.is_file() or path.stat().st_size != int(np.prod(shape)):
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out, ProcessPoolExecutor(workers) as pool:
            starts = range(first, first + count, 1000)
            lengths = [min(1000, first + count - start) for start in starts]
            for strip in pool.map(_strip, starts, lengths):
                out.write(strip.tobytes())
        partial.rename(path)
    return np.memmap(path, np.uint8, "r", shape=shape)


def patch_kinds(scene: Scene) -> Pixels:
    """What each of the 8 by 8 patches of the centre square shows: 0 nothing, else 1 + the kind.

    A patch shows an object when its middle lies well inside the object's circle.
    """
    middles = (np.arange(PATCHES) + 0.5) / PATCHES * 2 - 1
    kinds = np.zeros((PATCHES, PATCHES), dtype=np.uint8)
    for one in scene.main + scene.second:
        away = (middles[None, :] - one.x) ** 2 + (middles[:, None] - one.y) ** 2
        kinds[away < (0.85 * one.radius) ** 2] = 1 + KINDS.index(one.kind)
    return kinds


def vary(batch: Pixels, mirrored: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Mirrors, shifts by up to two pixels and brightens a batch; no caption changes by it."""
    count = len(batch)
    padded = np.pad(batch, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    out = np.empty_like(batch)
    shifts = rng.integers(0, 5, (count, 2))
    for index in range(count):
        top, left = shifts[index]
        crop = padded[index, top : top + SIDE, left : left + SIDE]
        out[index] = crop[:, ::-1] if mirrored[index] else crop
    gain = rng.uniform(0.94, 1.06, (count, 1, 1, 1)).astype(np.float32)
    varied: Pixels = np.clip(out * gain, 0, 255).astype(np.uint8)
    return varied
