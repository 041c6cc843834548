"""Which frames can be copied, for any order of decoding; the packets need no film."""

from __future__ import annotations

from fractions import Fraction
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.media.clip_packets import (
    NO_KEYFRAME,
    ONE_FRAME,
    ShownFrames,
    copied_range,
    decoding_time,
    film_options,
    read_packets,
)

_TICK = 10


def packet(pts: int | None, is_keyframe: bool = False, **more: object) -> Any:
    return SimpleNamespace(pts=pts, is_keyframe=is_keyframe, **more)


def copied(order: list[int], keyframes: set[int], first: int, end: int) -> tuple[int, int] | str:
    """Returns what is copied of a film whose frames are decoded in this order."""
    packets = [packet(_TICK * number, number in keyframes) for number in order]
    ticks = [_TICK * number for number in range(len(order))]
    return copied_range(ShownFrames(packets, ticks, [*ticks[1:], _TICK * len(order)]), first, end)


def longest_run(
    order: list[int], keyframes: set[int], first: int, end: int
) -> tuple[int, int] | str:
    """Tries every number of packets from the keyframe on: they must show all frames of a run."""
    at = [n for n, one in enumerate(order) if one in keyframes and first <= one < end]
    if not at:
        return NO_KEYFRAME
    start, best = order[at[0]], 0
    for stop in range(at[0] + 1, len(order) + 1):
        given = order[at[0] : stop]
        if max(given) >= end:
            break
        shown = {one for one in given if one >= start}
        if shown == {*range(start, start + len(shown))}:
            best = len(shown)
    return (start, start + best) if best >= 2 else ONE_FRAME


@given(st.data(), st.permutations(range(8)), st.sets(st.integers(0, 7), min_size=1))
def test_the_longest_run_of_frames_from_the_first_keyframe_is_copied(
    data: st.DataObject, order: list[int], keyframes: set[int]
) -> None:
    first = data.draw(st.integers(0, 7))
    end = data.draw(st.integers(first + 1, 8))
    expected = longest_run(order, keyframes, first, end)
    assert copied(order, keyframes, first, end) == expected


@pytest.mark.parametrize(
    ("order", "keyframes", "span", "found"),
    [
        ([0, 1, 2, 3], {0}, (0, 4), (0, 4)),
        ([0, 1, 2, 3], {0}, (1, 4), NO_KEYFRAME),
        ([0, 1, 2, 3], {0, 2}, (1, 4), (2, 4)),
        ([0, 1, 2, 3], {0, 3}, (1, 4), ONE_FRAME),
        ([0, 1, 2, 3], {0, 2}, (0, 2), (0, 2)),
        ([0, 3, 1, 2], {0}, (0, 3), ONE_FRAME),  # 1 and 2 need 3, which is outside
        ([0, 3, 1, 2], {0}, (0, 4), (0, 4)),
        ([0, 2, 1, 4, 3], {0}, (0, 4), (0, 3)),
        ([0, 1, 4, 2, 3, 5], {0, 4}, (1, 6), (4, 6)),  # 2 and 3 are shown before the keyframe
    ],
)
def test_copied_ranges(
    order: list[int], keyframes: set[int], span: tuple[int, int], found: tuple[int, int] | str
) -> None:
    assert longest_run(order, keyframes, *span) == found
    assert copied(order, keyframes, *span) == found


def test_packets_that_are_not_shown_are_left_out() -> None:
    def one(
        pts: int | None, size: int = 9, is_discard: bool = False, duration: int | None = 5
    ) -> Any:
        return packet(pts, size=size, is_discard=is_discard, duration=duration)

    given = [one(0), one(20), one(10, duration=50), one(None), one(30, size=0)]
    given += [one(40, is_discard=True), one(30, duration=None)]
    container: Any = SimpleNamespace(demux=lambda _: iter(given))
    stream: Any = None
    shown = read_packets(container, stream)
    assert shown.packets == [given[0], given[1], given[2], given[6]]
    assert shown.ticks == [0, 10, 20, 30]
    assert shown.ends == [10, 20, 30, 60]  # the last one as long as any is
    container.demux = lambda _: iter(())
    assert read_packets(container, stream) == ShownFrames([], [], [])


def test_a_packet_is_decoded_at_its_time_of_decoding_or_of_showing() -> None:
    base = Fraction(1, 10)
    cases: list[tuple[int | None, int | None, Fraction]]
    cases = [(3, 5, Fraction(3, 10)), (0, 5, Fraction(0)), (None, 5, Fraction(1, 2))]
    cases += [(-2, 5, Fraction(-1, 5)), (None, None, Fraction(0))]
    for dts, pts, expected in cases:
        given = packet(pts, dts=dts, time_base=base, stream_index=1)
        assert decoding_time(given) == (expected, 1)
    assert decoding_time(packet(5, dts=7, time_base=None, stream_index=0)) == (Fraction(7), 0)


def test_only_ticks_of_a_whole_number_to_the_second_set_a_timescale() -> None:
    scaled = {"video_track_timescale": "240", "movie_timescale": "240"}
    assert film_options(Fraction(1, 240)) == {"fflags": "+bitexact", **scaled}
    assert film_options(Fraction(1001, 24_000)) == {"fflags": "+bitexact"}
