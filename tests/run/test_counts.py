"""What people are told where assets failed."""

from __future__ import annotations

import pytest

from pipelines.run.counts import what_to_fix


@pytest.mark.parametrize(
    ("rows", "media", "words"),
    [
        (2, 0, "correct the rows"),
        (0, 2, "fix the media"),
        (2, 1, "correct the rows and fix the media"),
    ],
)
def test_only_what_is_at_fault_is_to_be_fixed(rows: int, media: int, words: str) -> None:
    assert what_to_fix(rows, media) == words
