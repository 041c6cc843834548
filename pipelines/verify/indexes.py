"""Checks that the published indexes are those that result from the shards' tables."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.indexes import energon_files, sample_groups
from pipelines.format.manifest import numbered_shards
from pipelines.storage.store import Store
from pipelines.verify.report import ProblemReporter
from schemas import layout
from schemas.manifest import Manifest
from schemas.shard_table import SAMPLES_SCHEMA


def check_indexes(
    store: Store,
    manifest: Manifest,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
    prefix: str = "",
) -> None:
    """Rebuilds Energon's index and the table of samples, and compares them with the published ones.

    Args:
        store: The delivery.
        manifest: Its manifest, which was checked.
        damaged: Paths of damaged files; if a table is among them, there is nothing to compare with.
        report_problem: Called with each problem.
        prefix: Key prefix of the delivery in the store.
    """
    if any(layout.shard_table_path(item.name) in damaged for item in manifest.shards):
        return
    for path, chunks in energon_files(store, prefix, manifest.shards):
        if path in damaged:
            continue
        key = f"{prefix}/{path}" if prefix else path
        if not store.exists(key):
            report_problem(path, "missing")
        elif not _has_bytes(store, key, chunks):
            report_problem(path, "it is not the index of these shards")
    _check_samples(store, manifest, damaged, report_problem, prefix)


def _check_samples(
    store: Store,
    manifest: Manifest,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
    prefix: str,
) -> None:
    """Compares the table of samples, which earlier releases did not write, with shards' tables."""
    listed = {file.path for file in manifest.files}
    sources = {path for path in damaged if path.startswith(("metadata/", "shots/"))}
    path = layout.SAMPLES_TABLE
    if path not in listed or path in damaged or sources:
        return
    groups = sample_groups(store, prefix, numbered_shards(manifest), listed)
    with store.open_read(f"{prefix}/{path}" if prefix else path) as source:
        try:
            difference = _first_difference(pq.ParquetFile(source), groups)
        except (pa.ArrowException, OSError, ValueError) as error:
            difference = f"it cannot be read: {error}"[:200]
    if difference:
        report_problem(path, difference)


def _first_difference(file: pq.ParquetFile, groups: Iterator[pa.Table]) -> str:
    """Says where a table of samples differs from the row groups that it should have, or ""."""
    if not file.schema_arrow.equals(SAMPLES_SCHEMA):
        return "it has other columns than the table of samples"
    number = rows = 0
    for number, group in enumerate(groups, 1):
        if number > file.num_row_groups:
            return f"it ends after {rows:,} samples; there are more in the shards"
        found = file.read_row_group(number - 1, use_threads=False)
        if not found.equals(group):
            return f"samples {rows:,} to {rows + len(group) - 1:,} are not those of the shards"
        rows += len(group)
    return "" if number == file.num_row_groups else f"it has more than the shards' {rows:,} samples"


def _has_bytes(store: Store, key: str, chunks: Iterator[bytes]) -> bool:
    with store.open_read(key) as source:
        for chunk in chunks:
            if source.read(len(chunk)) != chunk:
                return False
        return not source.read(1)
