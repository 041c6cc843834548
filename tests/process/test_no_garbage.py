"""How often garbage is looked for."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from pipelines.process.no_garbage import collecting_no_garbage, collecting_seldom

_ROWS = 30_000


@pytest.fixture(autouse=True)
def _collecting_as_python_does() -> Iterator[None]:
    before, enabled = gc.get_threshold(), gc.isenabled()
    gc.enable()
    gc.set_threshold(700, 10, 10)
    yield
    gc.set_threshold(*before)
    if not enabled:
        gc.disable()


def _collections() -> int:
    return sum(int(one["collections"]) for one in gc.get_stats())


def _collections_while_rows_are_made() -> int:
    before = _collections()
    rows = [{"row": number} for number in range(_ROWS)]
    assert len(rows) == _ROWS
    return _collections() - before


def test_rows_that_are_kept_are_seldom_looked_through() -> None:
    usual = _collections_while_rows_are_made()
    with collecting_seldom():
        seldom = _collections_while_rows_are_made()
    with collecting_no_garbage():
        never = _collections_while_rows_are_made()
    assert usual > 10 * seldom > 0 == never


def test_the_usual_threshold_holds_afterwards_even_after_an_error() -> None:
    usual = gc.get_threshold()
    with pytest.raises(KeyError), collecting_seldom():
        assert gc.get_threshold() > usual
        raise KeyError
    assert gc.get_threshold() == usual
