"""Checks the files that accompany a shard: embeddings, their metadata, the table of shots."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa

from pipelines.format.tar import is_tombstone
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.report import ProblemReporter
from pipelines.verify.shard import CheckedShard
from schemas import layout
from schemas.errors import counted
from schemas.shard_table import SHOTS_TABLE_SCHEMA

SHOTS_KEY = ("key", "shot", "first_frame", "end_frame", "caption")


def check_embeddings(
    store: Store,
    index: int,
    shard: CheckedShard,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
) -> None:
    """Checks that a shard's vectors and metadata match its samples, in the same order.

    A shard has none of these files if none of its samples may be embedded.
    """
    paths = [
        layout.metadata_path(index),
        layout.image_embeddings_path(index),
        layout.text_embeddings_path(index),
    ]
    if not shard.is_sound or damaged.intersection(paths):
        return
    shots_path = layout.shots_path(index)
    if not shard.embedded:
        for path in filter(store.exists, [*paths, shots_path]):
            report_problem(path, f"no sample of {shard.name} may be embedded")
        return
    for path in paths:
        try:
            look = _metadata_fault if path == paths[0] else _vectors_fault
            fault = look(store, path, shard)
        except FileNotFoundError:
            fault = f"missing: samples of {shard.name} are embedded"
        except (ValueError, pa.ArrowException) as error:
            fault = f"cannot be read: {error}"
        if fault:
            report_problem(path, fault)
    if shots_path not in damaged:
        _check_shots(store, shots_path, shard, report_problem)


def _metadata_fault(store: Store, path: str, shard: CheckedShard) -> str:
    keys = read_parquet(store, path, ["key"])["key"].to_pylist()
    return "" if keys == shard.embedded else f"its keys do not match those of {shard.name}"


def _vectors_fault(store: Store, path: str, shard: CheckedShard) -> str:
    vectors = np.load(io.BytesIO(store.read_bytes(path)), allow_pickle=False)
    count = len(shard.embedded)
    if len(vectors) == count:
        return ""
    return f"{counted(len(vectors), 'vector')} for {counted(count, 'sample')}"


def _check_shots(
    store: Store, path: str, shard: CheckedShard, report_problem: ProblemReporter
) -> None:
    """Checks that the table of shots matches the samples' JSON, in the same order."""
    if not store.exists(path):
        if shard.shots:
            report_problem(path, f"missing: {shard.name} has films")
        return
    try:
        table = read_parquet(store, path)
    except (ValueError, pa.ArrowException) as error:
        report_problem(path, f"cannot be read: {error}")
        return
    if not table.schema.equals(SHOTS_TABLE_SCHEMA):
        report_problem(path, "does not have the columns of a table of shots")
        return
    columns = [table[name].to_pylist() for name in SHOTS_KEY]
    rows = [row for row in zip(*columns, strict=True) if not is_tombstone(row[0])]
    if rows != shard.shots:
        report_problem(path, f"its shots do not match those of {shard.name}")
