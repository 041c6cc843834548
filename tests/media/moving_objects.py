"""Films of rectangles and of a person made of dots, whose places in every frame are known."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from tests.media.media_samples import turned_film

Pixels = npt.NDArray[np.uint8]
Box = tuple[int, int, int, int]

RED, BLUE = (220, 30, 30), (30, 30, 220)
COLOURS = {1: RED, 2: BLUE}
_GROUND = (60, 90, 60)
_DOT = 8  # pixels: width and height of a joint


@dataclass(frozen=True)
class KnownFilm:
    """A film and what is where in it, as it is displayed.

    Attributes:
        data: The file.
        width: As displayed.
        height: As displayed.
        frames: How many frames it shows.
        boxes: Frame, object and box of every rectangle.
    """

    data: bytes
    width: int
    height: int
    frames: int
    boxes: tuple[tuple[int, int, Box], ...]


def boxes_at(number: int, width: int, height: int) -> dict[int, Box]:
    """Where the red and the blue rectangle are in a frame; the blue one comes in frame 3."""
    left, top = 8 + 4 * number, height // 4
    found = {1: (left, top, left + width // 5, top + height // 4)}
    if number >= 3:
        across, down = width // 2, 8 + 2 * number
        found[2] = (across, down, across + width // 8, down + height // 5)
    return found


def drawn(number: int, width: int, height: int) -> Pixels:
    """A frame as it is displayed: [height, width, 3]."""
    pixels = np.full((height, width, 3), _GROUND, np.uint8)
    for object_id, (x0, y0, x1, y1) in boxes_at(number, width, height).items():
        pixels[y0:y1, x0:x1] = COLOURS[object_id]
    return pixels


def joints_at(number: int, width: int, height: int) -> list[tuple[int, int]]:
    """Where the 17 joints of the person are in a frame: a grid of five columns that moves."""
    step_x, step_y = width // 8, height // 8
    left, top = step_x + 2 * number, step_y + number
    return [(left + step_x * (at % 5), top + step_y * (at // 5)) for at in range(17)]


def person(number: int, width: int, height: int) -> Pixels:
    """A frame of the person: a dot for each joint, the brighter the later: [height, width, 3]."""
    pixels = np.full((height, width, 3), 10, np.uint8)
    for at, (x, y) in enumerate(joints_at(number, width, height)):
        half = _DOT // 2
        pixels[y - half : y + half, x - half : x + half] = 80 + 10 * at
    return pixels


def person_box(number: int, width: int, height: int) -> Box:
    """The box around the person's dots."""
    joints = np.array(joints_at(number, width, height))
    (x0, y0), (x1, y1) = joints.min(axis=0) - _DOT // 2, joints.max(axis=0) + _DOT // 2
    return int(x0), int(y0), int(x1), int(y1)


def encode(
    pictures: Sequence[Pixels], aspect: Fraction | None = None, container: str = "mp4"
) -> bytes:
    """Encodes pictures, one every 1/25 s."""
    height, width = pictures[0].shape[:2]
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        stream: Any = file.add_stream("libx264", rate=25, options={"crf": "12"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.gop_size = 6
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for picture in pictures:
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode(None))
    return out.getvalue()


def moving_film(
    frames: int = 12, width: int = 192, height: int = 128, form: str = "plain"
) -> KnownFilm:
    """Makes a film of the rectangles.

    Args:
        frames: How many.
        width: As displayed.
        height: As displayed.
        form: `plain`; `turned`, stored on its side; `stretched`, stored with pixels that are twice
            as wide as high.
    """
    pictures = [drawn(number, width, height) for number in range(frames)]
    boxes = tuple(
        (number, object_id, box)
        for number in range(frames)
        for object_id, box in boxes_at(number, width, height).items()
    )
    return KnownFilm(stored(pictures, form), width, height, frames, boxes)


def stored(pictures: Sequence[Pixels], form: str) -> bytes:
    """Encodes displayed pictures as a film of that form; see `moving_film`."""
    if form == "turned":
        return turned_film(encode([np.ascontiguousarray(np.rot90(one)) for one in pictures]))
    if form == "stretched":
        halves = [np.ascontiguousarray(one[:, ::2]) for one in pictures]
        return encode(halves, Fraction(2))
    return encode(pictures)


def box_file(film: KnownFilm, **changes: Any) -> dict[str, Any]:
    """The agency's file with the boxes of a film of rectangles."""
    return {
        "format": "fairshard-boxes-1",
        "width": film.width,
        "height": film.height,
        "frames": film.frames,
        "source": {"kind": "agency"},
        "objects": [{"id": 1, "phrase": "a red car"}, {"id": 2, "phrase": "a blue door"}],
        "boxes": [
            {
                "frame": frame,
                "object": object_id,
                "box": list(box),
                "hard": object_id == 1,
                "confidence": 1 if object_id == 1 else 0.75,
            }
            for frame, object_id, box in film.boxes
        ],
        **changes,
    }


def found_box(pixels: Pixels, colour: tuple[int, int, int]) -> Box:
    """Where a rectangle of a colour is in a picture, by its pixels alone."""
    near = (np.abs(pixels.astype(int) - colour).sum(axis=2) < 120).astype(np.uint8)
    rows, columns = np.flatnonzero(near.sum(axis=1) > 3), np.flatnonzero(near.sum(axis=0) > 3)
    return int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1


def person_film(
    frames: int = 12, width: int = 256, height: int = 144, form: str = "plain"
) -> KnownFilm:
    """Makes a film of the person, who is not there in the last frame; see `moving_film`."""
    pictures = [person(number, width, height) for number in range(frames - 1)]
    pictures.append(np.full((height, width, 3), 10, np.uint8))
    return KnownFilm(stored(pictures, form), width, height, frames, ())


def pose_file(film: KnownFilm, **changes: Any) -> dict[str, Any]:
    """The agency's file with the poses of a film of the person; one joint is not seen."""
    poses: list[dict[str, Any]] = [
        {
            "frame": number,
            "box": list(person_box(number, film.width, film.height)),
            "keypoints": [
                [x, y, 0.5 + number / 100 if at != 16 else 0]
                for at, (x, y) in enumerate(joints_at(number, film.width, film.height))
            ],
        }
        for number in range(film.frames - 1)
    ]
    return {
        "format": "fairshard-poses-1",
        "skeleton": "coco-17",
        "width": film.width,
        "height": film.height,
        "frames": film.frames,
        "source": {"kind": "tracker", "name": "Example Poses", "version": "1.0"},
        "poses": [*poses, {"frame": film.frames - 1, "box": None, "keypoints": None}],
        **changes,
    }
