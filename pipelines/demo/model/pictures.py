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
from pipelines.demo.scenes.scene import KINDS, Scene, SeededDice, draw_scene_spec

INPUT_SIDE = 64  # pixels, of the model's input
PATCHES_PER_SIDE = 8  # to a side, of 8 pixels each, as the image tower cuts them
FIRST_TRAIN_SEED = 10_000_000
FIRST_CHECK_SEED = 15_000_000  # for progress while training
FIRST_HELD_OUT_SEED = 20_000_000  # for the figures in the model card and the tests
_ASPECTS = ((4, 3), (3, 4), (3, 2), (2, 3), (1, 1), (16, 9), (9, 16), (5, 4))
Pixels = npt.NDArray[np.uint8]


def draw_picture(seed: int) -> Image.Image:
    """A scene as it may come from a library: any size and aspect, often through JPEG."""
    dice = SeededDice(seed * 7 + 3)
    across, down = _ASPECTS[dice.below(len(_ASPECTS))]
    short = dice.between(96, 220)
    width, height = (
        round(short * across / min(across, down)),
        round(short * down / min(across, down)),
    )
    image = render(draw_scene_spec(seed), width, height)
    if dice.chance(0.6):
        buffer = io.BytesIO()
        image.save(buffer, "JPEG", quality=72 + dice.below(24))
        image = Image.open(buffer).convert("RGB")
    return image


def shrink(image: Image.Image) -> Pixels:
    """The centre square at the model's size, as open_clip's preprocessing makes it: [64, 64, 3]."""
    # Cut down, then rounded: so torchvision's Resize and CenterCrop do.
    width, height = (int(INPUT_SIDE * side / min(image.size)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - INPUT_SIDE) / 2), round((height - INPUT_SIDE) / 2)
    return np.array(small.crop((left, top, left + INPUT_SIDE, top + INPUT_SIDE)), dtype=np.uint8)


def _draw_range(first: int, count: int) -> Pixels:
    return np.stack([shrink(draw_picture(seed)) for seed in range(first, first + count)])


def load_or_draw(path: Path, first: int, count: int, workers: int) -> Pixels:
    """The pictures of `count` seeds from `first`: [count, 64, 64, 3], drawn once into `path`.

    An existing file of the right length is read, not drawn again.
    """
    shape = (count, INPUT_SIDE, INPUT_SIDE, 3)
    if not path.is_file() or path.stat().st_size != int(np.prod(shape)):
        partial = path.with_suffix(".partial")
        with partial.open("wb") as out, ProcessPoolExecutor(workers) as pool:
            starts = range(first, first + count, 1000)
            lengths = [min(1000, first + count - start) for start in starts]
            for pixels in pool.map(_draw_range, starts, lengths):
                out.write(pixels.tobytes())
        partial.rename(path)
    return np.memmap(path, np.uint8, "r", shape=shape)


def patch_labels(scene: Scene) -> Pixels:
    """What each of the 8 by 8 patches of the centre square shows: 0 nothing, else 1 + the kind.

    A patch shows an object when its middle lies well inside the object's circle.
    """
    centres = (np.arange(PATCHES_PER_SIDE) + 0.5) / PATCHES_PER_SIDE * 2 - 1
    kinds = np.zeros((PATCHES_PER_SIDE, PATCHES_PER_SIDE), dtype=np.uint8)
    for placed in scene.main + scene.second:
        squared_distance = (centres[None, :] - placed.x) ** 2 + (centres[:, None] - placed.y) ** 2
        kinds[squared_distance < (0.85 * placed.radius) ** 2] = 1 + KINDS.index(placed.kind)
    return kinds


def augment(batch: Pixels, mirrored: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Mirrors, shifts by up to two pixels and brightens a batch; no caption changes by it."""
    count = len(batch)
    padded = np.pad(batch, ((0, 0), (2, 2), (2, 2), (0, 0)), mode="edge")
    out = np.empty_like(batch)
    shifts = rng.integers(0, 5, (count, 2))
    for index in range(count):
        top, left = shifts[index]
        crop = padded[index, top : top + INPUT_SIDE, left : left + INPUT_SIDE]
        out[index] = crop[:, ::-1] if mirrored[index] else crop
    brightness = rng.uniform(0.94, 1.06, (count, 1, 1, 1)).astype(np.float32)
    varied: Pixels = np.clip(out * brightness, 0, 255).astype(np.uint8)
    return varied
