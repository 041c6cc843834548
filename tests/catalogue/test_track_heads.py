"""A track is told from a table in JSON, wherever the file is cut."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from pipelines.catalogue.track_heads import HEAD_BYTES, may_be_table

NAMES = ("boxes", "film_sha256", "format", "frames", "objects", "poses", "source", "width")
VALUES = st.recursive(
    st.one_of(st.integers(), st.text(max_size=8), st.none()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
TRACKS = st.dictionaries(st.sampled_from(NAMES), VALUES, min_size=1)


@given(track=TRACKS, indent=st.sampled_from([None, 1]), cut=st.integers(1, HEAD_BYTES))
def test_a_track_is_none_however_it_is_cut(
    track: dict[str, object], indent: int | None, cut: int
) -> None:
    assert not may_be_table(json.dumps(track, indent=indent).encode()[:cut])


@given(
    rows=st.lists(TRACKS, min_size=1, max_size=3),
    other=st.text(min_size=1, max_size=6).filter(lambda name: name not in (*NAMES, "height")),
    value=VALUES,
    at=st.integers(0, 2),
)
def test_rows_and_foreign_names_make_a_table(
    rows: list[dict[str, object]], other: str, value: object, at: int
) -> None:
    foreign = [{**row, other: value} if n == at else row for n, row in enumerate(rows)]
    lines = "\n".join(map(json.dumps, foreign))
    assert may_be_table(lines.encode()) == (len(rows) > 1 or at == 0)
    assert may_be_table(json.dumps(foreign).encode())
