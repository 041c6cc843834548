"""Checks the files that accompany a shard: embeddings, their metadata, the table of shots."""

from __future__ import annotations

import io

import numpy as np
import pyarrow as pa

from pipelines.format.tar import is_tombstone
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.report import ProblemReporter
from pipelines.verify.shard import SHOT_FIELDS, CheckedShard
from schemas import layout
from schemas.errors import counted
from schemas.shard_table import METADATA_SCHEMA, SHOTS_TABLE_SCHEMA

_ROWS = 4096  # looked at together
_LENGTH_TOLERANCE = 0.01  # float16 has 11 bits of each number
SHOTS_COLUMNS = ["key", "shot", *SHOT_FIELDS]


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
        except (ValueError, OSError, pa.ArrowException) as error:
            fault = f"cannot be read: {error}"
        if fault:
            report_problem(path, fault)
    if shots_path not in damaged:
        _check_shots(store, shots_path, shard, report_problem)


def _metadata_fault(store: Store, path: str, shard: CheckedShard) -> str:
    table = read_parquet(store, path)
    if not table.schema.equals(METADATA_SCHEMA):
        return "does not have the columns of a table of embeddings"
    if table["key"].to_pylist() != shard.embedded:
        return f"its keys do not match those of {shard.name}"
    for place, row in enumerate(table.to_pylist()):
        wanted = shard.metadata[place]
        if row != wanted:
            names = [name for name in wanted if row[name] != wanted[name]]
            return f"{row['key']} has another {', '.join(names)} than in {shard.name}"
    return ""


def _vectors_fault(store: Store, path: str, shard: CheckedShard) -> str:
    """Returns what is wrong with vectors; the header is read first, as it may ask for anything."""
    data = store.read_bytes(path)
    source, count = io.BytesIO(data), len(shard.embedded)
    if np.lib.format.read_magic(source) != (1, 0):
        return "cannot be read: not version 1.0 of .npy"
    shape, columns_first, kind = np.lib.format.read_array_header_1_0(source)
    if len(shape) != 2 or columns_first or kind != np.float16:
        return f"{kind} of shape {shape}, not rows of float16"
    if shape[0] != count:
        return f"{counted(shape[0], 'vector')} for {counted(count, 'sample')}"
    start = source.tell()
    if len(data) != start + shape[0] * shape[1] * kind.itemsize:
        return f"{len(data):,} bytes, which are not {shape[0]} vectors of {shape[1]} numbers"
    vectors = np.frombuffer(data, kind, offset=start).reshape(shape)
    for first in range(0, count, _ROWS):
        rows = vectors[first : first + _ROWS].astype(np.float64)
        lengths = [0 if is_tombstone(key) else 1 for key in shard.embedded[first : first + _ROWS]]
        near = np.abs(np.linalg.norm(rows, axis=1) - lengths) < _LENGTH_TOLERANCE
        if not near.all():  # also if a number is none
            place = first + int(np.flatnonzero(~near)[0])
            return f"vector {place} does not have the length {lengths[place - first]}"
    return ""


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
    found = table.select(SHOTS_COLUMNS).to_pylist()
    if [tuple(row.values()) for row in found if not is_tombstone(row["key"])] != shard.shots:
        report_problem(path, f"its shots do not match those of {shard.name}")
        return
    fault = _shot_fault(table)
    if fault:
        report_problem(path, fault)


def _shot_fault(table: pa.Table) -> str:
    """Returns what is wrong with shots' vectors, or with what is left of removed ones."""
    for row in table.select(["key", "shot", "caption", "embedding"]).to_pylist():
        removed, vector = is_tombstone(row["key"]), np.array(row["embedding"], np.float64)
        if not abs(float(np.linalg.norm(vector)) - (not removed)) < _LENGTH_TOLERANCE:
            shot = f"{row['key']}, shot {row['shot']}"
            return f"the vector of {shot} does not have the length {0 if removed else 1}"
        if removed and row["caption"]:
            return f"the row of a removed sample {row['key']} still has a caption"
    return ""
