"""Writes one shard: the tar, its table and stats, its embeddings, its decisions, its receipt.

The numbers mark these stages in the code: 1. skip a committed shard; 2. read the planned samples'
rows; 3. stream the tar and check every media digest; 4. write the files beside the tar; 5. write
the rows from which ledger and decisions are made; 6. commit. The run's lease is confirmed before 4
and 6, because a worker that outlived its run must not write into another run's version.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.planned import planned_columns
from pipelines.delivery.sample import make_sample, sample_json
from pipelines.delivery.tables import shard_row, shard_table
from pipelines.features.digest_cache import file_state, invalidate
from pipelines.features.store import FeatureStore
from pipelines.fetch.fetch import LocalMedia
from pipelines.fetch.locate import resolve_media_uri
from pipelines.format.tar import Digests, TarWriter
from pipelines.ledger.entries import asset_commitment
from pipelines.profiles.tables import table_schema
from pipelines.run.costs import Stopwatch
from pipelines.run.failures import mark_outdated
from pipelines.run.job import Job
from pipelines.run.lease_record import confirm_lease
from pipelines.run.receipts import ShardReceipt, ShardSpec
from pipelines.steps.delivered_rows import delivered_key, record_delivered
from pipelines.steps.doubts import note_changes
from pipelines.steps.kept_shard import keep_shard
from pipelines.steps.personal import count_delivered, count_samples
from pipelines.steps.second_reading import MediaChangedError, SecondReader, changed_in_run
from pipelines.steps.shard_files import write_shard_files
from pipelines.steps.units import UnitTables
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.parallel import in_parallel
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, read_parquet
from schemas import layout
from schemas.errors import BadRecord, RunError
from schemas.manifest import ShardRecord
from schemas.profiles.common import CommonSample
from schemas.shard_table import PlannedColumns, SampleRow
from schemas.unit import UnitRow

_BATCH_SAMPLES = 16  # samples made, and reported as progress, together
_CONVERTED_ROWS = 256  # out of Arrow at once: each time costs as much as several rows


def write_shard(
    store: Store,
    features: FeatureStore,
    units: UnitTables,
    reader: SecondReader,
    job: Job,
    spec: ShardSpec,
) -> ShardReceipt | None:
    """Writes one shard and returns its receipt; a committed shard is not written again.

    Returns:
        None if a server changed a medium since its unit was read: the run must start over.

    Raises:
        RunError: If a file on this machine changed since its unit was read.
    """
    watch = Stopwatch()
    commit = f"{job.work}/shards/{spec.name}.json"
    committed = None
    if store.exists(commit):
        committed = ShardReceipt.from_json(read_json(store, commit))
        if store.exists(delivered_key(job, spec.name)):  # 1
            return committed
    plan = read_parquet(store, f"{job.work}/plan/{spec.name}.parquet")
    rows = _planned_rows(store, units, job, spec, plan)  # 2
    personal, samples = count_delivered(rows), count_samples(rows)
    if committed is not None:
        keep_shard(store, job, spec.name, rows)
        return replace(committed, personal=personal, samples=samples)
    try:
        tar, table = _write_tar(store, reader, job, spec, rows, plan)  # 3
    except MediaChangedError as error:
        _give_up(store, features, reader, job, spec, rows, error)
        return None
    files = write_shard_files(store, features, job, spec, rows, table, tar.size)  # 4
    record_delivered(store, job, spec.name, rows, table)  # 5
    _confirm_lease(store, job)
    shard = ShardRecord(
        name=spec.name, family=spec.family, samples=len(table), bytes=tar.size, sha256=tar.sha256
    )
    md5, cost = tar.md5 if _has_md5(job) else "", watch.cost(len(table))
    receipt = ShardReceipt(shard, spec.index, md5, tuple(files), personal, samples, cost)
    store.write_bytes(commit, json_bytes(receipt.to_json()))  # 6
    return receipt


def _has_md5(job: Job) -> bool:
    return job.deal.shards.wids_md5 == "give"


def _confirm_lease(store: Store, job: Job) -> None:
    if job.lease_record is not None:
        confirm_lease(store, job.lease_record)


def _planned_rows(
    store: Store, units: UnitTables, job: Job, spec: ShardSpec, plan: pa.Table
) -> pa.Table:
    """Returns the shard's rows (UNIT_SCHEMA), sorted by asset commitment."""

    def planned(unit: int) -> pa.Table:
        table = units.rows(unit, spec.family)
        return table.filter(pc.is_in(table["asset_id"], plan["asset_id"]))

    found = pa.concat_tables(in_parallel(store, planned, sorted(set(values_of(plan["unit"], int)))))
    if len(found) != len(plan):
        raise RunError(
            "A shard's plan and its units disagree",
            f"{spec.name}: {len(plan)} planned, {len(found)} found",
            "The work area was changed during the run; remove it and run again.",
        )
    asset_ids = values_of(found["asset_id"], str)
    keys = [asset_commitment(job.salt, asset_id) for asset_id in asset_ids]
    return found.take(sorted(range(len(keys)), key=keys.__getitem__))


def _write_tar(
    store: Store, reader: SecondReader, job: Job, spec: ShardSpec, rows: pa.Table, plan: pa.Table
) -> tuple[TarWriter, pa.Table]:
    """Writes a shard's tar; returns its writer, which has its digests, and the shard's table."""
    digests = Digests.ALL if _has_md5(job) else Digests.ALL & ~Digests.MD5
    planned = planned_columns(job.salt, spec.name, plan)
    with store.open_write(f"{job.delivery}/{layout.tar_path(spec.name)}") as sink:
        with TarWriter(sink, digests) as tar:
            table = _write_samples(tar, reader, job, spec, rows, planned)
        _confirm_lease(store, job)  # before the tar gets its name
    return tar, table


def _write_samples(
    tar: TarWriter,
    reader: SecondReader,
    job: Job,
    spec: ShardSpec,
    rows: pa.Table,
    planned: Mapping[str, PlannedColumns],
) -> pa.Table:
    """Writes the rows' samples into a tar and returns the shard's table."""
    shard_rows: list[SampleRow] = []
    for batch in _batches(rows):
        # Samples are made here because the tar's threads compute digests meanwhile, and several at
        # a time because every media file evicts everything else from the processor's caches.
        samples = [make_sample(row, job) for row in batch]
        pairs = list(zip(samples, batch, strict=True))
        shard_rows += [
            shard_row(job, spec.name, sample, row, planned[row["asset_id"]])
            for sample, row in pairs
        ]
        texts = [sample_json(sample) for sample in samples]
        for (sample, row), data in zip(pairs, texts, strict=True):
            _add_sample(tar, reader, sample, row, data)
        report_progress(job.progress_path, "write", len(batch))
    members = tar.close()
    each = len(members) // max(1, len(shard_rows))
    for at, (written, medium) in enumerate(zip(shard_rows, members[:: each or 1], strict=True)):
        if medium.sha256 != written["media_sha256"]:
            [changed] = rows_of(rows.slice(at, 1), UnitRow)
            detail = f"sha256 {medium.sha256}, was {written['media_sha256']}"
            raise MediaChangedError(changed, detail)
    return shard_table(shard_rows, members, table_schema(job.deal.profile))


def _batches(rows: pa.Table) -> Iterator[list[UnitRow]]:
    for start in range(0, len(rows), _CONVERTED_ROWS):
        converted = rows_of(rows.slice(start, _CONVERTED_ROWS), UnitRow)
        for at in range(0, len(converted), _BATCH_SAMPLES):
            yield converted[at : at + _BATCH_SAMPLES]


def _add_sample(
    tar: TarWriter, reader: SecondReader, sample: CommonSample, row: UnitRow, data: bytes
) -> None:
    name = f"{sample.key}.{sample.format}"
    try:
        stream = reader.open(row)
        if isinstance(stream, LocalMedia):
            tar.add_from(name, row["bytes"], stream.readinto)
        else:
            tar.add(name, row["bytes"], reader.delivered(row, stream))
    except (BadRecord, ValueError) as error:
        raise MediaChangedError(row, str(error)) from error
    reader.check_statements(row, stream)
    for extra in row["extras"]:
        tar.add(f"{sample.key}.{extra['ending']}", extra["bytes"], [reader.member(extra)])
    text = sample.caption.encode()
    tar.add(f"{sample.key}.txt", len(text), [text])
    tar.add(f"{sample.key}.json", len(data), [data])


def _give_up(
    store: Store,
    features: FeatureStore,
    reader: SecondReader,
    job: Job,
    spec: ShardSpec,
    rows: pa.Table,
    error: MediaChangedError,
) -> None:
    """Gives up a shard in which a medium changed, and notes all that changed on servers.

    Raises:
        RunError: If the medium is on this machine.
    """
    if not reader.is_remote(error.row):
        _mark_media_changed(store, features, job, error.row)
        raise changed_in_run(error) from error
    others = [row for row in rows_of(rows, UnitRow) if row["asset_id"] != error.row["asset_id"]]
    changed = [error, *reader.find_changes(others)]
    note_changes(store, job, spec.name, [reader.change_of(item) for item in changed])


def _mark_media_changed(store: Store, features: FeatureStore, job: Job, row: UnitRow) -> None:
    """Makes the next run read this media file again, and marks units and plan as outdated."""
    low, high = layout.unit_range(layout.unit_of(row["hash"], job.unit_bits), job.unit_bits)
    try:
        state = file_state(resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy))
    except BadRecord:
        state = None  # the URI no longer leads to an allowed file, so no cached state applies
    invalidate(features.digest_cache, low, high, [] if state is None else [state])
    mark_outdated(store, job.work)
