"""Writes one shard: the tar, its table and stats, its embeddings, its decisions, its receipt.

The numbers mark these stages in the code: 1. skip a committed shard; 2. read the planned samples'
rows; 3. stream the tar and check every media digest; 4. write the files beside the tar; 5. write
the rows from which ledger and decisions are made; 6. commit. The run's lease is confirmed before 4
and 6, because a worker that outlived its run must not write into another run's version.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.credits import shard_attributions
from pipelines.delivery.planned import planned_columns
from pipelines.delivery.sample import make_sample, sample_json, sample_key
from pipelines.delivery.tables import (
    delivered_table,
    metadata_table,
    shard_row,
    shard_table,
    shots_table,
)
from pipelines.features.caption_vectors import caption_vectors
from pipelines.features.digest_cache import file_state, invalidate
from pipelines.features.store import FeatureStore, Vectors
from pipelines.fetch.fetch import LocalMedia
from pipelines.fetch.locate import resolve_media_uri
from pipelines.format.attribution import SAMPLE_COLUMNS
from pipelines.format.shard_stats import shard_stats
from pipelines.format.tar import Digests, TarWriter
from pipelines.ledger.entries import asset_commitment
from pipelines.profiles.tables import table_schema
from pipelines.run.costs import Stopwatch
from pipelines.run.failures import mark_outdated
from pipelines.run.job import Job
from pipelines.run.lease_record import confirm_lease
from pipelines.run.receipts import ShardReceipt, ShardSpec
from pipelines.steps.doubts import note_changes
from pipelines.steps.personal import count_delivered, count_samples
from pipelines.steps.rights_files import attribution_key
from pipelines.steps.second_reading import MediaChangedError, SecondReader
from pipelines.steps.units import UnitTables
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.parallel import in_parallel
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import (
    json_bytes,
    parquet_bytes,
    read_json,
    read_parquet,
    write_table,
)
from schemas import layout
from schemas.errors import BadRecord, RunError
from schemas.features import ShotCaptions
from schemas.manifest import FileRecord, ShardRecord
from schemas.profiles.common import CommonSample
from schemas.shard_table import PlannedColumns, SampleRow
from schemas.unit import UnitRow

_BATCH_SAMPLES = 16  # samples made, and reported as progress, together


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
    committed = store.exists(commit)
    if committed and store.exists(_delivered_key(job, spec)):  # 1
        return ShardReceipt.from_json(read_json(store, commit))
    plan = read_parquet(store, f"{job.work}/plan/{spec.name}.parquet")
    rows = _planned_rows(store, units, job, spec, plan)  # 2
    if committed:
        _keep_published(store, job, spec, rows)
        kept = ShardReceipt.from_json(read_json(store, commit))
        return replace(kept, personal=count_delivered(rows), samples=count_samples(rows))
    has_md5 = job.deal.shards.wids_md5 == "give"
    digests = Digests.ALL if has_md5 else Digests.ALL & ~Digests.MD5
    try:
        with store.open_write(f"{job.delivery}/{layout.tar_path(spec.name)}") as sink:
            with TarWriter(sink, digests) as tar:  # 3
                planned = planned_columns(job.salt, spec.name, plan)
                table = _write_samples(tar, reader, job, spec, rows, planned)
            _confirm_lease(store, job)  # before the tar gets its name
    except MediaChangedError as error:
        if not reader.is_remote(error.row):
            _mark_media_changed(store, features, job, error.row)
            raise _changed_error(error) from error
        others = [row for row in rows_of(rows, UnitRow) if row["asset_id"] != error.row["asset_id"]]
        changed = [error, *reader.find_changes(others)]
        note_changes(store, job, spec.name, [reader.change_of(item) for item in changed])
        return None
    files = _write_beside(store, features, job, spec, rows, table, tar.size)  # 4
    _record_delivered(store, job, spec, rows, table)  # 5
    _confirm_lease(store, job)
    shard = ShardRecord(
        name=spec.name, family=spec.family, samples=len(table), bytes=tar.size, sha256=tar.sha256
    )
    personal, samples = count_delivered(rows), count_samples(rows)
    md5, cost = tar.md5 if has_md5 else "", watch.cost(len(table))
    receipt = ShardReceipt(shard, spec.index, md5, tuple(files), personal, samples, cost)
    store.write_bytes(commit, json_bytes(receipt.to_json()))  # 6
    return receipt


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
    for start in range(0, len(rows), _BATCH_SAMPLES):
        # Samples are made here because the tar's threads compute digests meanwhile, and several at
        # a time because every media file evicts everything else from the processor's caches.
        batch = rows_of(rows.slice(start, _BATCH_SAMPLES), UnitRow)
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


def _changed_error(error: MediaChangedError) -> RunError:
    return RunError(
        "A medium changed while the run was under way",
        f"asset {error.row['asset_id']!r}: {error.detail}",
        "Wait until nothing changes the media any more, then run again.",
    )


def _mark_media_changed(store: Store, features: FeatureStore, job: Job, row: UnitRow) -> None:
    """Makes the next run read this media file again, and marks units and plan as outdated."""
    low, high = layout.unit_range(layout.unit_of(row["hash"], job.unit_bits), job.unit_bits)
    try:
        state = file_state(resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy))
    except BadRecord:
        state = None  # the URI no longer leads to an allowed file, so no cached state applies
    invalidate(features.digest_cache, low, high, [] if state is None else [state])
    mark_outdated(store, job.work)


def _write_beside(
    store: Store,
    features: FeatureStore,
    job: Job,
    spec: ShardSpec,
    rows: pa.Table,
    table: pa.Table,
    tar_bytes: int,
) -> list[FileRecord]:
    """Writes a shard's files other than the tar; returns their records for the manifest."""
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


def _record_delivered(
    store: Store, job: Job, spec: ShardSpec, rows: pa.Table, samples: pa.Table
) -> None:
    """Writes what ledger, decisions and attributions need of the shard's assets.

    If other files are delivered than the agency's, it also gets the digests of both of each asset.
    """
    differs = pc.not_equal(rows["original_sha256"], rows["media_sha256"])
    if job.deal.rights.strips_metadata or pc.any(differs).as_py():
        names = {"asset_id": "asset_id", "original_sha256": "original_sha256"}
        names |= {"media_sha256": "delivered_sha256", "bytes": "delivered_bytes"}
        pairs = rows.select(list(names)).rename_columns(list(names.values()))
        write_table(store, f"{job.work}/agency/renditions/{spec.name}.parquet", pairs)
    attributions = shard_attributions(rows, samples, job.deal.rights)
    if len(attributions):
        write_table(store, attribution_key(job, spec.name), attributions)
    write_table(store, _delivered_key(job, spec), delivered_table(rows, samples))


def _delivered_key(job: Job, spec: ShardSpec) -> str:
    return f"{job.work}/delivered/{spec.name}.parquet"


def _keep_published(store: Store, job: Job, spec: ShardSpec, rows: pa.Table) -> None:
    """Keeps an intact published shard during a repair, if it holds what this run would write.

    That it holds nothing else is checked by the counts.
    """
    path = f"{job.delivery}/{layout.shard_table_path(spec.name)}"
    columns = [*SAMPLE_COLUMNS, "decision_sha256"]
    published = read_parquet(store, path, columns)
    places = {key: at for at, key in enumerate(published["key"].to_pylist())}
    digests = published["media_sha256"].to_pylist()
    found = []
    wanted = zip(
        *(values_of(rows[name], str) for name in ("asset_id", "media_sha256")), strict=True
    )
    for number, (asset_id, digest) in enumerate(wanted):
        at = places.get(sample_key(asset_commitment(job.salt, asset_id)))
        if at is None or digests[at] != digest:
            was = "none" if at is None else digests[at]
            [row] = rows_of(rows.slice(number, 1), UnitRow)
            raise _changed_error(MediaChangedError(row, f"sha256 {digest}, published is {was}"))
        found.append(at)
    _record_delivered(store, job, spec, rows, published.take(found))
    report_progress(job.progress_path, "write", len(rows))
