"""Checks that the published Energon index is the one that results from the shards' tables."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.format.energon_index import energon_files
from pipelines.storage.store import Store
from pipelines.verify.report import ProblemReporter
from schemas import layout
from schemas.manifest import Manifest


def check_indexes(
    store: Store,
    manifest: Manifest,
    damaged: frozenset[str],
    report_problem: ProblemReporter,
    prefix: str = "",
) -> None:
    """Rebuilds Energon's index from the shards' tables and compares it with the published one.

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


def _has_bytes(store: Store, key: str, chunks: Iterator[bytes]) -> bool:
    with store.open_read(key) as source:
        for chunk in chunks:
            if source.read(len(chunk)) != chunk:
                return False
        return not source.read(1)
