"""The benchmark of shots counts what it should, and our rules meet their target on a few films."""

from __future__ import annotations

import pytest

from tests.bench.shot_films import Transition, make_film
from tests.bench.shots import Score, our_starts

_HARD, _GRADUAL = Transition(10, 10), Transition(30, 42)


def counts(*starts: int) -> tuple[int, int, int, int]:
    score = Score()
    score.add([_HARD, _GRADUAL], starts)
    return score.found, score.wrong, score.hard, score.exact


def test_a_change_is_found_within_a_frame_and_once() -> None:
    assert counts(10, 36) == (2, 0, 1, 1)
    assert counts(11, 29) == (2, 0, 1, 0)
    assert counts(12, 44) == (0, 2, 0, 0)
    assert counts(9, 10, 36) == (2, 1, 1, 0)


@pytest.mark.slow
def test_our_rules_on_one_film_of_each_kind_of_change() -> None:
    score = Score()
    for kind in ("camera still, slow, shaking, zooming", "dissolves"):
        made = make_film(kind, [], 800)
        score.add(made.transitions, our_starts(made.data))
    assert (score.changes, score.found, score.wrong) == (9, 9, 0)
