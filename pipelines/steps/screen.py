"""Screens one batch: writes decisions for refused assets and blocks of rows for cleared ones."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipelines.catalogue.read import read_table
from pipelines.rights.arrow import column
from pipelines.rights.cleared_rights import add_cleared_rights
from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.detail import describe_refusals
from pipelines.rights.rules.screen import ReasonMask, build_rights_index, reasons_of, screen_batch
from pipelines.run.costs import Stopwatch
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import refusals_table
from pipelines.run.job import Job
from pipelines.run.receipts import CatalogueVerdict, ScreenReceipt
from pipelines.steps.read import read_batch, read_failed_rows
from pipelines.steps.refused import blocks_key, refused_rows
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock, write_blocks, write_table
from schemas.catalogue import SMALL_TABLES
from schemas.layout import HASH_BITS


def load_small_tables(job: Job) -> tuple[pa.Table, pa.Table, pa.Table, pa.Table]:
    """Reads the small tables, in the order of SMALL_TABLES; they were checked with the job."""
    contributors, consents, releases, agreements = (
        read_table(job.catalogue, name) for name in SMALL_TABLES
    )
    return contributors, consents, releases, agreements


def load_index(job: Job) -> RightsIndex:
    """Builds the deal's rights index from the small tables."""
    return build_rights_index(*load_small_tables(job), job.deal, job.as_of_us, job.removed)


def screen_stored_batch(
    store: Store, job: Job, index: RightsIndex, name: str, verdict: CatalogueVerdict
) -> ScreenReceipt:
    """Screens a batch and stores its rows in blocks, one per unit, in order of hash.

    Stored are the cleared rows, and apart from them those whose refusal holds for copies too, also
    that of a row which cannot be read but says where its file is.
    """
    watch = Stopwatch()
    batch = read_batch(store, job.work, name)
    hashes = np.asarray(column(batch, "hash"))
    mask = screen_batch(batch, index, job.deal, np.isin(hashes, verdict.repeated))
    counts = StepCounts(entered=len(batch), passed=int((mask == 0).sum()))
    _write_refusals(store, job, index, name, batch.filter(pa.array(mask != 0)), mask, counts)
    cleared = batch.filter(pa.array(mask == 0)).sort_by([("hash", "ascending")])
    cleared = add_cleared_rights(cleared, index, job.deal)
    blocks: tuple[tuple[int, RowBlock], ...] = ()
    if len(cleared):
        key = f"{job.work}/cleared/{name}.arrows"
        blocks = tuple(write_blocks(store, key, _by_unit(cleared, job.unit_bits)))
    failed = read_failed_rows(store, job.work, name)
    failed_mask = screen_batch(failed, index, job.deal, np.zeros(len(failed), np.bool_))
    refused = pa.concat_tables(
        [refused_rows(batch, mask, job), refused_rows(failed, failed_mask, job)]
    )
    if len(refused):
        groups = _by_unit(refused, job.unit_bits)
        blocks += tuple(write_blocks(store, blocks_key(job, name), groups))
    report_progress(job.progress_path, "screen", counts.entered)
    report_progress(job.progress_path, "enrich", 0, counts.passed)
    return ScreenReceipt(name, counts, blocks, watch.cost(counts.entered))


def _by_unit(rows: pa.Table, bits: int) -> Iterator[tuple[int, pa.Table]]:
    units = np.asarray(column(rows, "hash")) >> np.uint64(HASH_BITS - bits)
    numbers, starts = np.unique(units, return_index=True)
    stops = np.append(starts[1:], len(units))
    for number, start, stop in zip(numbers, starts, stops, strict=True):
        yield int(number), rows.slice(int(start), int(stop - start))


def _write_refusals(
    store: Store,
    job: Job,
    index: RightsIndex,
    name: str,
    rows: pa.Table,
    mask: ReasonMask,
    counts: StepCounts,
) -> None:
    masks = mask[mask != 0]
    if len(masks) == 0:
        return
    details = describe_refusals(rows, masks, index, job.deal)
    distinct_masks, mask_index, sizes = np.unique(masks, return_inverse=True, return_counts=True)
    counts.notices.update(index.removed.count(rows))
    reasons = [reasons_of(int(bits)) for bits in distinct_masks]
    for codes, size in zip(reasons, sizes, strict=True):
        counts.add_refusals(codes, int(size))
    table = refusals_table(column(rows, "asset_id"), reasons, mask_index, details)
    write_table(store, f"{job.work}/agency/decisions/screen-{name}.parquet", table)
