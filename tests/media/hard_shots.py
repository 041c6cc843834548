"""Films that are hard to cut: lists of luma frames with the shots they were made of."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipelines.demo.scenes.render import draw_scene_spec, render

Frame = npt.NDArray[np.uint8]
_WIDTH, _HEIGHT = 320, 180


@dataclass(frozen=True)
class HardFilm:
    """Frames, and the first frame of every shot but the first; `slack` frames off are forgiven."""

    frames: list[Frame]
    cuts: tuple[int, ...]
    slack: int = 0


def scene(seed: int, width: int = _WIDTH) -> npt.NDArray[np.float64]:
    """A drawn scene's luma; different seeds are different scenes."""
    image = render(draw_scene_spec(seed), width, _HEIGHT).convert("L")
    return np.asarray(image, np.float64)


def _frames(arrays: list[npt.NDArray[np.float64]], seed: int) -> list[Frame]:
    """With a little noise, as a sensor has."""
    rng = np.random.default_rng(seed)
    return [
        (array + rng.normal(0, 2, array.shape)).clip(0, 255).astype(np.uint8) for array in arrays
    ]


def one_frame_shots(seed: int) -> HardFilm:
    """Long, one frame, one frame, long: four scenes."""
    a, b, c, d = (scene(4 * seed + number) for number in range(4))
    return HardFilm(_frames([a] * 20 + [b, c] + [d] * 20, seed), (20, 21, 22))


def insert(seed: int) -> HardFilm:
    """Another picture for three frames, then the first again."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    return HardFilm(_frames([a] * 20 + [b] * 3 + [a] * 20, seed), (20, 23))


def flash(seed: int) -> HardFilm:
    """A photographer's flash: three bright frames, then it dies away; then a true cut."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    lit = [a + (255 - a) * part for part in (0.8, 0.75, 0.5)]
    return HardFilm(_frames([a] * 20 + lit + [a] * 20 + [b] * 20, seed), (43,))


def dark_frame(seed: int) -> HardFilm:
    """A frame that was lost and is black."""
    a = scene(seed)
    return HardFilm(_frames([a] * 20 + [a * 0 + 16] + [a] * 20, seed), ())


def fade(seed: int) -> HardFilm:
    """Down to black within a second, four black frames, and up to the next scene."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    down = [16 + (a - 16) * (23 - step) / 24 for step in range(24)]
    up = [16 + (b - 16) * (step + 1) / 24 for step in range(24)]
    return HardFilm(
        _frames([a] * 20 + down + [a * 0 + 16] * 4 + up + [b] * 20, seed), (46,), slack=6
    )


def fast_pan(seed: int) -> HardFilm:
    """A whole width in half a second, then a true cut to another pan."""
    wide = np.hstack([scene(2 * seed, 640), scene(2 * seed + 9_001, 640)])
    other = scene(2 * seed + 1, 1_280)
    pan = [wide[:, 20 * step : 20 * step + _WIDTH] for step in range(40)]
    slow = [other[:, 3 * step : 3 * step + _WIDTH] for step in range(24)]
    return HardFilm(_frames(pan + slow, seed), (40,))


def handheld(seed: int) -> HardFilm:
    """A shaking camera in either shot."""
    rng = np.random.default_rng(seed)
    arrays = []
    for number in range(2):
        wide = scene(2 * seed + number, 480)
        arrays += [wide[:, at : at + _WIDTH] for at in rng.integers(0, 24, 24)]
    return HardFilm(_frames(arrays, seed), (24,))


def blended_cut(seed: int) -> HardFilm:
    """A cut with a frame that is half of either shot, as a change of frame rate leaves it."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    return HardFilm(_frames([a] * 20 + [(a + b) / 2] + [b] * 20, seed), (20,), slack=1)


def slow_light(seed: int) -> HardFilm:
    """Dusk: one shot that darkens by two thirds in four seconds."""
    a = scene(seed)
    return HardFilm(_frames([a * (1 - step / 150) for step in range(100)], seed), ())


def cross_fade(seed: int) -> HardFilm:
    """One scene into another within a second."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    mixed = [a + (b - a) * (step + 1) / 25 for step in range(24)]
    return HardFilm(_frames([a] * 20 + mixed + [b] * 20, seed), (32,), slack=14)


HARD: dict[str, Callable[[int], HardFilm]] = {
    make.__name__: make
    for make in (
        one_frame_shots,
        insert,
        flash,
        dark_frame,
        fade,
        fast_pan,
        handheld,
        blended_cut,
        slow_light,
        cross_fade,
    )
}


def score(film: HardFilm, found: tuple[int, ...]) -> tuple[int, int, int]:
    """Cuts found, cuts that are none, and cuts missed."""
    missed = list(film.cuts)
    false_cuts = 0
    for at in found:
        matching = [cut for cut in missed if abs(cut - at) <= film.slack]
        if matching:
            missed.remove(matching[0])
        else:
            false_cuts += 1
    return len(film.cuts) - len(missed), false_cuts, len(missed)
