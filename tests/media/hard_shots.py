"""Films whose cuts are hard to find: lists of luma frames with the cuts between their shots."""

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
    """Luma frames and the first frame of every shot after the first.

    A cut that is found up to `slack` frames away counts as found.
    """

    frames: list[Frame]
    cuts: tuple[int, ...]
    slack: int = 0


def scene(seed: int, width: int = _WIDTH) -> npt.NDArray[np.float64]:
    """Returns a drawn scene's luma; different seeds give different scenes."""
    image = render(draw_scene_spec(seed), width, _HEIGHT).convert("L")
    return np.asarray(image, np.float64)


def _frames(arrays: list[npt.NDArray[np.float64]], seed: int) -> list[Frame]:
    """Converts to eight bits with a little noise, as a sensor adds."""
    rng = np.random.default_rng(seed)
    return [
        (array + rng.normal(0, 2, array.shape)).clip(0, 255).astype(np.uint8) for array in arrays
    ]


def one_frame_shots(seed: int) -> HardFilm:
    """Makes four scenes: a long one, two of one frame each, and a long one."""
    a, b, c, d = (scene(4 * seed + number) for number in range(4))
    return HardFilm(_frames([a] * 20 + [b, c] + [d] * 20, seed), (20, 21, 22))


def insert(seed: int) -> HardFilm:
    """Makes a scene that is interrupted by another one for three frames."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    return HardFilm(_frames([a] * 20 + [b] * 3 + [a] * 20, seed), (20, 23))


def flash(seed: int) -> HardFilm:
    """Makes a photographer's flash over three bright frames, and later a real cut."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    lit = [a + (255 - a) * part for part in (0.8, 0.75, 0.5)]
    return HardFilm(_frames([a] * 20 + lit + [a] * 20 + [b] * 20, seed), (43,))


def dark_frame(seed: int) -> HardFilm:
    """Makes one shot with a lost frame that is black."""
    a = scene(seed)
    return HardFilm(_frames([a] * 20 + [a * 0 + 16] + [a] * 20, seed), ())


def fade(seed: int) -> HardFilm:
    """Makes a fade to black over a second, four black frames, and a fade to the next scene."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    down = [16 + (a - 16) * (23 - step) / 24 for step in range(24)]
    up = [16 + (b - 16) * (step + 1) / 24 for step in range(24)]
    return HardFilm(
        _frames([a] * 20 + down + [a * 0 + 16] * 4 + up + [b] * 20, seed), (46,), slack=6
    )


def fast_pan(seed: int) -> HardFilm:
    """Makes a pan of more than two widths in 40 frames, then a real cut to another pan."""
    wide = np.hstack([scene(2 * seed, 640), scene(2 * seed + 9_001, 640)])
    other = scene(2 * seed + 1, 1_280)
    pan = [wide[:, 20 * step : 20 * step + _WIDTH] for step in range(40)]
    slow = [other[:, 3 * step : 3 * step + _WIDTH] for step in range(24)]
    return HardFilm(_frames(pan + slow, seed), (40,))


def handheld(seed: int) -> HardFilm:
    """Makes two shots, both from a shaking camera."""
    rng = np.random.default_rng(seed)
    arrays = []
    for number in range(2):
        wide = scene(2 * seed + number, 480)
        arrays += [wide[:, at : at + _WIDTH] for at in rng.integers(0, 24, 24)]
    return HardFilm(_frames(arrays, seed), (24,))


def blended_cut(seed: int) -> HardFilm:
    """Makes a cut with a frame that mixes both shots, as a change of frame rate produces."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    return HardFilm(_frames([a] * 20 + [(a + b) / 2] + [b] * 20, seed), (20,), slack=1)


def slow_light(seed: int) -> HardFilm:
    """Makes one shot that darkens by two thirds over four seconds, as at dusk."""
    a = scene(seed)
    return HardFilm(_frames([a * (1 - step / 150) for step in range(100)], seed), ())


def cross_fade(seed: int) -> HardFilm:
    """Makes one scene that fades into another within a second."""
    a, b = scene(2 * seed), scene(2 * seed + 1)
    mixed = [a + (b - a) * (step + 1) / 25 for step in range(24)]
    return HardFilm(_frames([a] * 20 + mixed + [b] * 20, seed), (32,), slack=14)


def moving_cross_fade(seed: int) -> HardFilm:
    """Makes two slow pans that fade into one another within two thirds of a second."""
    pans = []
    for number in range(2):
        wide = scene(2 * seed + number, 480)
        pans.append([wide[:, step : step + _WIDTH] for step in range(60)])
    weights = [(step + 1) / 17 for step in range(16)]
    mixed = [a + (b - a) * w for a, b, w in zip(pans[0][44:], pans[1], weights, strict=False)]
    return HardFilm(_frames(pans[0][:44] + mixed + pans[1][16:], seed), (52,), slack=9)


def title(seed: int) -> HardFilm:
    """Makes one shot in which a title fades in and out."""
    a = scene(seed)
    frames = []
    for number in range(80):
        frame = a.copy()
        part = min(1, max(0, min(number - 20, 60 - number) / 10))
        frame[120:160, 40:280] += (240 - frame[120:160, 40:280]) * part
        frames.append(frame)
    return HardFilm(_frames(frames, seed), ())


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
        moving_cross_fade,
        title,
    )
}


def score(film: HardFilm, found: tuple[int, ...]) -> tuple[int, int, int]:
    """Returns how many cuts were found, how many were false, and how many were missed."""
    missed = list(film.cuts)
    false_cuts = 0
    for at in found:
        matching = [cut for cut in missed if abs(cut - at) <= film.slack]
        if matching:
            missed.remove(matching[0])
        else:
            false_cuts += 1
    return len(film.cuts) - len(missed), false_cuts, len(missed)
