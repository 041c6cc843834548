"""Checks that the published indexes are those that result from the shards' tables."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.indexes import MixedTablesError, SampleIndex, index_files
from pipelines.format.manifest import numbered_shards
from pipelines.profiles.tables import known_table_schemas
from pipelines.storage.store import Store
from pipelines.verify.report import ProblemReporter
from pipelines.verify.splits import SplitCheck
from schemas import layout
from schemas.manifest import Manifest
from schemas.shard_table import samples_schema


def check_indexes(
    store: Store,
    manifest: Manifest,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
    prefix: str = "",
) -> None:
    """Rebuilds loaders' indexes and the table of samples, and compares them with what is published.

    Args:
        store: The delivery.
        manifest: Its manifest, which was checked.
        damaged: Paths of damaged files; if a table is among them, there is nothing to compare with.
        report_problem: Called with each problem.
        prefix: Key prefix of the delivery in the store.
    """
    if any(layout.shard_table_path(item.name) in damaged for item in manifest.shards):
        return
    loaders = any(file.path == layout.SIZES for file in manifest.files)
    try:
        with _comparing_samples(store, manifest, damaged, report_problem, prefix) as samples:
            for path, chunks in index_files(store, prefix, manifest.shards, samples, loaders):
                if path in damaged:
                    continue
                key = f"{prefix}/{path}" if prefix else path
                if not store.exists(key):
                    report_problem(path, "missing")
                elif not _has_bytes(store, key, chunks):
                    report_problem(path, "it is not the index of these shards")
    except MixedTablesError as error:
        table = layout.shard_table_path(str(error))
        report_problem(table, "it has other columns than the tables of the other shards")


@contextmanager
def _comparing_samples(
    store: Store,
    manifest: Manifest,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
    prefix: str,
) -> Iterator[SampleIndex | None]:
    """Compares the table of samples, which earlier releases did not write, with what is added.

    Yields:
        What shards' tables are added to; None if there is nothing to compare.
    """
    listed, path = {file.path for file in manifest.files}, layout.SAMPLES_TABLE
    sources = {name for name in damaged if name.startswith(("metadata/", "shots/"))}
    if path not in listed or path in damaged or sources:
        yield None
        return
    with store.open_read(f"{prefix}/{path}" if prefix else path) as source:
        divided = any(layout.shard_split(item.name) != "train" for item in manifest.shards)
        comparison, splits = _SamplesComparison(source), SplitCheck(divided, report_problem)

        def compare(group: pa.Table) -> None:
            comparison.compare(group)
            splits.add(group)

        yield SampleIndex(store, prefix, numbered_shards(manifest), listed, compare)
        difference = comparison.result()
    if difference:
        report_problem(path, difference)


class _SamplesComparison:
    """Compares a published table of samples with the row groups that it should have."""

    def __init__(self, source: BinaryIO) -> None:
        self._file: pq.ParquetFile | None = None
        self._difference = ""
        self._groups = self._rows = 0
        try:
            self._file = pq.ParquetFile(source)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._difference = _unreadable(error)
            return
        known = map(samples_schema, known_table_schemas())
        if not any(map(self._file.schema_arrow.equals, known)):
            self._difference = "it has other columns than the table of samples"

    def compare(self, group: pa.Table) -> None:
        """Compares the next row group."""
        if self._difference or self._file is None:
            return
        try:
            self._difference = self._next_difference(self._file, group)
        except (pa.ArrowException, OSError, ValueError) as error:
            self._difference = _unreadable(error)
        self._groups, self._rows = self._groups + 1, self._rows + len(group)

    def _next_difference(self, file: pq.ParquetFile, group: pa.Table) -> str:
        at = self._rows
        if self._groups >= file.num_row_groups:
            return f"it ends after {at:,} samples; there are more in the shards"
        if not file.read_row_group(self._groups, use_threads=False).equals(group):
            return f"samples {at:,} to {at + len(group) - 1:,} are not those of the shards"
        return ""

    def result(self) -> str:
        """Returns where the table differs, or "", when all row groups were compared."""
        more = self._file is not None and self._groups != self._file.num_row_groups
        if more and not self._difference:
            return f"it has more than the shards' {self._rows:,} samples"
        return self._difference


def _unreadable(error: Exception) -> str:
    return f"it cannot be read: {error}"[:200]


def _has_bytes(store: Store, key: str, chunks: Iterator[bytes]) -> bool:
    with store.open_read(key) as source:
        for chunk in chunks:
            if source.read(len(chunk)) != chunk:
                return False
        return not source.read(1)
