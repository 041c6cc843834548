"""Decisions and counts."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import (
    Decision,
    decisions_of,
    decisions_table,
    deliveries_table,
    failed_asset,
    failed_assets_table,
    read_decisions,
    refused_asset,
    write_decisions,
)
from pipelines.storage.open import open_store
from pipelines.storage.tables import read_parquet, write_table
from schemas.decision import DECISIONS_SCHEMA, FAILED_ASSETS_SCHEMA
from schemas.errors import InputError
from schemas.reason_info import Outcome, Stage
from schemas.sample import DELIVERED_ASSETS_SCHEMA

_REFUSALS = [code for code, info in REASONS.items() if info.outcome is Outcome.REFUSED]
_DEAD = [code for code, info in REASONS.items() if info.outcome is Outcome.FAILED]

DECISIONS = st.one_of(
    st.builds(
        refused_asset,
        st.text(max_size=9),
        st.lists(st.sampled_from(_REFUSALS), min_size=1, unique=True),
        st.text(),
        st.none() | st.text(max_size=9),
    ),
    st.builds(failed_asset, st.text(max_size=9), st.sampled_from(_DEAD), st.text()),
    st.builds(
        Decision,
        st.text(max_size=9),
        st.just(Outcome.DELIVERED),
        st.just(Stage.WRITE),
        st.just(()),
        st.text(),
        st.text(),
        st.text(),
    ),
)


@given(st.lists(DECISIONS, max_size=30), st.integers(0, 50))
def test_counts_balance(decisions: list[Decision], passed: int) -> None:
    left_out = [row for row in decisions if row.outcome is not Outcome.DELIVERED]
    counts = StepCounts(entered=len(left_out) + passed, passed=passed)
    for row in decisions:
        counts.add_decision(row)
    assert counts.entered == counts.passed + counts.refused_assets + counts.failed_assets
    assert counts.refused_assets + counts.failed_assets == len(left_out)
    assert StepCounts.from_json(counts.to_json()) == counts


@given(st.lists(DECISIONS, max_size=20), st.integers(0, 20))
def test_counts_of_parts_add_up(decisions: list[Decision], cut: int) -> None:
    whole, first, second = StepCounts(), StepCounts(), StepCounts()
    for at, row in enumerate(decisions):
        whole.add_decision(row)
        (first if at < cut else second).add_decision(row)
    for part in (first, second):
        part.entered, part.passed = 5, 3
    first.add(second)
    whole.entered, whole.passed = 10, 6
    assert first == whole


@given(st.lists(DECISIONS, max_size=20))
def test_decision_tables_keep_the_order(decisions: list[Decision]) -> None:
    table = decisions_table(decisions)
    assert table.schema.equals(DECISIONS_SCHEMA)
    rows = table.to_pylist()
    assert [row["asset_id"] for row in rows] == [row.asset_id for row in decisions]
    assert [tuple(row["reasons"]) for row in rows] == [row.reasons for row in decisions]
    failed = failed_assets_table(decisions)
    assert failed.schema.equals(FAILED_ASSETS_SCHEMA)
    expected = [
        {"asset_id": row.asset_id, "stage": row.stage, "reason": row.reasons[0]}
        | {"detail": row.detail}
        for row in decisions
        if row.outcome is Outcome.FAILED
    ]
    assert failed.to_pylist() == expected


def test_parts_without_rows_are_not_written(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    write_decisions(store, "x", "none", [])
    write_decisions(store, "x", "some", [refused_asset("a", ["asset.withdrawn"], "d")])
    assert [item.key for item in store.list()] == ["x/decisions/some.parquet"]
    write_decisions(store, "x", "dead", [failed_asset("b", "media.empty", "0 bytes")])
    assert read_parquet(store, "x/dead_letters/dead.parquet").to_pylist() == [
        {"asset_id": "b", "stage": "enrich", "reason": "media.empty", "detail": "0 bytes"}
    ]


def test_stale_part_is_removed_if_there_are_no_rows(tmp_path: Path) -> None:
    """Media that was unavailable at one attempt and is available at the next has not failed."""
    store = open_store(str(tmp_path))
    write_decisions(store, "x", "enrich-1", [failed_asset("b", "media.unavailable", "HTTP 503")])
    write_decisions(store, "x", "enrich-2", [failed_asset("c", "media.unavailable", "HTTP 503")])
    write_decisions(store, "x", "enrich-1", [])
    write_decisions(store, "x", "enrich-2", [refused_asset("c", ["file.denied"], "no")])
    assert [item.key for item in store.list()] == ["x/decisions/enrich-2.parquet"]


@given(st.lists(st.tuples(*[st.text(max_size=9)] * 4), max_size=9))
def test_delivered_decision_has_shard_and_key(
    delivered: list[tuple[str, str, str, str]],
) -> None:
    rows = [
        dict(zip(("asset_id", "shard", "key", "overrides"), values, strict=True))
        for values in delivered
    ]
    fields = [DELIVERED_ASSETS_SCHEMA.field(n) for n in ("asset_id", "shard", "key", "overrides")]
    table = deliveries_table(pa.Table.from_pylist(rows, schema=pa.schema(fields)))
    assert table.schema.equals(DECISIONS_SCHEMA)
    assert [one for batch in table.to_batches() for one in decisions_of(batch)] == [
        Decision(asset_id, Outcome.DELIVERED, Stage.WRITE, (), overrides, shard, key)
        for asset_id, shard, key, overrides in delivered
    ]


@given(st.lists(DECISIONS, max_size=20))
def test_decisions_round_trip(decisions: list[Decision]) -> None:
    batches = decisions_table(decisions).to_batches()
    assert [one for batch in batches for one in decisions_of(batch)] == decisions


def test_old_decision_table_is_refused_only_for_missing_columns(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    table = decisions_table([refused_asset("a", ["asset.withdrawn"], "d")])
    write_table(store, "x/decisions/old.parquet", table.select(DECISIONS_SCHEMA.names[:5]))
    [batch] = read_decisions(store, "x", ("asset_id", "outcome"))
    assert batch.to_pylist() == [{"asset_id": "a", "outcome": "refused"}]
    with pytest.raises(InputError, match="no column shard, key") as refused:
        list(read_decisions(store, "x"))
    assert "x/decisions/old.parquet" in refused.value.which


def test_decisions_are_read_in_the_order_of_their_parts(tmp_path: Path) -> None:
    store = open_store(str(tmp_path))
    for name in ("b", "a"):
        write_decisions(
            store,
            "x",
            name,
            [refused_asset(f"{name}-{n}", ["file.denied"], "") for n in (1, 2)],
        )
    store.write_bytes("x/decisions/note.txt", b"no table")
    found = [i for batch in read_decisions(store, "x") for i in batch["asset_id"].to_pylist()]
    assert found == ["a-1", "a-2", "b-1", "b-2"]
    assert not list(read_decisions(store, "nowhere"))
