"""Track files of the films in the readers' library: boxes, poses and depth."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from tests.media.depth_files import depth_about, depth_file
from tests.media.moving_objects import KnownFilm, box_file, boxes_at, pose_file

# So that what moves stays inside the smallest film, whatever its length.
_STEPS = 10


def add_tracks(catalogue: Path, film: str, frames: int, size: tuple[int, int]) -> dict[str, str]:
    """Writes a film's tracks beside it.

    Args:
        catalogue: The catalogue's folder.
        film: The film's path below it.
        frames: How many frames the film shows.
        size: Its width and height as displayed.

    Returns:
        The columns that name the files.
    """
    boxes = tuple(
        (frame, object_id, box)
        for frame in range(frames)
        for object_id, box in boxes_at(frame % _STEPS, *size).items()
    )
    known = KnownFilm(b"", *size, frames, boxes)
    files = {"boxes": box_file(known), "poses": _poses(known)}
    for kind, file in files.items():
        (catalogue / f"{film}.{kind}.json").write_text(json.dumps(file), encoding="utf-8")
    numbers = np.arange(1, (frames + 1) // 2 + 1, dtype=np.float32)
    maps = numbers[:, None, None] * np.ones((size[1] // 8, size[0] // 8), np.float32)
    data = depth_file(maps, depth_about(known, every=2))
    (catalogue / f"{film}.depth.npz").write_bytes(data)
    return {**{kind: f"{film}.{kind}.json" for kind in files}, "depth": f"{film}.depth.npz"}


def _poses(film: KnownFilm) -> dict[str, Any]:
    """The poses of the first frames, again and again; the last frame shows nobody."""
    short = KnownFilm(b"", film.width, film.height, _STEPS + 1, ())
    steps = pose_file(short)["poses"][:_STEPS]
    poses = [{**steps[frame % _STEPS], "frame": frame} for frame in range(film.frames - 1)]
    nobody = {"frame": film.frames - 1, "box": None, "keypoints": None}
    return pose_file(short, frames=film.frames, poses=[*poses, nobody])


def release(name: str, person: str) -> dict[str, Any]:
    """A model release that is valid for every use."""
    return {
        "release_id": name,
        "kind": "model",
        "subject_ref": person,
        "signed_at": "2024-05-01",
        "subject_signed": True,
        "photographer_signed": True,
        "witness_ref": "w-1",
        "minor": False,
        "ml_use": "allow",
        "biometric_rider": True,
        "shoot_from": "2024-01-01",
        "shoot_until": "2024-12-31",
    }
