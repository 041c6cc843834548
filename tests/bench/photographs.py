"""Pictures of 1 to 12 megapixels, all different, with the grain of photographs."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import simplejpeg
from PIL import Image

_SEED = 20_261
_LEAST, _MOST = 1e6, 12e6  # pixels
_ASPECTS = (3 / 2, 4 / 3, 1, 3 / 4, 2 / 3)
_GRAIN = 2.6  # standard deviation, of 255
_TILE = 1_024  # pixels of grain, repeated
_QUALITY = 85


def make_photographs(folder: Path, count: int, workers: int) -> list[Path]:
    """Draws pictures, or reuses those that exist; the bytes do not depend on `workers`.

    Their numbers of pixels are spread evenly over the logarithm, from 1 to 12 megapixels.

    Args:
        folder: Where they are written.
        count: Number of pictures.
        workers: Number of processes that draw.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:06d}.jpg" for number in range(count)]
    missing = [number for number, path in enumerate(paths) if not path.exists()]
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(partial(_draw, folder), missing, chunksize=8))
    return paths


def _draw(folder: Path, number: int) -> None:
    dice = np.random.default_rng([_SEED, number])
    pixels = _LEAST * (_MOST / _LEAST) ** dice.random()
    aspect = _ASPECTS[int(dice.integers(len(_ASPECTS)))]
    width, height = int((pixels * aspect) ** 0.5), int((pixels / aspect) ** 0.5)
    few = dice.integers(0, 256, (7, 9, 3), np.uint8)
    field = Image.fromarray(few).resize((width, height), Image.Resampling.BICUBIC)
    tile = np.rint(dice.normal(0.0, _GRAIN, (_TILE, _TILE, 1))).astype(np.int16)
    grain = np.tile(tile, (height // _TILE + 1, width // _TILE + 1, 1))[:height, :width]
    # In 16 bits, since the sum of two bytes may overflow a byte.
    picture = np.clip(np.asarray(field, np.int16) + grain, 0, 255).astype(np.uint8)
    data = simplejpeg.encode_jpeg(picture, quality=_QUALITY, colorsubsampling="420")
    temporary = folder / f"{number:06d}.part"
    temporary.write_bytes(data)
    temporary.rename(folder / f"{number:06d}.jpg")
