"""Draws the demonstration model's training pictures, caches them and augments batches of them.

Training, progress checks, held-out figures and demo libraries use separate ranges of seeds.
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

INPUT_SIDE = 64  # width and height of the model's input, in pixels
PATCHES_PER_SIDE = 8  # of 8 pixels each, as in the image tower
FIRST_TRAIN_SEED = 10_000_000
FIRST_CHECK_SEED = 15_000_000  # for progress while training
FIRST_HELD_OUT_SEED = 20_000_000  # for the figures in the model card and the tests
_ASPECTS = ((4, 3), (3, 4), (3, 2), (2, 3), (1, 1), (16, 9), (9, 16), (5, 4))
Pixels = npt.NDArray[np.uint8]


def draw_picture(seed: int) -> Image.Image:
    """Draws a scene as a library might have it: of any size and aspect ratio, often as a JPEG."""
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
    """Returns the centre square as open_clip's preprocessing makes it: [64, 64, 3]."""
    # Sizes are truncated and offsets rounded, as in torchvision's Resize and CenterCrop.
    width, height = (int(INPUT_SIDE * side / min(image.size)) for side in image.size)
    small = image.resize((width, height), Image.Resampling.BICUBIC)
    left, top = round((width - INPUT_SIDE) / 2), round((height - INPUT_SIDE) / 2)
    return np.array(small.crop((left, top, left + INPUT_SIDE, top + INPUT_SIDE)), dtype=np.uint8)


def _draw_range(first: int, count: int) -> Pixels:
    return np.stack([shrink(draw_picture(seed)) for seed in range(first, first + count)])


def load_or_draw(path: Path, first: int, count: int, workers: int) -> Pixels:
    """Returns the pictures of `count` seeds from `first`: [count, 64, 64, 3].

    They are drawn into the file `path`, unless it already exists with the right length.
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
    """Labels each of the 8 x 8 patches of the centre square: 0 for nothing, else 1 + the kind.

    A patch shows an object if the patch's centre is well inside the object's circle.
    """
    centres = (np.arange(PATCHES_PER_SIDE) + 0.5) / PATCHES_PER_SIDE * 2 - 1
    kinds = np.zeros((PATCHES_PER_SIDE, PATCHES_PER_SIDE), dtype=np.uint8)
    for placed in scene.main + scene.second:
        squared_distance = (centres[None, :] - placed.x) ** 2 + (centres[:, None] - placed.y) ** 2
        kinds[squared_distance < (0.85 * placed.radius) ** 2] = 1 + KINDS.index(placed.kind)
    return kinds


def augment(batch: Pixels, mirrored: npt.NDArray[np.bool_], rng: np.random.Generator) -> Pixels:
    """Mirrors, shifts (by up to 2 pixels) and changes the brightness; captions stay true."""
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
