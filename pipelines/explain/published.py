"""Looks up what the newest published version of a deal decided about one asset."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.manifest import open_manifest, original_delivery
from pipelines.run.decisions import Decision, decisions_of, read_decisions
from pipelines.run.recorded_terms import recorded_terms
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout
from schemas.errors import InputError
from schemas.manifest import Manifest

_VERSION = re.compile(r"v(\d{4,})")


@dataclass(frozen=True)
class RunLookup:
    """The decisions on an asset in a deal's newest published version.

    Attributes:
        delivery: `<deal_id>/<version>`.
        as_of: The instant at which its rights were judged, ISO 8601.
        terms_sha256: Digest of the terms that it was made under.
        decisions: One decision per row of the asset; none if the run had no such asset.
        original: The version whose run decided: this one, or the one that it was patched from.
        is_removed: Whether that run delivered the asset, and a removal took it out of this version.
    """

    delivery: str
    as_of: str
    terms_sha256: str
    decisions: tuple[Decision, ...]
    original: str
    is_removed: bool

    @property
    def has_sample(self) -> bool:
        """Whether this version holds a sample of the asset."""
        return not self.is_removed and any(decision.shard for decision in self.decisions)


def look_up_run(output: str, deal_id: str, asset_id: str) -> RunLookup:
    """Looks an asset up in the newest published version of a deal.

    Args:
        output: Folder or s3:// prefix that runs were written to.
        deal_id: The deal.
        asset_id: The asset.

    Raises:
        InputError: If the output contains no published run of the deal.
        InputError: If its decisions were written by an earlier version of the program.
        RunError: If the manifest is damaged.
    """
    store = open_store(output)
    version = _newest_version(store, deal_id)
    if version is None:
        raise InputError(
            "The output contains no published run of the deal",
            f"{output} has no {deal_id}/v0001/{layout.DELIVERY}/{layout.MANIFEST} or later",
            "Give the --out of the run, or omit the option.",
        )
    manifest = _read_manifest(store, deal_id, version)
    original = original_delivery(manifest)  # a removal judges nothing, so it writes no decisions
    folder = f"{layout.agency_prefix(deal_id, original.rpartition('/')[2])}/decisions"
    decisions = tuple(_asset_decisions(store, folder, asset_id))
    return RunLookup(
        manifest.delivery,
        manifest.as_of,
        recorded_terms(store, layout.agency_prefix(deal_id, version), manifest),
        decisions,
        original,
        any(one.shard and not _has_sample(store, version, manifest, one) for one in decisions),
    )


def _newest_version(store: Store, deal_id: str) -> str | None:
    suffix = f"/{layout.DELIVERY}/{layout.MANIFEST}"
    versions_by_number = {}
    for item in store.list(deal_id):
        version = item.key.removeprefix(f"{deal_id}/").removesuffix(suffix)
        if item.key.endswith(suffix) and (match := _VERSION.fullmatch(version)):
            versions_by_number[int(match[1])] = version
    return versions_by_number[max(versions_by_number)] if versions_by_number else None


def _read_manifest(store: Store, deal_id: str, version: str) -> Manifest:
    key = layout.manifest_key(deal_id, version)
    return open_manifest(store.read_bytes(key))


def _has_sample(store: Store, version: str, manifest: Manifest, decision: Decision) -> bool:
    """Returns whether a version has the sample of a delivered asset."""
    shard = decision.shard or ""
    if manifest.patches is None:
        return True
    if shard not in {one.name for one in manifest.shards}:
        return False  # nothing was left of it
    folder = layout.delivery_prefix(manifest.deal.deal_id, version)
    keys = read_parquet(store, f"{folder}/{layout.shard_table_path(shard)}", ["key"])["key"]
    return decision.key in values_of(keys, str)


def _asset_decisions(store: Store, folder: str, asset_id: str) -> Iterator[Decision]:
    """Yields the asset's decisions in the order of the table's parts, reading batch by batch."""
    for batch in read_decisions(store, folder):
        yield from decisions_of(
            batch.filter(pc.equal(batch.column("asset_id"), pa.scalar(asset_id)))
        )
