"""Checks the files that accompany a shard: embeddings, their metadata, the table of shots."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.format.tar import is_tombstone
from pipelines.profiles.captions import score_bp
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.report import ProblemReporter
from pipelines.verify.shard import SHOT_FIELDS
from pipelines.verify.shard_rows import CheckedShard
from schemas import layout
from schemas.errors import counted
from schemas.shard_table import METADATA_SCHEMA, SHOTS_TABLE_SCHEMA

_ROWS = 4096  # looked at together
_LENGTH_TOLERANCE = 0.01  # float16 has 11 bits of each number
_SCORE_TOLERANCE = 0.002
SHOTS_COLUMNS = ["key", "shot", *SHOT_FIELDS]


class _VectorsError(Exception):
    """Raised when a file's vectors are not those of a shard's samples."""


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
    vectors = []
    for path in paths:
        fault = ""
        try:
            if path == paths[0]:
                fault = _metadata_fault(store, path, shard)
            else:
                vectors.append(_read_vectors(store, path, shard))
        except FileNotFoundError:
            fault = f"missing: samples of {shard.name} are embedded"
        except _VectorsError as error:
            fault = str(error)
        except (ValueError, OSError, pa.ArrowException) as error:
            fault = f"cannot be read: {error}"
        if fault:
            report_problem(path, fault)
    if len(vectors) == 2 and shard.is_current:
        images, texts = vectors
        if fault := _score_fault(images, texts, shard):
            report_problem(paths[1], fault)
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


def _read_vectors(store: Store, path: str, shard: CheckedShard) -> npt.NDArray[np.float16]:
    """Reads vectors, [samples, numbers]; the header is read first, as it may ask for anything.

    Raises:
        _VectorsError: If they are not vectors of the samples; it says why.
    """
    data = store.read_bytes(path)
    source, count = io.BytesIO(data), len(shard.embedded)
    if np.lib.format.read_magic(source) != (1, 0):
        raise _VectorsError("cannot be read: not version 1.0 of .npy")
    shape, columns_first, kind = np.lib.format.read_array_header_1_0(source)
    if len(shape) != 2 or columns_first or kind != np.float16:
        raise _VectorsError(f"{kind} of shape {shape}, not rows of float16")
    if shape[0] != count:
        raise _VectorsError(f"{counted(shape[0], 'vector')} for {counted(count, 'sample')}")
    start = source.tell()
    if len(data) != start + shape[0] * shape[1] * kind.itemsize:
        raise _VectorsError(
            f"{len(data):,} bytes, which are not {shape[0]} vectors of {shape[1]} numbers"
        )
    vectors = np.frombuffer(data, np.float16, offset=start).reshape(shape)
    for first in range(0, count, _ROWS):
        rows = vectors[first : first + _ROWS].astype(np.float64)
        lengths = [0 if is_tombstone(key) else 1 for key in shard.embedded[first : first + _ROWS]]
        near = np.abs(np.linalg.norm(rows, axis=1) - lengths) < _LENGTH_TOLERANCE
        if not near.all():  # also if a number is none
            place = first + int(np.flatnonzero(~near)[0])
            raise _VectorsError(f"vector {place} does not have the length {lengths[place - first]}")
    return vectors


def _score_fault(
    images: npt.NDArray[np.float16], texts: npt.NDArray[np.float16], shard: CheckedShard
) -> str:
    """Returns for which sample the product of its two vectors is not its score, or ""."""
    if images.shape != texts.shape:
        return f"its vectors have {images.shape[1]} numbers, and those of texts {texts.shape[1]}"
    scores = np.array([row["clip_score"] for row in shard.metadata], np.float64)
    for first in range(0, len(scores), _ROWS):
        part = slice(first, first + _ROWS)
        found = (images[part].astype(np.float64) * texts[part]).sum(axis=1)
        near = np.abs(found - scores[part]) < _SCORE_TOLERANCE
        if not near.all():
            place = first + int(np.flatnonzero(~near)[0])
            return (
                f"the vectors of {shard.embedded[place]} give the score "
                f"{found[place - first]:.4f}, and its clip_score is {scores[place]:.4f}"
            )
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
    found = [
        (*(row[name] for name in SHOTS_COLUMNS), score_bp(row["clip_score"]))
        for row in table.select([*SHOTS_COLUMNS, "clip_score"]).to_pylist()
        if not is_tombstone(row["key"])
    ]
    if found != shard.shots:
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
