"""Reconciliation: any count that does not add up fails the run."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision, failed_asset, refused_asset, write_decisions
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.steps.reconcile import RunCounts, read_counts, read_receipts, reconcile
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas.errors import RunError
from schemas.manifest import FileRecord, ShardRecord
from schemas.reason_info import Outcome, Stage
from schemas.reasons import Reason

# Reconciliation uses only the locations of a job's files.
JOB = cast(Job, SimpleNamespace(agency="acme/v0001/agency", work="agency/work/x"))


def counts() -> RunCounts:
    steps = {
        "read": StepCounts(10, 9, failed=Counter({"row.unreadable": 1})),
        "screen": StepCounts(
            9, 7, Counter({"asset.withdrawn": 2, "consent.missing": 1}), refused_assets=2
        ),
        "enrich": StepCounts(7, 6, failed=Counter({"media.empty": 1})),
        "select": StepCounts(6, 5, Counter({"duplicate.exact": 1}), refused_assets=1),
    }
    return RunCounts(None, steps, {"decoded": 6}, 2, False, 2)


def receipt(index: int, family: str, samples: int) -> ShardReceipt:
    name = f"s-{index}"
    shard = ShardRecord(name=name, family=family, samples=samples, bytes=1, sha256="ab")
    table = FileRecord(path=f"shards/{name}.parquet", bytes=2, sha256="cd")
    return ShardReceipt(shard, index, "ef", (table,))


def receipts() -> list[ShardReceipt]:
    return [receipt(0, "jpg", 3), receipt(1, "png", 2)]


def decided() -> list[Decision]:
    return [
        failed_asset("0", "row.unreadable", ""),
        refused_asset("1", ["asset.withdrawn"], ""),
        refused_asset("2", ["asset.withdrawn", "consent.missing"], ""),
        failed_asset("3", "media.empty", ""),
        refused_asset("4", [Reason.DUPLICATE_EXACT], ""),
        *(Decision(str(n), Outcome.DELIVERED, Stage.WRITE, (), "") for n in range(5, 10)),
    ]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = open_store(str(tmp_path))
    rows = decided()
    write_decisions(store, JOB.agency, "a", rows[:4])
    write_decisions(store, JOB.agency, "b", rows[4:])
    return store


def test_consistent_counts_reconcile(store: Store) -> None:
    steps = reconcile(store, JOB, counts(), receipts())
    assert list(steps) == ["read", "screen", "enrich", "select", "write"]
    assert (steps["write"].entered, steps["write"].passed) == (5, 5)


@pytest.mark.parametrize("step", ["read", "screen", "enrich", "select"])
@pytest.mark.parametrize("field", ["entered", "passed", "refused_assets"])
@pytest.mark.parametrize("by", [-1, 1])
def test_inconsistent_step_fails(store: Store, step: str, field: str, by: int) -> None:
    bad = counts()
    setattr(bad.steps[step], field, getattr(bad.steps[step], field) + by)
    with pytest.raises(RunError, match="do not reconcile"):
        reconcile(store, JOB, bad, receipts())


def test_asset_lost_between_steps_fails(store: Store) -> None:
    bad = counts()
    bad.steps["screen"].passed -= 1
    bad.steps["screen"].refused_assets += 1
    with pytest.raises(RunError, match="entered enrich: 7, expected 6"):
        reconcile(store, JOB, bad, receipts())


def test_lost_shard_fails(store: Store) -> None:
    with pytest.raises(RunError, match="left write: 3, expected 5"):
        reconcile(store, JOB, counts(), receipts()[:1])
    with pytest.raises(RunError, match="shards written: 3, expected 2"):
        reconcile(store, JOB, counts(), [*receipts(), receipt(2, "png", 0)])


def test_lost_sample_fails(store: Store) -> None:
    bad = [receipts()[0], receipt(1, "png", 1)]
    with pytest.raises(RunError, match="left write: 4, expected 5"):
        reconcile(store, JOB, counts(), bad)


def test_lost_or_repeated_decision_fails(store: Store) -> None:
    write_decisions(store, JOB.agency, "c", [decided()[1]])
    with pytest.raises(RunError, match="rows of the decisions table: 11, expected 10"):
        reconcile(store, JOB, counts(), receipts())
    store.delete(f"{JOB.agency}/decisions/c.parquet")
    store.delete(f"{JOB.agency}/decisions/a.parquet")
    with pytest.raises(RunError, match="rows of the decisions table: 6, expected 10"):
        reconcile(store, JOB, counts(), receipts())


def test_wrong_outcome_fails(store: Store) -> None:
    rows = decided()
    rows[9] = refused_asset("9", [Reason.SELECT_OVER_CAP], "")
    write_decisions(store, JOB.agency, "b", rows[4:])
    with pytest.raises(RunError, match="decisions to deliver: 4, expected 5"):
        reconcile(store, JOB, counts(), receipts())


def test_counts_and_receipts_are_read_back(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    written = counts()
    steps = {name: step.to_json() for name, step in written.steps.items()}
    plan = {
        "enrich": steps["enrich"],
        "select": steps["select"],
        "computed": written.computed,
        "dead_letters": 2,
        "stopped": False,
        "shards": 2,
        "copies": {},
        "likeness": {},
    }
    verdict: dict[str, object] = {"stop": None, "counts": steps["read"]}
    for name, value in (("verdict", verdict), ("screen", steps["screen"]), ("plan", plan)):
        store.write_bytes(f"{JOB.work}/{name}.json", json_bytes(value))
    for item in reversed(receipts()):
        key = f"{JOB.work}/shards/{item.shard.name}.json"
        store.write_bytes(key, json_bytes(item.to_json()))
    assert read_counts(store, JOB) == written
    assert read_receipts(store, JOB) == receipts()
    verdict["stop"] = ["what", "which", "remedy"]
    store.write_bytes(f"{JOB.work}/verdict.json", json_bytes(verdict))
    stopped = read_counts(store, JOB)
    assert stopped.stop == ("what", "which", "remedy")
    assert stopped.ran == {"read": written.steps["read"]} and stopped.failed_assets == 1


def test_stopped_run_reports_no_selection() -> None:
    assert counts().ran == counts().steps
    assert list(replace(counts(), too_many_failed=True).ran) == ["read", "screen", "enrich"]
