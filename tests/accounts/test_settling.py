"""Records are taken for final only a while after they were seen, whatever is done meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from pipelines.accounts.append import NewRecord, append_record, begin_log
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.ledger.record import AllSets, Kind, Record
from pipelines.storage import settling
from pipelines.storage.local_store import LocalStore
from tests.accounts.cases import AS_OF, key_of, note

SETTLE_S = 100.0


class Time:
    """A clock that only sleeping and the work of a test move on."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now_s += seconds


class SlowlySettling(LocalStore):
    """A store that keeps the last of several first writes."""

    settle_s = SETTLE_S


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Time:
    made = Time()
    monkeypatch.setattr(settling, "boottime_s", lambda: made.now_s)
    monkeypatch.setattr(time, "sleep", made.sleep)
    return made


def opened(folder: Path) -> AgencyLog:
    return open_log(SlowlySettling(str(folder)), key_of(None))


def noted(log: AgencyLog, meanwhile: Callable[[], object]) -> Record:
    def make(index: int, sets: AllSets) -> NewRecord:
        return NewRecord({"name": "public"}, {"secret": "private"}, sets)

    return append_record(log, Kind.NOTICE, ("notice", "x"), AS_OF, make, meanwhile=meanwhile)


def test_each_record_is_waited_for(tmp_path: Path, clock: Time) -> None:
    note(opened(tmp_path), "one")
    assert clock.slept == [SETTLE_S, SETTLE_S]  # for the log's first record, and for this one


@pytest.mark.parametrize("work_s", [0.0, 30.0, 99.0, 100.0, 500.0])
def test_work_after_the_log_has_begun_counts_as_waiting(
    tmp_path: Path, clock: Time, work_s: float
) -> None:
    log = opened(tmp_path)
    begin_log(log, AS_OF)
    begun_s = clock.now_s
    clock.now_s += work_s
    log.refresh()
    assert clock.now_s == begun_s + max(work_s, SETTLE_S)
    clock.slept.clear()
    note(log, "one")
    assert clock.slept == [SETTLE_S]


@pytest.mark.parametrize("work_s", [0.0, 30.0, 500.0])
def test_work_meanwhile_counts_as_waiting(tmp_path: Path, clock: Time, work_s: float) -> None:
    log = opened(tmp_path)
    note(log, "one")
    written_s = clock.now_s

    def work() -> None:
        clock.now_s += work_s

    noted(log, work)
    assert clock.now_s == written_s + max(work_s, SETTLE_S)


def test_a_log_begun_early_is_the_same(tmp_path: Path, clock: Time) -> None:
    early, late = opened(tmp_path / "early"), opened(tmp_path / "late")
    begin_log(early, AS_OF)
    begin_log(early, AS_OF)  # as a run does that continues
    for log in (early, late):
        note(log, "one")
    assert (early.size, early.root) == (late.size, late.root)
    found = [
        {item.key: log.books.store.read_bytes(item.key) for item in log.books.store.list()}
        for log in (early, late)
    ]
    assert found[0] == found[1]


def test_whoever_is_replaced_meanwhile_appends_after_the_other(tmp_path: Path, clock: Time) -> None:
    """Two were told that theirs is new; the store keeps the other's, which is written last."""
    other = opened(tmp_path / "other")
    log = opened(tmp_path / "out")
    for one in (other, log):
        begin_log(one, AS_OF)
        note(one, "before")
    theirs = note(other, "theirs")

    def replace() -> None:
        clock.now_s += 1.0
        log.books.store.write_bytes(log.books.record_key(theirs.index), theirs.to_bytes())

    record = noted(log, cache(replace))
    assert (theirs.index, record.index) == (2, 3)
    assert log.record(2) == theirs and log.record(3) == record and log.size == 4
