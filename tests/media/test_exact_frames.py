"""Single frames of a film are those of the numbers asked for, as they are displayed."""

from __future__ import annotations

import io
import random
from collections.abc import Callable, Sequence
from fractions import Fraction

import numpy as np
import pytest
from PIL import Image

from pipelines.features.guard import Guard, this_guard
from pipelines.media import exact_frames
from pipelines.media.exact_frames import read_frames
from schemas.errors import BadRecord
from tests.media.media_samples import LIMITS, in_quicktime, turned_film
from tests.media.numbered_films import (
    Pixels,
    number_in,
    numbered,
    numbered_film,
    psnr,
    refreshed_film,
)
from tests.media.test_films import EDITABLE, edited_film

_EVEN = [25 * number for number in range(30)]
_UNEVEN = [0, 20, 40, 200, 220, 240, 600, 700, 701, 1000]
_LONG = [25 * number for number in range(250)]
_MIN_PSNR_DB = 34.0


def upright(data: bytes) -> Pixels:
    image = Image.open(io.BytesIO(data))
    assert (image.format, image.mode, image.info) == ("PNG", "RGB", {})
    return np.asarray(image, np.uint8)


@pytest.fixture(scope="module")
def guard() -> Guard:
    return this_guard()


FILMS: dict[str, Callable[[], bytes]] = {
    "even": lambda: numbered_film(_EVEN),
    "variable rate": lambda: numbered_film(_UNEVEN),
    "one frame": lambda: numbered_film([0]),
    "refreshed": lambda: refreshed_film(_LONG[:100]),
    "two frames": lambda: numbered_film([0, 25]),
    "no frames that wait": lambda: numbered_film(_EVEN, codec="mpeg4"),
    "quicktime": lambda: in_quicktime(numbered_film(_EVEN)),
    "ten bits": lambda: numbered_film(_EVEN[:9], codec="libsvtav1", layout="yuv420p10le"),
    "odd size": lambda: numbered_film(_EVEN[:9], size=(127, 73), codec="libvpx-vp9"),
}


@pytest.mark.parametrize("name", FILMS)
def test_every_frame_is_the_one_of_its_number(guard: Guard, name: str) -> None:
    data = FILMS[name]()
    count = guard.film(data, LIMITS).frames
    files = guard.exact_frames(data, range(count), None, LIMITS)
    pictures = list(map(upright, files))
    assert [number_in(one) for one in pictures] == list(range(count))
    height, width = pictures[0].shape[:2]
    drawn = [numbered(number, width, height) for number in range(count)]
    assert min(map(psnr, pictures, drawn)) >= _MIN_PSNR_DB
    assert guard.exact_frames(data, [count - 1], None, LIMITS) == files[-1:]
    with pytest.raises(BadRecord, match=f"frame {count} cannot be decoded again"):
        guard.exact_frames(data, [count], None, LIMITS)


def test_frames_far_apart_are_those_that_reading_all_gives(guard: Guard) -> None:
    data = numbered_film(_LONG)
    choose = random.Random(17)
    wanted: Sequence[int] = [0, 1, 100, 101, 247, 248, 249]
    for _ in range(6):
        files = guard.exact_frames(data, wanted, None, LIMITS)
        assert [number_in(upright(one)) for one in files] == list(wanted)
        wanted = sorted(choose.sample(range(250), choose.randint(1, 6)))


@pytest.mark.parametrize("name", [*FILMS, "edited"])
def test_seeking_gives_the_same_frames(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    edited = edited_film(EDITABLE, (1000, 1024 + 512 * 21, 1 << 16))
    data = FILMS[name]() if name in FILMS else edited
    limits = (LIMITS.max_pixels, None, 0)
    numbers = range(this_guard().film(data, LIMITS).frames)
    whole = {at: one.tobytes() for at, one in read_frames(data, numbers, *limits)}
    monkeypatch.setattr(exact_frames, "_SEEK_FROM_FRAMES", 1)
    for number in numbers:
        [(at, image)] = read_frames(data, [number], *limits)
        assert (at, image.tobytes()) == (number, whole[number])


@pytest.mark.parametrize("start", [12, 21, 24])
def test_frames_left_out_by_an_edit_list_do_not_count(guard: Guard, start: int) -> None:
    """A second from frame `start` on, which need not be a keyframe."""
    tick = 1024 + 512 * start  # 1024: frames that are decoded before the first
    data = edited_film(EDITABLE, (1000, tick, 1 << 16))
    assert guard.film(data, LIMITS).frames == 24
    whole = guard.exact_frames(EDITABLE, range(48), None, LIMITS)
    files = guard.exact_frames(data, [0, 1, 23], None, LIMITS)
    assert [whole.index(one) for one in files] == [start, start + 1, start + 23]


@pytest.mark.parametrize("name", [*FILMS, "edited"])
def test_times_are_those_of_shots(guard: Guard, name: str) -> None:
    edited = edited_film(EDITABLE, (1000, 1024 + 512 * 21, 1 << 16))
    data = FILMS[name]() if name in FILMS else edited
    film, times = guard.film(data, LIMITS), guard.frame_times(data, LIMITS)
    assert len(times) == film.frames + 1
    for shot in film.shots:
        assert (times[shot.first_frame], times[shot.end_frame]) == (shot.start_ms, shot.end_ms)
        assert times[shot.keyframe] == shot.keyframe_ms
    if name == "variable rate":
        assert times[:-1] == [round(time * 1000 / 600) for time in _UNEVEN]


def test_turned_and_stretched_frames_are_displayed(guard: Guard) -> None:
    oblong = numbered_film(_EVEN[:6], aspect=Fraction(3, 2))  # 128 x 72, shown as 192 x 72
    turned = turned_film(oblong)
    for size, expected in ((None, (72, 192)), ((36, 96), (36, 96))):
        pictures = list(map(upright, guard.exact_frames(turned, [1, 4], size, LIMITS)))
        assert [one.shape[1::-1] for one in pictures] == [expected] * 2
        assert [number_in(np.rot90(one, 1)) for one in pictures] == [1, 4]


def test_models_get_small_frames(guard: Guard) -> None:
    data = numbered_film(_EVEN[:6], size=(640, 360))
    images = guard.frame_images(data, [2, 5], LIMITS)
    assert [one.size for one in images] == [(512, 288)] * 2
    assert [number_in(np.asarray(one, np.uint8)) for one in images] == [2, 5]


def test_the_same_frames_are_the_same_bytes(guard: Guard) -> None:
    data = numbered_film(_EVEN)
    first = guard.exact_frames(data, [3, 28], None, LIMITS)
    fresh = Guard()
    try:
        assert fresh.exact_frames(data, [3, 28], None, LIMITS) == first
    finally:
        fresh.close()
