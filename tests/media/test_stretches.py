"""Black, frozen and silent stretches are found where they were made."""

from __future__ import annotations

import io
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from pipelines.features.guard import this_guard
from pipelines.media.film import Film
from pipelines.media.stretches import (
    BLACK,
    FROZEN,
    MAX_STRETCHES,
    SILENT,
    StillFinder,
    Stretch,
    longest,
    stretches_between,
)
from tests.media.media_samples import LIMITS, film
from tests.media.numbered_films import number_in, refreshed_film

_RATE, _HZ = 24, 48_000
Sounds = npt.NDArray[np.float32]


def moving(frames: int) -> list[npt.NDArray[np.uint8]]:
    """A grey picture with a bright block that moves by three pixels a frame."""
    pictures = []
    for number in range(frames):
        picture = np.full((72, 128, 3), 90, np.uint8)
        picture[20:44, 3 * number % 90 : 3 * number % 90 + 30] = 220
        pictures.append(picture)
    return pictures


def still(frames: int, shade: int) -> list[npt.NDArray[np.uint8]]:
    picture = np.full((72, 128, 3), shade, np.uint8)
    if shade > 40:
        picture[20:50, 30:60] = 200
    return [picture] * frames


def made(
    pictures: list[npt.NDArray[np.uint8]], sounds: Sounds | None = None, codec: str = "aac"
) -> bytes:
    """Makes a film at 24 frames per second, with sound at 48 kHz."""
    out = io.BytesIO()
    with av.open(out, "w", format="mov" if codec.startswith("pcm") else "mp4") as file:
        video: Any = file.add_stream("libx264", rate=_RATE)
        video.width, video.height, video.pix_fmt = 128, 72, "yuv420p"
        video.gop_size = 12
        sound: Any = file.add_stream(codec, rate=_HZ) if sounds is not None else None
        if sound is not None:
            sound.layout = "stereo"
        for picture in pictures:
            file.mux(video.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(video.encode(None))
        if sounds is not None:
            file.mux(list(_encoded(sound, sounds)))
    return out.getvalue()


def _encoded(stream: Any, sounds: Sounds) -> Any:
    for at in range(0, len(sounds), 1024):
        part = np.stack([sounds[at : at + 1024]] * 2)
        frame = av.AudioFrame.from_ndarray(part, format="fltp", layout="stereo")
        frame.sample_rate, frame.pts = _HZ, at
        yield from stream.encode(frame)
    yield from stream.encode(None)


def tone(seconds: float, level: float) -> Sounds:
    return np.asarray(level * np.sin(np.arange(round(_HZ * seconds)) * 0.05), np.float32)


def seen(data: bytes) -> Film:
    return this_guard().film(data, LIMITS)


def stretches(found: Film, kind: str) -> list[tuple[int, int]]:
    return [(one.start_ms, one.end_ms) for one in found.stretches if one.kind == kind]


def near(found: list[tuple[int, int]], key: list[tuple[int, int]], within_ms: int = 45) -> bool:
    """Tells whether all borders are within a frame of the key."""
    pairs = zip(np.ravel(found), np.ravel(key), strict=True)
    borders = [abs(int(one) - int(two)) for one, two in pairs]
    return max(borders, default=0) <= within_ms


def test_black_and_frozen_pictures() -> None:
    found = seen(made(moving(24) + still(12, 0) + moving(24) + still(48, 120) + moving(12)))
    assert near(stretches(found, BLACK), [(1000, 1500)])
    assert near(stretches(found, FROZEN), [(2500, 4500)])
    assert (found.sound, found.silent_ms) == ("none", 0)
    assert abs(found.black_ms - 500) <= 45 and abs(found.frozen_ms - 2000) <= 90


def test_a_stretch_that_crosses_batches_of_frames_is_one() -> None:
    """Frames are looked at in batches of 64."""
    found = seen(made(moving(50) + still(40, 0) + moving(50)))
    assert near(stretches(found, BLACK), [(2083, 3750)])
    assert near(stretches(found, FROZEN), [(2083, 3750)])


def test_a_dim_picture_is_not_black() -> None:
    dim = np.full((72, 128, 3), 48, np.uint8)
    found = seen(made([dim] * 36))
    assert (stretches(found, BLACK), stretches(found, FROZEN)) == ([], [(0, 1500)])


def test_a_moving_film_and_a_short_black_have_no_stretches() -> None:
    found = seen(made(moving(30) + still(3, 0) + moving(30)))
    assert found.stretches == ()
    assert (found.black_ms, found.frozen_ms) == (0, 0)


@pytest.mark.parametrize(("frames", "length_ms"), [(48, 2000), (18, 750), (4, 167), (2, 83)])
def test_a_film_that_is_black_throughout_is_frozen_too(frames: int, length_ms: int) -> None:
    """However short it is: a share of it is what deals refuse by."""
    found = seen(made(still(frames, 0)))
    assert stretches(found, BLACK) == stretches(found, FROZEN) == [(0, length_ms)]
    assert found.black_ms == found.frozen_ms == found.duration_ms == length_ms


def test_a_short_black_in_a_short_film_is_none() -> None:
    found = seen(made(still(3, 0) + moving(15)))
    assert found.stretches == ()


@pytest.mark.parametrize("codec", ["aac", "pcm_s16le", "pcm_s24le", "flac", "libopus", "alac"])
def test_silence(codec: str) -> None:
    """Sound, silence, quiet sound, a short pause, and sound that ends before the pictures."""
    sounds = np.concatenate(
        [tone(1, 0.3), tone(2, 0), tone(1, 0.01), tone(0.5, 0), tone(0.5, 0.3), tone(1.5, 0)]
    )
    if codec not in av.codecs_available and codec != "libopus":
        pytest.skip(f"this build of FFmpeg cannot encode {codec}")
    found = seen(made(moving(8 * _RATE), sounds, codec))
    assert found.sound == "decoded"
    silent = stretches(found, "silent")
    # Lossy codecs smear sound over some twentieths of a second; 5 s to 8 s has none.
    assert near(silent, [(1000, 3000), (5000, 8000)], 120), silent
    assert found.silent_ms == sum(end - start for start, end in silent)


@pytest.mark.parametrize("codec", ["pcm_s16le", "pcm_s24le", "pcm_u8", "pcm_f32le", "flac"])
def test_silence_is_below_a_thousandth_of_full_scale(codec: str) -> None:
    audible = 0.02 if codec == "pcm_u8" else 0.002  # eight bits hold nothing that faint
    found = seen(made(moving(72), np.concatenate([tone(1.5, 0.0005), tone(1.5, audible)]), codec))
    assert near(stretches(found, "silent"), [(0, 1500)])


def test_sound_that_cannot_be_decoded_is_not_silence() -> None:
    data = bytearray(made(moving(24), tone(1, 0.3), "pcm_s16le"))
    at = data.index(b"sowt")
    data[at : at + 4] = b"QDM2"
    found = seen(bytes(data))
    assert (found.sound, found.silent_ms) == ("unread", 0)
    assert found.frames == 24


def test_only_the_longest_stretches_are_listed() -> None:
    many = [Stretch(BLACK, 1000 * at, 1000 * at + 200 + at) for at in range(MAX_STRETCHES + 5)]
    assert longest(many) == tuple(many[5:])


def test_each_shot_is_represented_by_a_picture_that_shows_something() -> None:
    """The second shot's middle keyframe is black; another one is chosen, and the same each time."""
    data = made(moving(24) + still(2, 0) + still(60, 120), None)
    first, again = seen(data), seen(data)
    assert first.shots == again.shots
    for shot, sample in zip(first.shots, first.shot_samples, strict=True):
        assert shot.first_frame <= shot.keyframe < shot.end_frame
        assert shot.start_ms <= shot.keyframe_ms < shot.end_ms
        assert np.ptp(np.asarray(sample.convert("L"), int)) > 60


def test_the_keyframe_is_the_frame_that_was_sampled() -> None:
    data = film(frames=48, gop=6)
    found = seen(data)
    with av.open(io.BytesIO(data), mode="r") as container:
        decoded: list[Any] = list(container.decode(video=0))
        frames = [frame.to_image() for frame in decoded]
    for shot, sample in zip(found.shots, found.shot_samples, strict=True):
        assert frames[shot.keyframe] == sample
        assert shot.keyframe_ms == round(shot.keyframe * 1000 / 24)
        assert shot.motion_milli > 0


def test_a_shot_of_a_film_that_is_refreshed_bit_by_bit_is_sampled_at_its_keyframe() -> None:
    """Every frame of such a film can be decoded, but not from the nearest keyframe."""
    found = seen(refreshed_film([25 * number for number in range(100)]))
    assert len(found.shots) == len(found.shot_samples) > 1
    for shot, sample in zip(found.shots, found.shot_samples, strict=True):
        assert number_in(np.asarray(sample)) == shot.keyframe


def test_a_dim_still_shot_between_blacks() -> None:
    """A blank keyframe is passed over for a frame inside that shows something."""
    found = seen(made(still(20, 0) + moving(3) + still(21, 0)))
    [shot, *_] = [one for one in found.shots if one.first_frame <= 21 < one.end_frame]
    assert 20 <= shot.keyframe < 23


# docs/profiles.md: a grid of 32 x 18 cells, here each the sum of 4 x 4 samples of luma.
_GRID, _SAMPLES = 32 * 18, 16


def ranges(*grids: list[int]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """Returns where a film of these grids, in sums of luma, is black and frozen."""
    finder = StillFinder()
    finder.add(np.asarray(grids, np.int16))
    finder.finish()
    return finder.black, finder.frozen


def grid(luma: int, bright: int = 0, more: int = 0) -> list[int]:
    """A grid of one luma; some of its cells are bright, and the last one has another sum."""
    return [3000] * bright + [luma * _SAMPLES] * (_GRID - bright - 1) + [luma * _SAMPLES + more]


@pytest.mark.parametrize(("luma", "is_black"), [(0, True), (31, True), (32, True), (33, False)])
def test_black_is_a_luma_of_at_most_32(luma: int, is_black: bool) -> None:
    assert ranges(grid(luma))[0] == ([(0, 1)] if is_black else [])


@pytest.mark.parametrize(("bright", "is_black"), [(0, True), (11, True), (12, False)])
def test_98_of_100_cells_are_black(bright: int, is_black: bool) -> None:
    """Of 576 cells, 564.48 are 98 of 100: 565 must be black."""
    assert (100 * (_GRID - bright) >= 98 * _GRID) == is_black
    assert ranges(grid(16, bright))[0] == ([(0, 1)] if is_black else [])
    assert ranges(grid(32, bright - 1, more=1) if bright else grid(32))[0] == (
        [(0, 1)] if is_black else []
    )


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize(("step", "is_frozen"), [(0, True), (32, True), (33, False)])
def test_frozen_is_a_step_of_at_most_2_in_every_cell(sign: int, step: int, is_frozen: bool) -> None:
    found = ranges(grid(100), grid(100, more=sign * step))[1]
    assert found == ([(0, 2)] if is_frozen else [])


def test_slow_movement_ends_a_frozen_stretch_and_one_picture_is_none() -> None:
    """Each picture is compared with the stretch's first one."""
    assert ranges(*(grid(100, more=16 * at) for at in range(6)))[1] == [(0, 3), (3, 6)]
    assert ranges(*(grid(100, more=33 * at) for at in range(4)))[1] == []
    assert ranges(grid(100))[1] == []


@pytest.mark.parametrize(("kind", "least_ms"), [(BLACK, 200), (FROZEN, 1000), (SILENT, 1000)])
@pytest.mark.parametrize("start_ms", [0, 700])
def test_shorter_stretches_are_left_out_unless_one_is_the_whole_film(
    kind: str, least_ms: int, start_ms: int
) -> None:
    def kept(length_ms: int, film_ms: int) -> bool:
        span = (start_ms, start_ms + length_ms)
        found = stretches_between(kind, [span], film_ms)
        assert found in ([], [Stretch(kind, *span)])
        return bool(found)

    assert kept(least_ms, 60_000) and kept(least_ms + 1, 60_000)
    assert not kept(least_ms - 1, 60_000) and not kept(1, 60_000)
    assert kept(least_ms - 1, least_ms - 1) and kept(150, 150)
    assert not kept(149, 150) and not kept(least_ms - 1, least_ms)
    assert not kept(0, 0) and kept(1, 1)


def test_at_most_64_of_each_kind_are_listed() -> None:
    """Of equally long ones, the first; in the order of kinds, then of time."""
    many = [Stretch(kind, 500 * at, 500 * at + 300) for at in range(65) for kind in (SILENT, BLACK)]
    found = longest([*many, Stretch(FROZEN, 7, 9000)])
    first = {kind: tuple(one for one in many if one.kind == kind)[:64] for kind in (BLACK, SILENT)}
    assert found == (*first[BLACK], Stretch(FROZEN, 7, 9000), *first[SILENT])
