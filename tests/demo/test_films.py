"""Films have the same bytes for the same specification, and cuts where they were planned."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipelines.demo.scenes.films import (
    FilmSpec,
    draw_film_spec,
    film_caption,
    film_subject,
    frames,
    write_film,
)
from pipelines.demo.scenes.render import caption, subject


def _seed_with_shots(count: int) -> int:
    return next(seed for seed in range(500) if len(draw_film_spec(seed).shots) == count)


@given(st.integers(0, 2**60))
@settings(max_examples=200, deadline=None)
def test_films_are_short_and_the_first_shot_is_the_longest(seed: int) -> None:
    spec = draw_film_spec(seed)
    assert 2000 <= spec.duration_ms <= 6100
    assert 12 <= spec.rate <= 25
    assert 1 <= len(spec.shots) <= 4
    lengths = [shot.frames for shot in spec.shots]
    assert all(length < lengths[0] for length in lengths[1:])
    assert all(length >= spec.rate * 0.4 for length in lengths)
    assert spec.width % 2 == spec.height % 2 == 0
    assert film_subject(spec) == subject(spec.shots[0].scene)
    assert film_caption(spec) == caption(spec.shots[0].scene)


def test_the_same_specification_gives_the_same_bytes(tmp_path: Path) -> None:
    spec = draw_film_spec(_seed_with_shots(2))
    write_film(tmp_path / "one.mp4", spec)
    write_film(tmp_path / "two.mp4", spec)
    assert (tmp_path / "one.mp4").read_bytes() == (tmp_path / "two.mp4").read_bytes()
    write_film(tmp_path / "other.mp4", draw_film_spec(_seed_with_shots(1)))
    assert (tmp_path / "one.mp4").read_bytes() != (tmp_path / "other.mp4").read_bytes()


def test_neither_the_time_nor_library_versions_are_written(tmp_path: Path) -> None:
    write_film(tmp_path / "film.mp4", draw_film_spec(_seed_with_shots(1)))
    data = (tmp_path / "film.mp4").read_bytes()
    assert b"Lavf" not in data
    assert b"Lavc" not in data
    with av.open(str(tmp_path / "film.mp4")) as container:
        assert "creation_time" not in container.metadata


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_a_decoded_film_has_its_cuts_where_planned(tmp_path: Path, count: int) -> None:
    spec = draw_film_spec(_seed_with_shots(count))
    path = tmp_path / "film.mp4"
    write_film(path, spec)
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (spec.width, spec.height)
        assert stream.average_rate == spec.rate
        assert stream.codec_context.name == "mpeg4"
        decoded = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    assert len(decoded) == spec.frames
    assert tuple(_jumps(decoded)) == spec.cut_frames


def _jumps(decoded: list[npt.NDArray[Any]]) -> list[int]:
    """Returns the frames that differ from the one before by far more than motion causes."""
    small = [frame[::8, ::8].astype(int) for frame in decoded]
    steps = [float(np.abs(b - a).mean()) for a, b in pairwise(small)]
    return [index + 1 for index, step in enumerate(steps) if step > 12]


def test_objects_move_within_a_shot() -> None:
    spec: FilmSpec = draw_film_spec(_seed_with_shots(1))
    drawn = [np.asarray(image, dtype=int) for image in frames(spec)]
    assert len(drawn) == spec.frames
    assert np.abs(drawn[0] - drawn[spec.rate // 2]).mean() > 0.2
