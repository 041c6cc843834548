"""What changed since the version that is to be replaced: before the run, and in its result."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.catalogue.read import read_batches
from pipelines.run.job import Job
from pipelines.run.replaced import Hashes, Replaced, asset_hashes
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet, tables_under
from schemas import layout

_BATCH_ROWS = 32_768
_DIGEST = re.compile("[0-9a-f]{64}")
_NO_DIGEST = "0" * 64


@dataclass(frozen=True)
class KnownChanges:
    """What is known to have changed before a run.

    Attributes:
        as_of: The time at which rights were evaluated before; "" if it is the same now.
        terms: Whether the deal's terms changed.
        gone: How many delivered assets the catalogue no longer has.
        new: How many assets of the catalogue were not in it before.
        other_files: How many delivered assets have another file, by the catalogue's digests.
    """

    as_of: str
    terms: bool
    gone: int
    new: int
    other_files: int

    def lines(self) -> list[str]:
        """Returns what changed, as short texts for people."""
        counts = (
            (self.gone, "delivered asset{s} no longer in the catalogue"),
            (self.new, "asset{s} new in the catalogue"),
            (self.other_files, "delivered asset{s} with another file"),
        )
        lines = [
            f"{count:,} {text.format(s='' if count == 1 else 's')}"
            for count, text in counts
            if count
        ]
        if self.as_of:
            lines.append(f"rights were evaluated as of {self.as_of} then")
        if self.terms:
            lines.append("the deal's terms changed")
        return lines


def known_changes(store: Store, job: Job, replaced: Replaced) -> KnownChanges:
    """Compares the catalogue and the deal with those of the replaced version.

    Unless the catalogue is the same, it reads its assets once. Whether they are still cleared, only
    the run can tell.
    """
    as_of = "" if replaced.as_of == job.as_of.isoformat() else replaced.as_of
    terms = replaced.terms_sha256 != job.deal.terms_sha256()
    if replaced.catalogue_sha256 == job.catalogue.digest:
        return KnownChanges(as_of, terms, 0, 0, 0)
    before = _considered(store, job)
    ids, digests = _catalogue_assets(job)
    stated = np.isin(replaced.assets, ids[digests != 0])
    now = digests[np.searchsorted(ids, replaced.assets[stated])]
    return KnownChanges(
        as_of,
        terms,
        gone=int((~np.isin(replaced.assets, ids)).sum()),
        new=int((~np.isin(ids, before)).sum()),
        other_files=int((now != replaced.media[stated]).sum()),
    )


def _considered(store: Store, job: Job) -> Hashes:
    """Returns the hashes of the assets that were decided about in the replaced version.

    If a removal made it, the version that was packaged has the decisions.
    """
    version = job.replaces
    while version:
        agency = layout.agency_prefix(job.deal.deal_id, version)
        version = read_json(store, f"{agency}/{layout.RUN_RECORD}").get("patches", "")
    found = [np.zeros(0, np.uint64)]
    for folder in ("decisions", "dead_letters"):
        for item in tables_under(store, f"{agency}/{folder}"):
            ids = values_of(read_parquet(store, item.key, ["asset_id"])["asset_id"], str)
            found.append(np.fromiter(map(layout.asset_hash, ids), np.uint64, len(ids)))
    return np.unique(np.concatenate(found))


def _catalogue_assets(job: Job) -> tuple[Hashes, Hashes]:
    """Returns the hashes of the catalogue's assets, sorted, and their files' digests or 0."""
    ids, digests = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint64)]
    for part in job.catalogue.parts("assets"):
        for batch in read_batches(part, job.catalogue.mapping):
            stated = [
                text if text and _DIGEST.fullmatch(text) else _NO_DIGEST
                for text in batch.table["sha256"].to_pylist()
            ]
            hashed = asset_hashes(
                pa.table({"asset_id": batch.table["asset_id"], "media_sha256": stated})
            )
            ids.append(hashed[0])
            digests.append(hashed[1])
            unread = values_of(batch.unread["asset_id"].drop_null(), str)
            ids.append(np.fromiter(map(layout.asset_hash, unread), np.uint64, len(unread)))
            digests.append(np.zeros(len(unread), np.uint64))
    unique, firsts = np.unique(np.concatenate(ids), return_index=True)
    return unique, np.concatenate(digests)[firsts]


@dataclass(frozen=True)
class AssetChanges:
    """How the assets of two deliveries differ.

    Attributes:
        added: How many are in the new delivery only.
        removed: How many are in the replaced one only.
        changed: How many are in both, with another file.
        kept: How many are in both with the same file.
    """

    added: int
    removed: int
    changed: int
    kept: int

    def to_json(self) -> dict[str, int]:
        """Returns it as JSON."""
        return asdict(self)


def asset_changes(store: Store, ledger_key: str, replaced: Replaced) -> AssetChanges:
    """Compares the assets of a new ledger with those of the replaced version."""
    hashes, media = [], []
    with store.open_read(ledger_key) as source, pq.ParquetFile(source) as file:
        for rows in file.iter_batches(
            _BATCH_ROWS, columns=["asset_id", "media_sha256"], use_threads=False
        ):
            batch = asset_hashes(pa.Table.from_batches([rows]))
            hashes.append(batch[0])
            media.append(batch[1])
    assets, firsts = np.unique(np.concatenate(hashes), return_index=True)
    files = np.concatenate(media)[firsts]
    both, here, there = np.intersect1d(
        assets, replaced.assets, assume_unique=True, return_indices=True
    )
    kept = int((files[here] == replaced.media[there]).sum())
    return AssetChanges(
        len(assets) - len(both), len(replaced.assets) - len(both), len(both) - kept, kept
    )
