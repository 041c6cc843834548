"""Decisions and failed assets, and how they are read from and written to the agency's tables."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.rights.rules.reasons import REASONS
from pipelines.storage.columns import Column, nulls, rows_of
from pipelines.storage.store import Store
from pipelines.storage.tables import tables_under, write_table
from schemas.decision import DECISIONS_SCHEMA, FAILED_ASSETS_SCHEMA, DecisionRow
from schemas.errors import InputError
from schemas.reason_info import Outcome, Stage
from schemas.reasons import Reason

_BATCH_ROWS = 4_096


@dataclass(frozen=True)
class Decision:
    """The outcome of one asset, and the reasons for it.

    Attributes:
        asset_id: The asset, or the place of a row whose id cannot be read.
        outcome: Delivered, refused or failed.
        stage: The step that decided.
        reasons: Codes of `pipelines.rights.rules.reasons.REASONS`; none where it was delivered.
        detail: The values seen, in one line, for people.
        shard: Base name of the shard that holds a delivered asset's sample; `key`: its key there.
        kept_asset_id: Of a duplicate, the asset that is kept in its place.
    """

    asset_id: str
    outcome: Outcome
    stage: Stage
    reasons: tuple[str, ...]
    detail: str
    shard: str | None = None
    key: str | None = None
    kept_asset_id: str | None = None


def refused_asset(
    asset_id: str, reasons: Iterable[str], detail: str, kept_asset_id: str | None = None
) -> Decision:
    """Returns a refusal whose stage is that of its first reason."""
    codes = tuple(reasons)
    stage = REASONS[codes[0]].stage
    return Decision(asset_id, Outcome.REFUSED, stage, codes, detail, kept_asset_id=kept_asset_id)


def failed_asset(asset_id: str, code: str, detail: str) -> Decision:
    """Returns the decision for a failed asset; its stage is that of its reason."""
    reason = Reason(code)
    return Decision(asset_id, Outcome.FAILED, reason.info.stage, (reason,), detail)


def read_decisions(
    store: Store, prefix: str, columns: Sequence[str] = DECISIONS_SCHEMA.names
) -> Iterator[pa.RecordBatch]:
    """Reads all parts of a decisions table under a prefix, in order, one batch at a time.

    Args:
        store: The output, or a published version.
        prefix: Key prefix of the table's parts.
        columns: The columns to read.

    Raises:
        InputError: If a part lacks one of the columns.
    """
    for found in tables_under(store, prefix):
        with store.open_read(found.key) as source, pq.ParquetFile(source) as file:
            _check_columns(f"{store.uri}/{found.key}", file.schema_arrow, columns)
            yield from file.iter_batches(_BATCH_ROWS, columns=list(columns))


def _check_columns(where: str, schema: pa.Schema, columns: Sequence[str]) -> None:
    missing = [name for name in columns if name not in schema.names]
    if missing:
        raise InputError(
            "The decisions table was written by an earlier version of fairshard",
            f"{where} has no column {', '.join(missing)}",
            "Package the deal again, or use the version that made the run.",
        )


def decisions_of(batch: pa.RecordBatch) -> Iterator[Decision]:
    """Yields the decisions of a batch that has all columns of the table."""
    for row in rows_of(batch, DecisionRow):
        yield Decision(
            row["asset_id"],
            Outcome(row["outcome"]),
            Stage(row["stage"]),
            tuple(row["reasons"]),
            row["detail"],
            row["shard"],
            row["key"],
            row["kept_asset_id"],
        )


def decisions_table(decisions: Iterable[Decision]) -> pa.Table:
    """Returns decisions as a table (DECISIONS_SCHEMA), in the order given."""
    rows = list(decisions)
    return pa.table(
        {
            "asset_id": [row.asset_id for row in rows],
            "outcome": [row.outcome.value for row in rows],
            "stage": [row.stage.value for row in rows],
            "reasons": [[str(code) for code in row.reasons] for row in rows],
            "detail": [row.detail for row in rows],
            "shard": [row.shard for row in rows],
            "key": [row.key for row in rows],
            "kept_asset_id": [row.kept_asset_id for row in rows],
        },
        schema=DECISIONS_SCHEMA,
    )


def refusals_table(
    asset_ids: Column,
    reason_lists: Sequence[Sequence[str]],
    list_index: npt.NDArray[np.int64],
    details: Column,
) -> pa.Table:
    """Returns one step's refusals as a table (DECISIONS_SCHEMA), without one Python object each.

    Args:
        asset_ids: The assets, [rows].
        reason_lists: The distinct lists of reasons, each sorted and not empty.
        list_index: For each asset, the index of its list in `reason_lists`, [rows].
        details: The detail of each asset's decision, [rows].
    """
    codes = pa.array(
        [[str(code) for code in codes] for codes in reason_lists], pa.list_(pa.string())
    )
    stages = pa.array([REASONS[codes[0]].stage.value for codes in reason_lists], pa.string())
    outcome = pa.array([Outcome.REFUSED.value] * len(asset_ids), pa.string())
    columns = [asset_ids, outcome, stages.take(list_index), codes.take(list_index), details]
    columns += [nulls(len(asset_ids), pa.string())] * (len(DECISIONS_SCHEMA) - len(columns))
    return pa.Table.from_arrays(columns, schema=DECISIONS_SCHEMA)


def deliveries_table(delivered: pa.Table) -> pa.Table:
    """Decisions to deliver as a table (DECISIONS_SCHEMA); the detail is what was overridden.

    Args:
        delivered: The assets (DELIVERED_ASSETS_SCHEMA).
    """
    rows = len(delivered)
    columns = {
        "asset_id": delivered["asset_id"],
        "outcome": pa.repeat(Outcome.DELIVERED.value, rows),
        "stage": pa.repeat(Stage.WRITE.value, rows),
        "reasons": pa.array([[]] * rows, pa.list_(pa.string())),
        "detail": delivered["overrides"],
        "shard": delivered["shard"],
        "key": delivered["key"],
        "kept_asset_id": pa.nulls(rows, pa.string()),
    }
    return pa.table(columns, schema=DECISIONS_SCHEMA)


def failed_assets_table(decisions: Iterable[Decision]) -> pa.Table:
    """Returns the failed assets among decisions as a table (FAILED_ASSETS_SCHEMA)."""
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
    """Writes decisions and failed assets as one part of each table; see `write_part`."""
    for table, rows in (
        ("decisions", decisions_table(decisions)),
        ("dead_letters", failed_assets_table(decisions)),
    ):
        write_part(store, f"{prefix}/{table}/{name}.parquet", rows)


def write_part(store: Store, key: str, table: pa.Table) -> None:
    """Writes a part of one of the agency's tables, unless the part has no rows.

    Without rows, a part left by an interrupted attempt is removed: an asset that could not be
    fetched then may be available now.

    Args:
        store: The output.
        key: The part.
        table: Its rows.
    """
    if len(table):
        write_table(store, key, table)
    elif store.exists(key):
        store.delete(key)
