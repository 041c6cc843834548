"""Decision rows and dead letters on their way into the agency's tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.rights.rules.reasons import REASONS
from pipelines.storage.store import Store
from pipelines.storage.tables import write_table
from schemas.decision import DECISIONS_SCHEMA, FAILED_ASSETS_SCHEMA
from schemas.reasons import Outcome, Reason, Stage

_LOCATION = re.compile(r"shard=([^;]+); key=([^;]+)(?:; |$)")
_BATCH_ROWS = 4_096


@dataclass(frozen=True)
class Decision:
    """What became of one asset, and why.

    Attributes:
        asset_id: The asset, or the place of a row whose id cannot be read.
        outcome: Delivered, refused or dead letter.
        stage: The step that decided.
        reasons: Codes of `pipelines.rights.rules.reasons.REASONS`; none where it was delivered.
        detail: The values seen, in one line.
    """

    asset_id: str
    outcome: Outcome
    stage: Stage
    reasons: tuple[str, ...]
    detail: str


def refused_asset(asset_id: str, reasons: Iterable[str], detail: str) -> Decision:
    """A refusal; its stage is that of its reasons."""
    codes = tuple(reasons)
    return Decision(asset_id, Outcome.REFUSED, REASONS[codes[0]].stage, codes, detail)


def failed_asset(asset_id: str, code: str, detail: str) -> Decision:
    """A dead letter; its stage is that of its reason."""
    reason = Reason(code)
    return Decision(asset_id, Outcome.FAILED, reason.info.stage, (reason,), detail)


def delivered_asset(asset_id: str, shard: str, key: str, overrides: str) -> Decision:
    """A delivery; its detail begins with its place, since what files say may imitate one."""
    detail = f"shard={shard}; key={key}" + (f"; {overrides}" if overrides else "")
    return Decision(asset_id, Outcome.DELIVERED, Stage.WRITE, (), detail)


def delivered_location(detail: str) -> tuple[str, str] | None:
    """The shard and the key that a delivered asset's detail names; None where it names none."""
    match = _LOCATION.match(detail)
    return (match[1], match[2]) if match else None


def read_decisions(store: Store, prefix: str) -> Iterator[pa.RecordBatch]:
    """All parts of a decisions table below a prefix, a batch at a time, in their order."""
    for found in store.list(prefix):
        if found.key.endswith(".parquet"):
            with store.open_read(found.key) as source:
                yield from pq.ParquetFile(source).iter_batches(_BATCH_ROWS)


def decisions_table(decisions: Iterable[Decision]) -> pa.Table:
    """Decisions as a table (DECISIONS_SCHEMA), in the order given."""
    rows = list(decisions)
    return pa.table(
        {
            "asset_id": [row.asset_id for row in rows],
            "outcome": [row.outcome.value for row in rows],
            "stage": [row.stage.value for row in rows],
            "reasons": [[str(code) for code in row.reasons] for row in rows],
            "detail": [row.detail for row in rows],
        },
        schema=DECISIONS_SCHEMA,
    )


def refusals_table(
    asset_ids: pa.Array,
    reason_lists: Sequence[Sequence[str]],
    list_index: npt.NDArray[np.int64],
    details: pa.Array,
) -> pa.Table:
    """Refusals of one step as a table (DECISIONS_SCHEMA), without a Python object each.

    Args:
        asset_ids: The assets, [rows].
        reason_lists: The different lists of reasons, each in order and not empty.
        list_index: For each asset which of them it has, [rows].
        details: What is said of each, [rows].
    """
    list_indices = pa.array(list_index)
    codes = pa.array(
        [[str(code) for code in codes] for codes in reason_lists], pa.list_(pa.string())
    )
    stages = pa.array([REASONS[codes[0]].stage.value for codes in reason_lists], pa.string())
    outcome = pa.array([Outcome.REFUSED.value] * len(asset_ids), pa.string())
    columns = [asset_ids, outcome, stages.take(list_indices), codes.take(list_indices), details]
    return pa.Table.from_arrays(columns, schema=DECISIONS_SCHEMA)


def failed_assets_table(decisions: Iterable[Decision]) -> pa.Table:
    """The dead letters among decisions as a table (DEAD_LETTERS_SCHEMA)."""
    rows = [row for row in decisions if row.outcome is Outcome.FAILED]
    return pa.table(
        {
            "asset_id": [row.asset_id for row in rows],
            "stage": [row.stage.value for row in rows],
            "reason": [str(row.reasons[0]) for row in rows],
            "detail": [row.detail for row in rows],
        },
        schema=FAILED_ASSETS_SCHEMA,
    )


def write_decisions(store: Store, prefix: str, name: str, decisions: list[Decision]) -> None:
    """Leaves decisions, and dead letters where there are any, as one part each.

    Nothing is written for no decisions, so that every file has a row.
    """
    if not decisions:
        return
    write_table(store, f"{prefix}/decisions/{name}.parquet", decisions_table(decisions))
    failed = failed_assets_table(decisions)
    if len(failed):
        write_table(store, f"{prefix}/dead_letters/{name}.parquet", failed)
