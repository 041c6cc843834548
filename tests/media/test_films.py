"""Films: codecs, rotation, audio, limits and missing frames."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import pytest

from pipelines.features.guard import Guard, this_guard
from pipelines.media.limits import MediaLimits
from schemas.errors import BadRecord
from tests.media.media_samples import LIMITS, encode, film, picture, turned_film


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


def test_film_facts(guard: Guard) -> None:
    seen = guard.film(film(), LIMITS)
    assert (seen.codec, seen.pixel_format, seen.bit_depth) == ("h264", "yuv420p", 8)
    assert seen.keyframes_ms == (0, 250, 500, 750)
    assert seen.fps == 24 and not seen.has_audio


@pytest.mark.parametrize("codec", ["mpeg4", "libx265", "libsvtav1", "libvpx-vp9"])
def test_supported_codecs_are_decoded(guard: Guard, codec: str) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg cannot encode {codec}")
    assert guard.film(film(codec=codec), LIMITS).frames == 24


def test_unlisted_codec_is_refused(guard: Guard) -> None:
    with pytest.raises(BadRecord, match=r"media\.unsupported_format: video codec mjpeg"):
        guard.film(_other_film("mjpeg", "yuvj420p"), LIMITS)


def _other_film(codec: str, layout: str) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        stream: Any = container.add_stream(codec, rate=24)
        stream.width, stream.height, stream.pix_fmt = 64, 48, layout
        for _ in range(3):
            frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return out.getvalue()


def _sound(video: bool) -> bytes:
    out = io.BytesIO()
    with av.open(out, "w", format="mp4") as container:
        picture_stream: Any = container.add_stream("libx264", rate=24) if video else None
        sound: Any = container.add_stream("aac", rate=48000)
        if picture_stream:
            picture_stream.width, picture_stream.height = 64, 48
            picture_stream.pix_fmt = "yuv420p"
            for _ in range(6):
                frame = av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")
                container.mux(picture_stream.encode(frame))
            container.mux(picture_stream.encode(None))
        samples = np.zeros((1, 1024), dtype=np.float32)
        block = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        block.sample_rate = 48000
        container.mux(sound.encode(block))
        container.mux(sound.encode(None))
    return out.getvalue()


def test_audio_is_allowed_but_not_alone(guard: Guard) -> None:
    assert guard.film(_sound(video=True), LIMITS).has_audio
    with pytest.raises(BadRecord, match="no video track"):
        guard.film(_sound(video=False), LIMITS)


def test_rotated_film_is_decoded_upright(guard: Guard) -> None:
    plain, turned = (guard.film(data, LIMITS) for data in (film(), turned_film(film())))
    assert (turned.width, turned.height) == (64, 96)
    assert (turned.stored_width, turned.stored_height) == (96, 64)
    # The red block is in the upper left; a quarter turn clockwise moves it to the upper right.
    before, after = plain.samples[0], turned.samples[0]
    assert after.size == (64, 96)
    for x, y in ((10, 16), (60, 40), (90, 60)):
        assert after.getpixel((63 - y, x)) == before.getpixel((x, y))


def test_pixel_limit_applies_to_films(guard: Guard) -> None:
    small = MediaLimits(LIMITS.max_bytes, max_pixels=96 * 64 - 1)
    with pytest.raises(BadRecord, match=r"media\.too_large: 96 x 64 pixels"):
        guard.film(film(), small)


def test_film_samples_are_small(guard: Guard) -> None:
    seen = guard.film(film(), MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, side=48))
    assert [image.size for image in seen.samples] == [(48, 32)] * 3
    five = MediaLimits(LIMITS.max_bytes, LIMITS.max_pixels, sample_frames=5)
    assert len(guard.film(film(), five).samples) == 5


def test_frames_missing_from_the_middle_are_detected(guard: Guard) -> None:
    """The data of several frames is overwritten with zeros; the index still lists them."""
    data = bytearray(film(frames=48, gop=12, flags=""))
    start = data.index(b"mdat") + 4
    length = int.from_bytes(data[start - 8 : start - 4], "big") - 8
    data[start + length // 3 : start + 2 * length // 3] = bytes(2 * length // 3 - length // 3)
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        guard.film(bytes(data), LIMITS)


def test_picture_is_not_accepted_as_a_film(guard: Guard) -> None:
    with pytest.raises(BadRecord, match=r"media\.undecodable"):
        guard.film(encode(picture(), "PNG"), LIMITS)
