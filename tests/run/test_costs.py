"""Costs add up, whatever attempt or thread the pieces belong to."""

from __future__ import annotations

import threading
from random import Random

import pytest

from pipelines.run.costs import Cost, Stopwatch, total_cost
from pipelines.run.record import Observed, covered_s, work_record
from pipelines.storage.progress import note_amount, take_amounts, timing
from schemas.run_record import RunRecord


def piece(started_s: float, ended_s: float, **amounts: float) -> Cost:
    return Cost(1, started_s, ended_s, ended_s - started_s, 0.5, 1, amounts)


def test_what_an_earlier_attempt_did_counts_but_not_when() -> None:
    total = total_cost([piece(10, 12, decode_s=1), piece(100, 103, decode_s=2)], begun_s=90)
    assert (total.pieces, total.busy_s, total.amounts) == (2, 5, {"decode_s": 3})
    assert (total.started_s, total.ended_s) == (100, 103)  # not 93 seconds
    assert total_cost([piece(10, 12)], begun_s=90).started_s == 0


def test_the_order_of_pieces_does_not_matter() -> None:
    pieces = [piece(n, n + 2, a=n) for n in range(1, 9)]
    shuffled = Random(1).sample(pieces, len(pieces))
    assert total_cost(shuffled) == total_cost(pieces)
    assert Cost.from_json(total_cost(pieces).to_json()) == total_cost(pieces)
    assert Cost.from_json({}) == Cost()  # a receipt of an earlier release


def test_amounts_count_once_in_all_threads() -> None:
    take_amounts()
    threads = [threading.Thread(target=note_amount, args=("fetch_retries",)) for _ in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with timing("decode_s"):
        pass
    first = Stopwatch().cost()
    assert first.amounts["fetch_retries"] == 40 and first.amounts["decode_s"] >= 0
    assert Stopwatch().cost().amounts == {}


def test_processor_time_is_unknown_of_pieces_at_the_same_time() -> None:
    alone = Stopwatch().cost()
    assert alone.cpu_pieces == 1
    first, second = Stopwatch(), Stopwatch()
    assert first.cost().cpu_pieces == second.cost().cpu_pieces == 0
    assert Stopwatch().cost().cpu_pieces == 1


@pytest.mark.parametrize("seed", range(20))
def test_spans_that_overlap_count_once(seed: int) -> None:
    chance = Random(seed)
    spans = [(start, start + chance.randint(0, 9)) for start in chance.choices(range(40), k=6)]
    seconds = {second for start, end in spans for second in range(start, end)}
    assert covered_s([(float(start), float(end)) for start, end in spans]) == len(seconds)


def test_work_names_every_amount() -> None:
    work = work_record(
        [{"decode_s": 1.25, "media_bytes": 3.0}, {"decode_s": 1, "fetch_retries": 2}]
    )
    assert (work.decode_s, work.media_bytes, work.fetch_retries) == (2.25, 3, 2)
    assert work.inference_s == 0


def test_pieces_have_a_smallest_and_a_largest() -> None:
    sizes = [0, 7, 3, 0, 5]  # 0: a piece of an earlier release, or without assets
    total = total_cost(Stopwatch().cost(size) for size in sizes)
    assert (total.pieces, total.smallest, total.largest) == (5, 3, 7)
    assert total_cost([Stopwatch().cost()]).smallest == 0
    assert Cost.from_json(total.to_json()).smallest == 3


def test_the_record_of_an_earlier_release_is_read() -> None:
    observed = Observed("FnApiRunner", 1, 100.0)
    observed.costs = {"read": piece(101, 102, media_bytes=5)}
    record = observed.record("acme", "v0001", "ab", 103.0)
    taken = record.attempt.steps["read"]
    assert (taken.after_s, taken.elapsed_s) == (1.0, 1.0)
    assert taken.work is not None and taken.work.media_bytes == 5
    data = record.model_dump(mode="json")
    for name in ("after_s", "smallest_piece", "largest_piece", "work"):
        del data["attempt"]["steps"]["read"][name]
    assert RunRecord.model_validate(data, strict=False).attempt.steps["read"].work is None
