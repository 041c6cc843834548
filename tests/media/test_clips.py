"""Clips show exactly the frames that they say, at the same times, and are the same on every run."""

from __future__ import annotations

import io
from fractions import Fraction
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from pipelines.features.guard import this_guard
from pipelines.media.clip_packets import NO_KEYFRAME, ONE_FRAME
from pipelines.media.clips import Clip, Way
from pipelines.media.formats import Format
from tests.media.media_samples import LIMITS, film, turned_film
from tests.media.numbered_films import number_in, refreshed_film
from tests.media.test_films import EDITABLE, edited_film
from tests.media.test_stretches import made, moving, tone

WAYS: tuple[Way, ...] = ("keyframe-copy", "exact")
Pictures = list[npt.NDArray[np.uint8]]


def numbered(
    frames: int = 72,
    gop: int = 12,
    codec: str = "libx264",
    container: str = "mp4",
    layout: str = "yuv420p",
    ticks: list[int] | None = None,
    options: dict[str, str] | None = None,
) -> bytes:
    """Makes a film each of whose frames shows its number as eight black or white bars."""
    out = io.BytesIO()
    with av.open(out, "w", format=container) as file:
        given = {"sc_threshold": "0", **(options or {})}
        stream: Any = file.add_stream(codec, rate=24, options=given)
        stream.width, stream.height, stream.pix_fmt, stream.gop_size = 128, 64, layout, gop
        stream.codec_context.time_base = Fraction(1, 240)
        for number in range(frames):
            bars = [255 * (number >> bit & 1) for bit in range(8)]
            pixels = np.repeat(np.array(bars, np.uint8), 16)[None, :, None]
            frame = av.VideoFrame.from_ndarray(
                np.ascontiguousarray(np.broadcast_to(pixels, (64, 128, 3))), format="rgb24"
            )
            frame.pts = 10 * number if ticks is None else ticks[number]
            frame.time_base = Fraction(1, 240)
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))
    return out.getvalue()


def read(data: bytes) -> tuple[list[int], list[Fraction], Fraction]:
    """Returns the numbers that a film's frames show, their times and its length, in seconds."""
    with av.open(io.BytesIO(data), mode="r") as container:
        stream = container.streams.video[0]
        base = stream.time_base or Fraction(0)
        numbers, times = [], []
        for frame in container.decode(stream):
            grey = frame.to_ndarray(format="gray")
            middles = grey[32, 8::16] > 127
            numbers.append(int(sum(int(bit) << at for at, bit in enumerate(middles))))
            times.append((frame.pts or 0) * base)
        return numbers, times, (stream.duration or 0) * base


def cut(data: bytes, ranges: list[tuple[int, int]], way: Way, fmt: Format = "mp4") -> list[Clip]:
    return this_guard().clips(data, fmt, ranges, way, LIMITS)


def shown(data: bytes) -> list[Image.Image]:
    """Returns all frames as they are stored."""
    with av.open(io.BytesIO(data), mode="r") as container:
        frames: list[Any] = list(container.decode(video=0))
        return [frame.to_image() for frame in frames]


RANGES = [(0, 24), (5, 41), (24, 72), (30, 60), (13, 20)]


@pytest.mark.parametrize(
    ("codec", "options"),
    [
        ("libx264", {"bf": "0"}),
        ("libx264", {"bf": "3", "b_strategy": "0", "sc_threshold": "0"}),
        ("libx264", {"bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("mpeg4", {}),
        ("mpeg4", {"bf": "2"}),
        ("mpeg2video", {"bf": "2"}),
        ("libx265", {"x265-params": "log-level=none"}),
        ("libvpx-vp9", {}),
    ],
)
@pytest.mark.parametrize("way", WAYS)
def test_clips_have_the_frames_and_times_that_they_say(
    codec: str, options: dict[str, str], way: Way
) -> None:
    if codec not in av.codecs_available:
        pytest.skip(f"this build of FFmpeg cannot encode {codec}")
    data = numbered(codec=codec, options=options)
    whole, times, length = read(data)
    assert whole == list(range(72))
    ends = [*times[1:], times[0] + length]
    made_any = False
    for (first, end), clip in zip(RANGES, cut(data, RANGES, way), strict=True):
        if clip.problem:
            assert (way, clip.problem, clip.data) == ("keyframe-copy", NO_KEYFRAME, b"")
            continue
        made_any = True
        numbers, own_times, own_length = read(clip.data)
        assert first <= clip.first_frame < clip.end_frame <= end
        assert numbers == list(range(clip.first_frame, clip.end_frame))
        shown = slice(clip.first_frame, clip.end_frame)
        assert [one - own_times[0] for one in own_times] == [
            one - times[clip.first_frame] for one in times[shown]
        ]
        assert own_length == ends[clip.end_frame - 1] - times[clip.first_frame]
        assert clip.duration_ms == round(1000 * own_length)
        assert clip.start_ms == round(1000 * (times[clip.first_frame] - times[0]))
        if way == "exact":
            assert (clip.first_frame, clip.end_frame) == (first, end)
    assert made_any


def test_exact_clips_of_a_film_that_is_refreshed_bit_by_bit() -> None:
    """What it calls a keyframe gives only later frames; no copy may begin there."""
    data = refreshed_film([25 * number for number in range(100)])
    for first, end in RANGES:
        [clip] = cut(data, [(first, end)], "exact")
        assert [number_in(np.asarray(one)) for one in shown(clip.data)] == list(range(first, end))
        [copied] = cut(data, [(first, end)], "keyframe-copy")
        assert copied.problem or first == 0


def test_a_range_without_a_keyframe_can_only_be_cut_exactly() -> None:
    data = numbered()
    [copied] = cut(data, [(13, 20)], "keyframe-copy")
    assert (copied.problem, copied.data) == (NO_KEYFRAME, b"")
    [exact] = cut(data, [(13, 20)], "exact")
    assert read(exact.data)[0] == list(range(13, 20))


@pytest.mark.parametrize("way", WAYS)
def test_the_same_film_gives_the_same_bytes(way: Way) -> None:
    data = numbered()
    assert cut(data, RANGES, way) == cut(data, RANGES, way)


@pytest.mark.parametrize("way", WAYS)
def test_variable_frame_rates_are_kept(way: Way) -> None:
    ticks = [0]
    for number in range(71):
        ticks.append(ticks[-1] + 3 + number * 7 % 31)
    data = numbered(ticks=ticks)
    _, times, _ = read(data)
    [clip] = cut(data, [(24, 60)], way)
    numbers, own, _ = read(clip.data)
    assert numbers == list(range(clip.first_frame, clip.end_frame)) and len(numbers) > 24
    start = times[clip.first_frame]
    assert own == [one - start for one in times[clip.first_frame : clip.end_frame]]


@pytest.mark.parametrize("seed", range(6))
def test_every_clip_of_an_uneven_film_that_is_decoded_in_another_order_is_exact(seed: int) -> None:
    """Phones write such films: of uneven spaces, and with pictures made from later ones."""
    random = np.random.default_rng(seed)
    ticks = np.cumsum([0, *random.choice([4, 8, 8, 12, 72], 47)]).tolist()
    data = numbered(frames=48, ticks=ticks, options={"bf": str(1 + seed % 3)})
    _, times, _ = read(data)
    ranges = [(0, 48), *[tuple(sorted(random.choice(48, 2, replace=False))) for _ in range(8)]]
    exact = 0
    for clip in cut(data, [(int(first), int(end)) for first, end in ranges], "keyframe-copy"):
        assert clip.problem in ("", NO_KEYFRAME, ONE_FRAME)
        if clip.problem:
            continue
        exact += 1
        numbers, own, own_length = read(clip.data)
        assert numbers == list(range(clip.first_frame, clip.end_frame))
        start = times[clip.first_frame]
        assert own == [one - start for one in times[clip.first_frame : clip.end_frame]]
        assert clip.duration_ms == round(1000 * own_length)
        if clip.end_frame < len(times):  # what comes after the last frame, no encoder was told
            assert own_length == times[clip.end_frame] - start
    assert exact > 2


@pytest.mark.parametrize("way", WAYS)
def test_frames_that_an_edit_list_hides_are_in_no_clip(way: Way) -> None:
    """The edit begins three frames after a keyframe; the next is six frames after that."""
    data = edited_film(EDITABLE, (1625, 1024 + 3 * 12_288 // 8, 1 << 16))
    [clip] = cut(data, [(0, 39)], way)
    own = this_guard().film(clip.data, LIMITS)
    assert (clip.first_frame, clip.end_frame) == ((0, 39) if way == "exact" else (3, 39))
    assert own.frames == clip.end_frame - clip.first_frame
    assert own.duration_ms == clip.duration_ms == round(1000 * own.frames / 24)


TURNS = {
    (-1, 0, 0, 1): Image.Transpose.FLIP_LEFT_RIGHT,
    (1, 0, 0, -1): Image.Transpose.FLIP_TOP_BOTTOM,
    (-1, 0, 0, -1): Image.Transpose.ROTATE_180,
    (0, -1, 1, 0): Image.Transpose.ROTATE_90,
    (0, 1, -1, 0): Image.Transpose.ROTATE_270,
    (0, 1, 1, 0): Image.Transpose.TRANSPOSE,
    (0, -1, -1, 0): Image.Transpose.TRANSVERSE,
}


@pytest.mark.parametrize("matrix", TURNS)
@pytest.mark.parametrize("way", WAYS)
def test_turned_films_give_clips_that_are_shown_the_same_way(
    matrix: tuple[int, int, int, int], way: Way
) -> None:
    data = turned_film(film(frames=48, aspect=Fraction(4, 3)), *matrix)
    whole = this_guard().film(data, LIMITS)
    [clip] = cut(data, [(0, 48)], way)
    own = this_guard().film(clip.data, LIMITS)
    assert (own.width, own.height, own.frames) == (whole.width, whole.height, 48)
    if way == "keyframe-copy":
        assert shown(clip.data) == shown(data)
        return
    for one, two in zip(shown(data), shown(clip.data), strict=True):
        displayed = one.resize((128, 64), Image.Resampling.BICUBIC).transpose(TURNS[matrix])
        assert np.abs(np.asarray(displayed, int) - np.asarray(two, int)).mean() < 4


@pytest.mark.parametrize("way", WAYS)
def test_sound_is_copied(way: Way) -> None:
    data = made(moving(96), np.concatenate([tone(2, 0), tone(2, 0.3)]))
    quiet, loud = cut(data, [(0, 36), (60, 96)], way)
    assert quiet.has_sound and loud.has_sound
    heard = [this_guard().film(clip.data, LIMITS) for clip in (quiet, loud)]
    assert [one.sound for one in heard] == ["decoded", "decoded"]
    assert heard[0].silent_ms > 1200 and heard[1].silent_ms == 0


@pytest.mark.parametrize(
    ("codec", "layout", "container"),
    [("prores_ks", "yuv422p10le", "mov"), ("mjpeg", "yuvj420p", "mov"), ("png", "rgb24", "mov")],
)
def test_films_of_keyframes_are_copied_whole(codec: str, layout: str, container: str) -> None:
    data = numbered(codec=codec, layout=layout, container=container)
    for way in WAYS:
        [clip] = cut(data, [(7, 31)], way, "mov")
        assert (clip.first_frame, clip.end_frame) == (7, 31), clip.problem
        assert read(clip.data)[0] == list(range(7, 31))


def test_a_range_outside_the_film_gives_no_clip() -> None:
    for way in WAYS:
        one, two, three = cut(numbered(), [(70, 73), (5, 5), (0, 24)], way)
        assert one.problem == two.problem == "the film has 72 frames"
        assert read(three.data)[0] == list(range(24))


def test_exact_clips_look_like_their_film() -> None:
    data = film(frames=24)
    [clip] = cut(data, [(3, 24)], "exact")
    for one, two in zip(shown(data)[3:], shown(clip.data), strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(two, int)).mean() < 3


def test_full_range_stays_as_bright() -> None:
    data = numbered(codec="mjpeg", layout="yuvj420p", container="mov", frames=24)
    [clip] = cut(data, [(0, 24)], "exact", "mov")
    for one, two in zip(shown(data), shown(clip.data), strict=True):
        assert np.abs(np.asarray(one, int) - np.asarray(two, int)).mean() < 4


def test_clips_of_an_av1_film_are_copied() -> None:
    """What decodes AV1 has another name than what the track is."""
    options = {"svtav1-params": "lp=1:keyint=12", "preset": "10"}
    data = numbered(24, codec="libsvtav1", options=options)
    [clip] = cut(data, [(12, 24)], "keyframe-copy")
    assert (clip.problem, clip.first_frame, clip.end_frame) == ("", 12, 24)
    assert read(clip.data)[0] == list(range(12, 24))
