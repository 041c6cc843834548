"""Files with depth maps of films, as agencies write them."""

from __future__ import annotations

import io
import json
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.media.moving_objects import KnownFilm, boxes_at

# In metres: what is behind everything, the red and the blue rectangle of `moving_objects`.
BEHIND, DEPTHS = 10.0, {1: 2.5, 2: 4.0}


def depth_maps(film: KnownFilm, every: int = 1, scale: int = 2) -> npt.NDArray[np.float32]:
    """The depth of a film of rectangles, [maps, height, width], reduced by a whole number."""
    numbers = range(0, film.frames, every)
    maps = np.full((len(numbers), film.height, film.width), BEHIND, np.float32)
    for at, number in enumerate(numbers):
        for object_id, (x0, y0, x1, y1) in boxes_at(number, film.width, film.height).items():
            maps[at, y0:y1, x0:x1] = DEPTHS[object_id]
    return maps[:, ::scale, ::scale].copy()


def depth_about(film: KnownFilm, **changes: Any) -> dict[str, Any]:
    """What such a file says of its maps."""
    return {
        "format": "fairshard-depth-1",
        "width": film.width,
        "height": film.height,
        "frames": film.frames,
        "unit": "metre",
        "source": {"kind": "tracker", "name": "Example Depth", "version": "2.0"},
        **changes,
    }


def depth_file(maps: npt.NDArray[Any], about: object) -> bytes:
    """A file as docs/profiles.md says how to write it."""
    out = io.BytesIO()
    np.savez_compressed(out, depth=maps, about=np.array(json.dumps(about)))
    return out.getvalue()
