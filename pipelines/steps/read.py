"""Reads catalogue parts into checked batches in the work area, and gives a verdict on them all."""

from __future__ import annotations

import io
import threading
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, replace

import numpy as np
import pyarrow as pa

from pipelines.catalogue.account import TableCount, account_for
from pipelines.catalogue.checks import CatalogueChecks, no_assets_error, prepare_checks
from pipelines.catalogue.docs_page import data_docs
from pipelines.catalogue.outcome import stop_error
from pipelines.catalogue.read import TablePart, read_batches
from pipelines.catalogue.unstated import count_unstated
from pipelines.features.remembered_checks import RememberedChecks
from pipelines.rights.arrow import column
from pipelines.rights.rules.selection import count_excluded
from pipelines.run.costs import Stopwatch, total_cost
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import Decision, failed_asset, write_decisions
from pipelines.run.job import Job
from pipelines.run.receipts import BatchReceipt, CatalogueVerdict, Hashes
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from pipelines.storage.parallel import in_parallel
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, parquet_bytes, read_parquet
from schemas import layout
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal

_FAILED_SCHEMA = pa.schema([field.with_nullable(True) for field in ASSETS_SCHEMA])

# The checks of the latest run in this process, by the token of its lease.
_checks_by_token: dict[str, CatalogueChecks] = {}
_CHECKS_LOCK = threading.Lock()


def checks_of_run(job: Job) -> CatalogueChecks:
    """Prepares the checks of a run once in each process, since that reads the small tables.

    Another run in the same process reads them again, as a no may have been added since.

    Raises:
        InputError: As `pipelines.catalogue.checks.prepare_checks`.
    """
    if job.lease_record is None:
        return _prepare(job)
    token = job.lease_record.token
    with _CHECKS_LOCK:
        if token not in _checks_by_token:
            checks = _prepare(job)
            _checks_by_token.clear()
            _checks_by_token[token] = checks
        return _checks_by_token[token]


def _prepare(job: Job) -> CatalogueChecks:
    memory = RememberedChecks(open_store(job.output_uri))
    return prepare_checks(job.catalogue, job.deal, job.as_of_us, memory)


def ingest_part(
    store: Store, job: Job, part: TablePart, checks: CatalogueChecks
) -> Iterator[BatchReceipt]:
    """Reads a part in batches, applies the catalogue checks and stores the rows that passed."""
    watch, stops = Stopwatch(), False
    for batch in read_batches(part, job.catalogue.mapping):
        name = f"{batch.part_index:05d}-{batch.batch_index:06d}"
        checked, reached = checks.check_batch(batch)
        stops = stops or stop_error(checked.summary, checks.suite) is not None
        failed = [
            failed_asset(row.asset_id, row.reason, row.detail)
            for row in (*batch.failed_rows, *checked.failed_rows)
        ]
        counts = StepCounts(
            entered=len(batch.table) + len(batch.failed_rows), passed=len(checked.table)
        )
        for decision in failed:
            counts.add_decision(decision)
        _write_batch(store, job.work, name, checked.table, failed)
        _write_failed_rows(store, job.work, name, (batch.unread, checked.diverted))
        report_progress(job.progress_path, "read", counts.entered)
        empty, excluded = count_passed(checked.table, job.deal)
        yield BatchReceipt(
            name,
            counts,
            checked.summary,
            reached,
            batch.blank_rows,
            empty,
            excluded,
            batch.notes.control_characters,
            watch.cost(counts.entered),
        )
        watch = Stopwatch()
    if not stops:  # what a refused run found is not kept
        checks.memory.save()


def count_passed(table: pa.Table, deal: Deal) -> tuple[Counter[str], int]:
    """Returns how many assets say nothing in each column, and how many the deal's keywords exclude.

    `check` counts by this function too.
    """
    return count_unstated("assets", table), count_excluded(table, deal)


def _write_batch(
    store: Store, work: str, name: str, table: pa.Table, failed: list[Decision]
) -> None:
    hashes = hash_ids(values_of(column(table, "asset_id"), str))
    hashed = table.append_column("hash", pa.array(hashes))
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, hashed.schema) as writer:
        writer.write_table(hashed)
    store.write_bytes(f"{work}/batches/{name}.arrow", sink.getvalue())
    # Failed rows count towards repeated ids too: nobody can say which of two rows is meant.
    all_hashes = np.concatenate([hashes, hash_ids(row.asset_id for row in failed)])
    ids = io.BytesIO()
    np.save(ids, all_hashes)
    store.write_bytes(f"{work}/ids/{name}.npy", ids.getvalue())
    write_decisions(store, f"{work}/agency", f"read-{name}", failed)


def _write_failed_rows(store: Store, work: str, name: str, tables: Iterable[pa.Table]) -> None:
    """Writes the rows of failed assets that say where their file is: they may contain a no."""
    rows = [
        {**row, "asset_id": row["asset_id"] or "", "contributors": row["contributors"] or []}
        for table in tables
        for row in table.to_pylist()
        if row["media_uri"]
    ]
    key = f"{work}/failed-rows/{name}.parquet"
    if rows:
        store.write_bytes(key, parquet_bytes(pa.Table.from_pylist(rows, schema=_FAILED_SCHEMA)))
    elif store.exists(key):  # left by an interrupted attempt
        store.delete(key)


def judge_catalogue(
    store: Store, job: Job, checks: CatalogueChecks, receipts: list[BatchReceipt]
) -> CatalogueVerdict:
    """Returns the verdict on all batches, and writes it and the data docs to the work area."""
    watch = Stopwatch()
    judgement = checks.judge(
        (receipt.gate for receipt in receipts), (receipt.reached for receipt in receipts)
    )
    error = judgement.error
    counts, controls = StepCounts(), Counter(checks.notes.control_characters)
    for receipt in receipts:
        counts.add(receipt.counts)
        controls += receipt.control_characters
    if error is None and counts.entered == 0:
        error = no_assets_error(job.catalogue)
    names = sorted(receipt.name for receipt in receipts)
    repeated = _repeated_hashes(store, job.work, names) if error is None else np.zeros(0, np.uint64)
    empty = sum((receipt.empty for receipt in receipts), Counter[str]())
    read = {"assets": TableCount(counts.passed, empty=tuple(empty.items())), **checks.rows}
    known = job.catalogue
    joined = known.joined_columns
    reading = account_for(known.files, known.columns, read, job.deal, controls, joined)
    unstated = reading.unstated_lines()
    page = data_docs(judgement.summary, checks.suite, job.as_of, unstated, checks.memory)
    store.write_bytes(f"{job.work}/agency/expectations/index.html", page.encode())
    if error is None:
        checks.memory.save()
    stop = [error.what, error.which, error.remedy] if error else None
    verdict = {
        "stop": stop,
        "counts": counts.to_json(),
        "batches": len(receipts),
        "reported": judgement.reported,
        "blank_rows": sum(receipt.blank_rows for receipt in receipts),
        "joined_rows": {
            name: {key: value for key, value in asdict(count).items() if value}
            for name, count in judgement.joined_rows.items()
        },
        "named": {
            "repeated_ids": len(repeated),
            "with_excluded_keyword": sum(receipt.excluded for receipt in receipts),
        },
        "empty": dict(empty),
        "control_characters": dict(sorted(controls.items())),
        "cost": total_cost(
            [*(one.cost for one in receipts), replace(watch.cost(), pieces=0, cpu_pieces=0)]
        ).to_json(),
    }
    store.write_bytes(f"{job.work}/verdict.json", json_bytes(verdict))
    report_progress(job.progress_path, "read", 0, counts.entered)  # the total is known only now
    report_progress(job.progress_path, "screen", 0, counts.passed)
    return CatalogueVerdict(error is not None, repeated)


def _repeated_hashes(store: Store, work: str, names: list[str]) -> Hashes:
    """Returns the hashes that occur more than once; takes 8 bytes per asset and one sort."""
    keys = (f"{work}/ids/{name}.npy" for name in names)
    parts = in_parallel(store, store.read_bytes, keys)
    return repeated_hashes([np.load(io.BytesIO(data)) for data in parts])


def repeated_hashes(parts: Sequence[Hashes]) -> Hashes:
    """Returns the hashes that occur more than once in all parts together, sorted."""
    ordered = np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.uint64)
    return np.unique(ordered[1:][ordered[1:] == ordered[:-1]])


def hash_ids(asset_ids: Iterable[str]) -> Hashes:
    """Returns the hash of each asset id, [n] uint64."""
    return np.fromiter((layout.asset_hash(text) for text in asset_ids), np.uint64)


def read_failed_rows(store: Store, work: str, name: str) -> pa.Table:
    """Reads a batch's failed assets, with `hash` as in `read_batch` and null for bad values."""
    key = f"{work}/failed-rows/{name}.parquet"
    table = read_parquet(store, key) if store.exists(key) else _FAILED_SCHEMA.empty_table()
    hashes = hash_ids(values_of(column(table, "asset_id"), str))
    return table.append_column("hash", pa.array(hashes))


def read_batch(store: Store, work: str, name: str) -> pa.Table:
    """Reads a batch from the work area: schemas.catalogue.ASSETS_SCHEMA and the column `hash`."""
    data = store.read_bytes(f"{work}/batches/{name}.arrow")
    return pa.ipc.open_file(pa.BufferReader(data)).read_all()
