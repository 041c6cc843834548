"""Draws and writes short films: a few shots with hard cuts between them and moving objects.

The encoder is FFmpeg's built-in `mpeg4`, which needs no GPL library, on one thread and in bit-exact
mode, so that the same specification gives the same bytes with the same version of PyAV.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import pi, sin
from pathlib import Path

import av
import numpy as np
from PIL import Image

from pipelines.demo.scenes.backgrounds import draw_background
from pipelines.demo.scenes.captions import caption, subject
from pipelines.demo.scenes.drawing import draw_objects
from pipelines.demo.scenes.scene import PlacedObject, Scene, SeededDice, draw_scene_spec

_SIZES = ((320, 240), (426, 240), (480, 270), (640, 360), (240, 320))
_RATES = (12, 15, 24, 25)
_SWAY = 0.12  # largest offset of an object from its place, in halves of the shorter side
# Turns off everything that differs between runs: version strings, and slices by thread.
_BIT_EXACT = {"flags": "+bitexact", "fflags": "+bitexact", "sws_flags": "+bitexact+accurate_rnd"}


@dataclass(frozen=True)
class SceneShot:
    """One scene, shown for a number of frames."""

    scene: Scene
    frames: int


@dataclass(frozen=True)
class FilmSpec:
    """A film: its shots in order, its size in pixels and its rate in frames per second."""

    seed: int
    shots: tuple[SceneShot, ...]
    width: int
    height: int
    rate: int

    @property
    def frames(self) -> int:
        """The number of frames."""
        return sum(shot.frames for shot in self.shots)

    @property
    def duration_ms(self) -> int:
        """The length in milliseconds, rounded down."""
        return self.frames * 1000 // self.rate

    @property
    def cut_frames(self) -> tuple[int, ...]:
        """The number of the first frame of every shot after the first."""
        cuts, frame_number = [], 0
        for shot in self.shots[:-1]:
            frame_number += shot.frames
            cuts.append(frame_number)
        return tuple(cuts)


def draw_film_spec(seed: int) -> FilmSpec:
    """Returns a film of two to six seconds and one to four shots, of which the first is longest."""
    dice = SeededDice(seed ^ 0xF117)
    width, height = _SIZES[dice.below(len(_SIZES))]
    rate = _RATES[dice.below(len(_RATES))]
    total = round(rate * dice.between(2.2, 6.0))
    count = 1 + dice.below(4)
    # The first shot is at least half as long again as the others, which are equally long.
    each = int(total / (count + 0.5))
    lengths = [total - each * (count - 1)] + [each] * (count - 1)
    scenes = [draw_scene_spec(seed * 8 + number) for number in range(count)]
    shots = tuple(SceneShot(scene, length) for scene, length in zip(scenes, lengths, strict=True))
    return FilmSpec(seed, shots, width, height, rate)


def film_subject(spec: FilmSpec) -> tuple[str, str]:
    """Returns noun and colour of the main object of the first shot, for the answer key."""
    return subject(spec.shots[0].scene)


def film_caption(spec: FilmSpec) -> str:
    """Returns the caption of the first shot, which is the longest."""
    return caption(spec.shots[0].scene)


def frames(spec: FilmSpec) -> Iterator[Image.Image]:
    """Yields every frame in order, in RGB."""
    for shot in spec.shots:
        yield from _shot_frames(spec, shot)


def _shot_frames(spec: FilmSpec, shot: SceneShot) -> Iterator[Image.Image]:
    scene = shot.scene
    background = draw_background(scene, spec.width, spec.height)
    dice = SeededDice(scene.seed ^ 0x30F)
    swing = (dice.between(-_SWAY, _SWAY), dice.between(-_SWAY, _SWAY) / 2)
    speed, start = dice.between(0.4, 0.9), dice.between(0.0, 2 * pi)
    for number in range(shot.frames):
        wave = sin(start + 2 * pi * speed * number / spec.rate)
        moved = [_moved(placed, swing, wave) for placed in scene.main + scene.second]
        yield draw_objects(background.copy(), scene, moved)


def _moved(placed: PlacedObject, swing: tuple[float, float], wave: float) -> PlacedObject:
    """Moves an object; all objects of a shot move alike, so that their relations stay true."""
    return replace(
        placed,
        x=placed.x + swing[0] * wave,
        y=placed.y + swing[1] * wave,
        angle=placed.angle + 0.08 * wave,
    )


def write_film(path: Path, spec: FilmSpec) -> None:
    """Writes an MP4 of MPEG-4 video without audio, with the index at the front.

    Args:
        path: The file to write; an existing file is replaced.
        spec: The film to draw.
    """
    options = {"movflags": "+faststart", "fflags": "+bitexact"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("mpeg4", rate=spec.rate)
        stream.width, stream.height, stream.pix_fmt = spec.width, spec.height, "yuv420p"
        stream.bit_rate = 4 * spec.width * spec.height
        stream.thread_count = 1
        # A keyframe at least every second, so that clips can be cut without re-encoding.
        stream.gop_size = spec.rate
        stream.options = dict(_BIT_EXACT)
        starts = {0, *spec.cut_frames}
        for number, image in enumerate(frames(spec)):
            frame = av.VideoFrame.from_ndarray(np.asarray(image), format="rgb24")
            frame.pts = number
            if number in starts:
                frame.pict_type = av.video.frame.PictureType.I
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
