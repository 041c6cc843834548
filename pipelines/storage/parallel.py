"""Calls functions that send requests to a store, several at a time if the store is remote."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from pipelines.storage.store import Store

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")


def in_parallel(
    store: Store, function: Callable[[_Item], _Result], items: Iterable[_Item]
) -> Iterator[_Result]:
    """Calls a function for each item and yields the results in the items' order.

    Up to `store.requests_at_once` calls are under way, or waiting to be taken, at a time. In a
    folder that is one: the disk answers at once, and threads would only cost time. After an error,
    which is raised at its item's turn, no further call is started, and those under way are waited
    for.

    Args:
        store: The store that the function sends requests to.
        function: Called in other threads.
        items: What to call it with.
    """
    if store.requests_at_once == 1:
        yield from map(function, items)
        return
    pending: deque[Future[_Result]] = deque()
    with ThreadPoolExecutor(store.requests_at_once, "requests") as pool:
        for item in items:
            pending.append(pool.submit(function, item))
            if len(pending) == store.requests_at_once:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def do_in_parallel(store: Store, calls: Iterable[Callable[[], object]]) -> None:
    """Makes calls that do not depend on one another; see `in_parallel`."""
    for _ in in_parallel(store, lambda call: call(), calls):
        pass
