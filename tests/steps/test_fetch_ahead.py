"""A chunk of assets is fetched while the one before it is embedded."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future
from types import SimpleNamespace
from typing import Any, cast

import pytest

from pipelines.steps.fetch_ahead import _one_ahead


def item(number: int) -> Any:
    return SimpleNamespace(number=number)


def fetched(number: int) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(item(number))
    return future


@pytest.mark.parametrize("count", range(4))
def test_each_chunk_is_awaited_after_the_next_was_started(count: int) -> None:
    events: list[str] = []

    def chunks() -> Iterator[list[Any]]:
        for number in range(count):
            events.append(f"start {number}")
            yield [fetched(10 * number), item(10 * number + 1)]

    for number, chunk in enumerate(cast(Any, _one_ahead)(chunks())):
        events.append(f"use {number}")
        assert [one.number for one in chunk] == [10 * number, 10 * number + 1]
    assert sorted(events) == sorted(
        f"{what} {number}" for what in ("start", "use") for number in range(count)
    )
    for number in range(count - 1):
        assert events.index(f"start {number + 1}") < events.index(f"use {number}")


def test_a_failure_is_raised_with_its_chunk() -> None:
    broken: Future[Any] = Future()
    broken.set_exception(RuntimeError("no connection"))
    chunks = _one_ahead(cast(Any, iter([[fetched(1)], [broken]])))
    assert [one.number for one in next(chunks)] == [1]  # type: ignore[attr-defined]
    with pytest.raises(RuntimeError, match="no connection"):
        next(chunks)
