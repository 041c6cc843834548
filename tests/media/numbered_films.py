"""Films whose frames show their own number, so that every frame can be told after rendering."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
_BITS = 8


def numbered(number: int, width: int, height: int) -> Pixels:
    """Draws eight columns, the bits of a number, over a smooth slope: [height, width, 3]."""
    slope = np.linspace(60, 190, width)[None, :] + np.linspace(-30, 30, height)[:, None]
    pixels = np.repeat(slope[:, :, None], 3, axis=2)
    for bit in range(_BITS):
        left, right = bit * width // _BITS, (bit + 1) * width // _BITS
        pixels[height // 3 : 2 * height // 3, left:right] = 230 if number >> bit & 1 else 20
    return np.clip(pixels, 0, 255).astype(np.uint8)


def number_in(pixels: Pixels) -> int:
    """Reads the number back from an upright picture of any size."""
    height, width = pixels.shape[:2]
    middles = [(2 * bit + 1) * width // (2 * _BITS) for bit in range(_BITS)]
    return sum(int(pixels[height // 2, at].mean() > 125) << bit for bit, at in enumerate(middles))


def numbered_film(
    times: Sequence[int],
    unit: int = 600,
    size: tuple[int, int] = (128, 72),
    codec: str = "libx264",
    container: str = "mp4",
    layout: str = "yuv420p",
    aspect: Fraction | None = None,
    draw: Callable[[int, int, int], Pixels] = numbered,
    encoding: Mapping[str, str] | None = None,
) -> bytes:
    """Makes a film whose frames are shown at given times, in units of so many a second."""
    out = io.BytesIO()
    options = {"video_track_timescale": str(unit)}
    with av.open(out, "w", format=container, options=options) as file:
        stream: Any = file.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = *size, layout
        stream.codec_context.time_base = Fraction(1, unit)
        stream.gop_size = 6
        if encoding:
            stream.codec_context.options = dict(encoding)
        if aspect is not None:
            stream.codec_context.sample_aspect_ratio = aspect
        for number, time in enumerate(times):
            frame = av.VideoFrame.from_ndarray(draw(number, *size), format="rgb24")
            frame.pts, frame.time_base = time, Fraction(1, unit)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def shown(data: bytes) -> list[tuple[Fraction, Pixels]]:
    """Returns when each frame of a film is shown, in seconds from the first, and its pixels."""
    with av.open(io.BytesIO(data), "r") as file:
        stream = next(one for one in file.streams.video if not one.disposition.value & 0x400)
        base = Fraction(stream.time_base or 1)
        frames: list[tuple[Fraction, Pixels]] = [
            ((one.pts or 0) * base, np.asarray(one.to_ndarray(format="rgb24"), np.uint8))
            for one in file.decode(stream)
        ]
    return [(time - frames[0][0], pixels) for time, pixels in frames]


def psnr(one: Pixels, other: Pixels) -> float:
    """Returns the peak signal-to-noise ratio of two pictures, in dB."""
    error = np.mean((one.astype(float) - other.astype(float)) ** 2)
    return float("inf") if error == 0 else float(10 * np.log10(255**2 / error))


def refreshed_film(times: Sequence[int]) -> bytes:
    """Makes a film that is refreshed column by column: only its first frame stands for itself.

    From what it calls a keyframe, frames can be decoded only after the refresh has gone once over
    the picture.
    """
    return numbered_film(times, encoding={"x264-params": "intra-refresh=1:scenecut=0:keyint=24"})
