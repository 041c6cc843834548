"""Calls for a remote store are made several at a time, and for a folder one after the other."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.storage.local_store import LocalStore
from pipelines.storage.parallel import do_in_parallel, in_parallel
from pipelines.storage.store import Store

REMOTE = cast(Store, SimpleNamespace(requests_at_once=4))


@dataclass
class Watch:
    """Counts the calls that are under way."""

    now: int = 0
    most: int = 0

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._meet = threading.Barrier(4)

    def call(self, number: int) -> int:
        with self._lock:
            self.now += 1
            self.most = max(self.most, self.now)
        self._meet.wait(10)  # breaks unless four calls are made at once
        with self._lock:
            self.now -= 1
        return -number


def test_results_come_in_order_from_as_many_threads_as_the_store_wants() -> None:
    watch = Watch()
    assert list(in_parallel(REMOTE, watch.call, range(40))) == [-number for number in range(40)]
    assert watch.most == 4


def test_a_folder_is_used_by_the_calling_thread_alone(tmp_path: Path) -> None:
    store = LocalStore(str(tmp_path))
    threads = set(in_parallel(store, lambda _: threading.get_ident(), range(5)))
    assert threads == {threading.get_ident()}


def test_items_are_taken_only_as_results_are_needed() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for number in range(1000):
            taken.append(number)
            yield number

    results = in_parallel(REMOTE, lambda number: number, items())
    assert next(results) == 0
    assert len(taken) == 4


def test_an_error_comes_at_its_turn_and_ends_the_calls() -> None:
    made: list[int] = []

    def call(number: int) -> int:
        made.append(number)
        if number == 5:
            raise ZeroDivisionError
        return number

    found = []
    with pytest.raises(ZeroDivisionError):
        for result in in_parallel(REMOTE, call, range(1000)):
            found.append(result)
    assert found == [0, 1, 2, 3, 4]
    assert max(made) < 10


def test_calls_have_ended_when_the_error_is_raised() -> None:
    ended = threading.Event()
    started = threading.Event()

    def slow() -> None:
        started.set()
        threading.Event().wait(0.1)
        ended.set()

    def fail() -> None:
        started.wait(10)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        do_in_parallel(REMOTE, [fail, slow])
    assert ended.is_set()
