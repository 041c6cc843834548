"""Writes the files of a shard other than its tar: table, statistics, embeddings, shots."""

from __future__ import annotations

import hashlib
import io

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.tables import metadata_table, shots_table
from pipelines.features.caption_vectors import caption_vectors
from pipelines.features.store import FeatureStore, Vectors
from pipelines.format.loader_files import shard_stats
from pipelines.run.job import Job
from pipelines.run.receipts import ShardSpec
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes
from schemas import layout
from schemas.features import ShotCaptions
from schemas.manifest import FileRecord
from schemas.unit import UnitRow


def write_shard_files(
    store: Store,
    features: FeatureStore,
    job: Job,
    spec: ShardSpec,
    rows: pa.Table,
    table: pa.Table,
    tar_bytes: int,
) -> list[FileRecord]:
    """Writes a shard's files other than the tar; returns their records for the manifest.

    Args:
        store: The output store.
        features: The features of the run's models.
        job: The run.
        spec: The shard.
        rows: The rows of its assets (UNIT_SCHEMA).
        table: The shard's table, in the order of `rows`.
        tar_bytes: The size of its tar.
    """
    contents = {
        layout.shard_table_path(spec.name): parquet_bytes(table),
        layout.shard_stats_path(spec.name): json_bytes(shard_stats(table, tar_bytes)),
    }
    is_embedded = pc.not_equal(table["caption_model"], pa.scalar(""))
    rows, embedded = rows.filter(is_embedded), table.filter(is_embedded)
    if len(embedded):
        contents |= _embedding_files(features, job, spec.index, rows, embedded)

    def write(path: str) -> FileRecord:
        data = contents[path]
        store.write_bytes(f"{job.delivery}/{path}", data)
        return FileRecord(path=path, bytes=len(data), sha256=hashlib.sha256(data).hexdigest())

    return list(in_parallel(store, write, contents))


def _embedding_files(
    features: FeatureStore, job: Job, number: int, rows: pa.Table, embedded: pa.Table
) -> dict[str, bytes]:
    """Returns the embedding files of a shard's embedded samples, and their tables, by path."""
    low, high = _hash_range(rows, job.unit_bits)
    digests = values_of(rows["original_sha256"], str)
    image = features.embeddings.vectors(low, high, "embedding", digests)
    files = {
        layout.image_embeddings_path(number): _npy_bytes(image),
        layout.text_embeddings_path(number): _npy_bytes(
            caption_vectors(features, low, high, digests, embedded)
        ),
        layout.metadata_path(number): parquet_bytes(metadata_table(embedded)),
    }
    unit_rows = rows_of(rows.select(["original_sha256", "shots"]), UnitRow)
    if any(row["shots"] for row in unit_rows):
        texts = features.captions.load_columns(low, high, ShotCaptions)
        shots = shots_table(values_of(embedded["key"], str), unit_rows, texts)
        files[layout.shots_path(number)] = parquet_bytes(shots)
    return files


def _hash_range(rows: pa.Table, bits: int) -> tuple[int, int]:
    """Returns the hash range of the whole units that a shard's rows lie in."""
    hashes = rows["hash"].to_numpy()
    low, high = (layout.unit_of(int(value), bits) for value in (hashes.min(), hashes.max()))
    return layout.unit_range(low, bits)[0], layout.unit_range(high, bits)[1]


def _npy_bytes(vectors: Vectors) -> bytes:
    """Encodes vectors as clip-retrieval stores them: .npy, float16, [samples, dimensions]."""
    matrix: npt.NDArray[np.float16] = vectors.astype(np.float16)
    sink = io.BytesIO()
    np.save(sink, matrix, allow_pickle=False)
    return sink.getvalue()
