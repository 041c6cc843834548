"""Which samples are loud, in every form that they are stored in, and in which blocks."""

from __future__ import annotations

from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

from pipelines.media.sound import _loud_spans

Samples = npt.NDArray[Any]


def spans(samples: Samples, form: str, layout: str = "mono", rate: int = 48_000) -> object:
    frame = av.AudioFrame.from_ndarray(samples, format=form, layout=layout)
    frame.sample_rate = rate
    return _loud_spans(frame)


_BELOW = float(np.nextafter(np.float32(0.001), np.float32(0)))
# The least that reaches a thousandth of full scale, and the most that does not.
EDGES = [
    ("s16", np.int16, 33, 32),
    ("s16p", np.int16, 33, 32),
    ("s32", np.int32, 2_147_484, 2_147_483),
    ("flt", np.float32, 0.001, _BELOW),
    ("fltp", np.float32, 0.001, _BELOW),
    ("dbl", np.float64, 0.001, 0.000999),
]


@pytest.mark.parametrize(("form", "kind", "loud", "quiet"), EDGES)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_thousandth_of_full_scale_is_loud(
    form: str, kind: type[np.generic], loud: float, quiet: float, sign: int
) -> None:
    assert spans(np.array([[sign * quiet] * 480], kind), form) == []
    assert spans(np.array([[sign * quiet] * 479 + [sign * loud]], kind), form) == [(0, 480)]


@pytest.mark.parametrize(("value", "is_loud"), [(127, True), (128, False), (129, True)])
def test_the_middle_of_eight_bits_is_silence(value: int, is_loud: bool) -> None:
    assert bool(spans(np.full((1, 480), value, np.uint8), "u8")) == is_loud


@pytest.mark.parametrize(
    ("at", "found"), [(0, (0, 480)), (479, (0, 480)), (480, (480, 960)), (999, (960, 1000))]
)
def test_blocks_are_ten_milliseconds_long(at: int, found: tuple[int, int]) -> None:
    samples = np.zeros((1, 1000), np.int16)
    samples[0, at] = 99
    assert spans(samples, "s16") == [found]
    assert spans(samples, "s16", rate=96_000) == [(0, 960) if at < 960 else (960, 1000)]
    assert spans(samples, "s16", rate=50) == [(at, at + 1)]  # a block has a sample at least


@pytest.mark.parametrize("form", ["s16", "s16p"])
@pytest.mark.parametrize("channel", [0, 1])
def test_a_sample_is_loud_if_it_is_in_any_channel(form: str, channel: int) -> None:
    samples = np.zeros((2, 960), np.int16)
    samples[channel, 500] = -99
    given = samples if form.endswith("p") else samples.T.reshape(1, -1)
    assert spans(np.ascontiguousarray(given), form, "stereo") == [(480, 960)]


def test_what_is_no_number_is_silent() -> None:
    assert spans(np.full((1, 480), np.nan, np.float32), "flt") == []
