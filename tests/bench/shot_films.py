"""Makes films with known cuts, out of photographs and drawn scenes, for `tests.bench.shots`."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render

WIDTH, HEIGHT = 320, 180
_WIDE, _HIGH = 2 * WIDTH, 2 * HEIGHT  # of the pictures that the camera moves over

Picture = npt.NDArray[np.float32]  # [height, width, 3]
Clip = list[Picture]


@dataclass(frozen=True)
class Transition:
    """A change of shot: the frames from `first` to `last`; both are the same at a hard cut."""

    first: int
    last: int


@dataclass(frozen=True)
class MadeFilm:
    """A film as a file, with its key."""

    kind: str
    data: bytes
    transitions: tuple[Transition, ...]


def pictures_of(photographs: Sequence[Image.Image], seed: int) -> list[Picture]:
    """Returns pictures to film: all photographs and as many drawn scenes, in a random order."""
    drawn = [
        render(draw_scene_spec(1000 * seed + number), _WIDE, _HIGH)
        for number in range(max(6, len(photographs)))
    ]
    images = [image.convert("RGB").resize((_WIDE, _HIGH)) for image in (*photographs, *drawn)]
    order = np.random.default_rng(seed).permutation(len(images))
    return [np.asarray(images[at], np.float32) for at in order]


class _Camera:
    """Films pictures one after another: each shot shows the next one.

    Args:
        pictures: What to film.
        seed: Of the random numbers.
    """

    def __init__(self, pictures: Sequence[Picture], seed: int) -> None:
        self._pictures, self._next = pictures, 0
        self.rng = np.random.default_rng(seed)

    def shot(self, frames: int, move: str = "slow") -> Clip:
        """Films one picture; `move` is still, slow, pan, shake, zoom or subject."""
        picture = self._pictures[self._next % len(self._pictures)]
        self._next += 1
        return [self._view(picture, *at) for at in self._path(frames, move)]

    def _path(self, frames: int, move: str) -> Iterator[tuple[float, float, float]]:
        """Yields of each frame left and top, as shares of what is free, and the zoom."""
        x, y = self.rng.uniform(0.2, 0.8, 2)
        step = {"slow": 0.002, "pan": 0.05}.get(move, 0.0) * (1 if x < 0.5 else -1)
        for number in range(frames):
            if move == "shake":
                dx, dy = self.rng.normal(0, 0.02, 2)
                yield x + dx, y + dy, 1
            elif move == "zoom":
                yield 0.5, 0.5, 1 + number / 40
            else:
                yield x + step * number, y, 1

    def _view(self, picture: Picture, x: float, y: float, zoom: float) -> Picture:
        width, height = int(WIDTH / zoom), int(HEIGHT / zoom)
        left = int(np.clip(x, 0, 1) * (_WIDE - width))
        top = int(np.clip(y, 0, 1) * (_HIGH - height))
        view = picture[top : top + height, left : left + width]
        if zoom == 1:
            return view
        image = Image.fromarray(view.astype(np.uint8)).resize((WIDTH, HEIGHT))
        return np.asarray(image, np.float32)


_Cut = tuple[Clip, list[Transition]]


def _joined(clips: Sequence[Clip]) -> _Cut:
    frames: Clip = []
    cuts = []
    for clip in clips:
        if frames:
            cuts.append(Transition(len(frames), len(frames)))
        frames += clip
    return frames, cuts


def _hard_cuts(camera: _Camera) -> _Cut:
    return _joined([camera.shot(int(camera.rng.integers(20, 60))) for _ in range(6)])


def _mixed_moves(camera: _Camera) -> _Cut:
    moves = ("still", "slow", "shake", "zoom", "slow", "still")
    return _joined([camera.shot(int(camera.rng.integers(24, 50)), move) for move in moves])


def _very_short(camera: _Camera) -> _Cut:
    lengths = (30, 1, 2, 3, 4, 5, 2, 1, 30)
    return _joined([camera.shot(length) for length in lengths])


def _dissolves(camera: _Camera) -> _Cut:
    frames = camera.shot(30)
    cuts = []
    for length in (6, 12, 24, 36):
        after = camera.shot(length + 30)
        before = [frames[-1]] * length
        weights = [(number + 1) / (length + 1) for number in range(length)]
        cuts.append(Transition(len(frames), len(frames) + length))
        frames += [(1 - w) * a + w * b for w, a, b in zip(weights, before, after, strict=False)]
        frames += after[length:]
    return frames, cuts


def _moving_dissolves(camera: _Camera) -> _Cut:
    frames: Clip = camera.shot(54)
    cuts = []
    for length in (10, 16, 24):
        after = camera.shot(60 + length)
        start = len(frames) - length
        for number in range(length):
            w = (number + 1) / (length + 1)
            frames[start + number] = (1 - w) * frames[start + number] + w * after[number]
        cuts.append(Transition(start, start + length))
        frames += after[length:]
    return frames, cuts


def _fades(camera: _Camera) -> _Cut:
    frames, cuts = camera.shot(30), []
    for length, blank, shade in ((12, 4, 16.0), (24, 10, 16.0), (12, 2, 240.0)):
        start, last, after = len(frames), frames[-1], camera.shot(30 + length)
        for number in range(length):
            part = (number + 1) / length
            frames.append(last + (shade - last) * part)
        frames += [np.full_like(last, shade)] * blank
        cuts.append(Transition(start, len(frames) + length))
        for number in range(length):
            frames.append(shade + (after[number] - shade) * np.float32((number + 1) / length))
        frames += after[length:]
    return frames, cuts


def _wipes(camera: _Camera) -> _Cut:
    frames, cuts = camera.shot(30), []
    for length in (8, 16):
        after, last = camera.shot(30 + length), frames[-1]
        cuts.append(Transition(len(frames), len(frames) + length))
        for number in range(length):
            edge = WIDTH * (number + 1) // (length + 1)
            frames.append(np.concatenate([after[number][:, :edge], last[:, edge:]], axis=1))
        frames += after[length:]
    return frames, cuts


def _flashes(camera: _Camera) -> _Cut:
    frames, cuts = _joined([camera.shot(40) for _ in range(4)])
    for at in (10, 55, 95, 140):
        for offset, part in enumerate((0.8, 0.6, 0.3)):
            frames[at + offset] = frames[at + offset] + (255 - frames[at + offset]) * part
    return frames, cuts


def _black_frames(camera: _Camera) -> _Cut:
    frames, _ = _joined([camera.shot(40) for _ in range(3)])
    for at in (15, 60, 61, 100):
        frames[at] = np.full_like(frames[at], 16)
    return frames, [Transition(40, 40), Transition(80, 80)]


def _fast_pans(camera: _Camera) -> _Cut:
    return _joined([camera.shot(18, "pan") for _ in range(5)])


def _shake(camera: _Camera) -> _Cut:
    return _joined([camera.shot(36, "shake") for _ in range(5)])


def _static(camera: _Camera) -> _Cut:
    return camera.shot(150, "still"), []


def _slow_light(camera: _Camera) -> _Cut:
    frames = camera.shot(150)
    return [frame * (1 - number / 220) for number, frame in enumerate(frames)], []


def _subject(camera: _Camera) -> _Cut:
    """Two shots across which a large subject moves."""
    frames, cuts = _joined([camera.shot(50, "still") for _ in range(2)])
    subject = camera.shot(1)[0][: HEIGHT * 2 // 3, : WIDTH // 3]
    out = []
    for number, frame in enumerate(frames):
        shown = frame.copy()
        free = WIDTH - subject.shape[1]
        left = free - abs(number * 9 % (2 * free) - free)  # to and fro
        shown[40 : 40 + subject.shape[0], left : left + subject.shape[1]] = subject
        out.append(shown)
    return out, cuts


def _title(camera: _Camera) -> _Cut:
    """One shot in which a title fades in and out."""
    frames = [frame.copy() for frame in camera.shot(120, "still")]
    for number, frame in enumerate(frames):
        part = float(np.clip(min(number - 30, 90 - number) / 10, 0, 1))
        frame[120:160, 40:280] += (240 - frame[120:160, 40:280]) * part
    return frames, []


@dataclass(frozen=True)
class _Kind:
    make: Callable[[_Camera], _Cut]
    rate: int = 25
    codec: str = "libx264"
    uneven: bool = False


KINDS = {
    "hard cuts": _Kind(_hard_cuts),
    "camera still, slow, shaking, zooming": _Kind(_mixed_moves),
    "shots of 1 to 5 frames": _Kind(_very_short),
    "dissolves": _Kind(_dissolves),
    "dissolves between moving shots": _Kind(_moving_dissolves),
    "fades through black or white": _Kind(_fades),
    "wipes": _Kind(_wipes),
    "flashes": _Kind(_flashes),
    "lost black frames": _Kind(_black_frames),
    "fast pans": _Kind(_fast_pans),
    "handheld": _Kind(_shake),
    "a large moving subject": _Kind(_subject),
    "titles": _Kind(_title),
    "static": _Kind(_static),
    "changing light": _Kind(_slow_light),
    "12 frames per second": _Kind(_mixed_moves, rate=12),
    "60 frames per second": _Kind(_mixed_moves, rate=60),
    "variable frame rate": _Kind(_mixed_moves, uneven=True),
    "MPEG-4": _Kind(_hard_cuts, codec="mpeg4"),
    "VP9": _Kind(_hard_cuts, codec="libvpx-vp9"),
    "AV1": _Kind(_hard_cuts, codec="libsvtav1"),
    "PhotoJPEG": _Kind(_hard_cuts, codec="mjpeg"),
}
_OPTIONS = {"libx264": {"preset": "veryfast"}, "libsvtav1": {"preset": "12"}}


def make_film(kind: str, photographs: Sequence[Image.Image], seed: int) -> MadeFilm:
    """Makes one film of a kind of `KINDS`; the same arguments give the same frames."""
    how = KINDS[kind]
    camera = _Camera(pictures_of(photographs, seed), seed)
    frames, transitions = how.make(camera)
    noisy = [frame + camera.rng.normal(0, 2, frame.shape) for frame in frames]
    return MadeFilm(kind, _encoded(noisy, how, camera.rng), tuple(transitions))


def _encoded(frames: Sequence[Any], how: _Kind, rng: np.random.Generator) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mov" if how.codec == "mjpeg" else "mp4") as file:
        stream: Any = file.add_stream(how.codec, rate=how.rate)
        stream.width, stream.height = WIDTH, HEIGHT
        stream.pix_fmt = "yuvj420p" if how.codec == "mjpeg" else "yuv420p"
        stream.codec_context.options = _OPTIONS.get(how.codec, {})
        stream.bit_rate = 600_000
        unit = how.rate * (4 if how.uneven else 1)
        stream.codec_context.time_base = Fraction(1, unit)
        tick = 0
        for pixels in frames:
            frame = av.VideoFrame.from_ndarray(pixels.clip(0, 255).astype(np.uint8), format="rgb24")
            frame.pts, frame.time_base = tick, Fraction(1, unit)
            tick += int(rng.integers(1, 8)) if how.uneven else 1
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()
