"""Writing one shard: the tar, its table and stats, its embeddings, its decisions, its receipt.

The order, marked below: 1. skip what is committed; 2. gather the planned samples' rows and
features; 3. stream the tar, checking every medium's digest on the way; 4. write what lies beside
it; 5. leave decisions and the rows that the ledger needs; 6. commit. Before 4 and 6 the run's
claim is looked at: a worker that outlived its run must not write into another one's version.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.sample import WrittenSample, is_embedded, make_sample, sample_json
from pipelines.delivery.tables import (
    delivered_table,
    metadata_table,
    shard_row,
    shard_stats,
    shard_table,
    shots_table,
)
from pipelines.features.digest_cache import file_state, invalidate
from pipelines.features.store import FeatureStore, Vectors
from pipelines.fetch.fetch import open_stream
from pipelines.fetch.locate import resolve_media_uri
from pipelines.format.tar import Member, TarWriter
from pipelines.ledger.entries import asset_commitment
from pipelines.run.decisions import delivered_asset, write_decisions
from pipelines.run.failures import mark_outdated
from pipelines.run.job import Job
from pipelines.run.lease_record import confirm_lease
from pipelines.run.receipts import ShardReceipt, ShardSpec
from pipelines.storage.columns import rows_of, values_of
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, read_parquet, write_table
from schemas import layout
from schemas.errors import BadRecord, RunError
from schemas.features import ShotCaptions
from schemas.layout import unit_name
from schemas.profiles.common import CommonSample
from schemas.shard_table import SampleRow
from schemas.unit import UnitRow

_BATCH_SAMPLES = 16  # samples made, and told of, together
_Sample = tuple[CommonSample, UnitRow]


def write_shard(store: Store, features: FeatureStore, job: Job, spec: ShardSpec) -> ShardReceipt:
    """Writes one shard and returns its receipt; a shard that is committed is not written again."""
    commit = f"{job.work}/shards/{spec.name}.json"
    committed = store.exists(commit)
    if committed and store.exists(_delivered_key(job, spec)):  # 1
        return ShardReceipt(**read_json(store, commit))
    planned = _planned_rows(store, job, spec)  # 2
    if committed:
        _keep_published(store, job, spec, rows_of(planned, UnitRow))
        return ShardReceipt(**read_json(store, commit))
    samples: list[_Sample] = []
    shard_rows: list[SampleRow] = []
    base = f"{job.delivery}/shards/{spec.name}"
    with store.open_write(f"{base}.tar") as sink, TarWriter(sink) as tar:  # 3
        try:
            for start in range(0, len(planned), _BATCH_SAMPLES):
                # Made here rather than before, since the tar's threads digest meanwhile; several
                # at once, since every medium drives all else out of the processor's caches.
                rows = rows_of(planned.slice(start, _BATCH_SAMPLES), UnitRow)
                batch = [(make_sample(row, job), row) for row in rows]
                shard_rows += [shard_row(job, spec.name, *sample) for sample in batch]
                texts = [sample_json(sample) for sample, _ in batch]
                for (sample, row), data in zip(batch, texts, strict=True):
                    _add_sample(tar, job, sample, row, data)
                samples += batch
                report_progress(job.progress_path, "write", len(batch))
            written = _match_members(samples, tar.close())
        except _MediaChangedError as error:
            _mark_media_changed(store, features, job, error.row)
            raise error.run_error from error
        _confirm_lease(store, job)  # before the tar gets its name
    receipt = ShardReceipt(
        spec.name, spec.family, spec.index, len(written), tar.size, tar.sha256, tar.md5
    )
    write_table(store, f"{base}.parquet", shard_table(shard_rows, written))  # 4
    store.write_bytes(f"{base}_stats.json", json_bytes(shard_stats(written, tar.size)))
    embedded = [item for item in written if is_embedded(item.sample)]
    if embedded:
        _write_embeddings(store, features, job, spec, embedded)
    _record_delivered(store, job, spec, samples)  # 5
    _confirm_lease(store, job)
    store.write_bytes(commit, json_bytes(receipt.__dict__))  # 6
    return receipt


def _confirm_lease(store: Store, job: Job) -> None:
    if job.lease_record is not None:
        confirm_lease(store, job.lease_record)


def _planned_rows(store: Store, job: Job, spec: ShardSpec) -> pa.Table:
    """The shard's rows of UNIT_SCHEMA, by key."""
    plan = read_parquet(store, f"{job.work}/plan/{spec.name}.parquet")
    units = []
    for unit in sorted(set(values_of(plan["unit"], int))):
        table = read_parquet(store, f"{job.work}/units/{unit_name(unit)}.parquet")
        units.append(table.filter(pc.is_in(table["asset_id"], plan["asset_id"])))
    found = pa.concat_tables(units)
    if len(found) != len(plan):
        raise RunError(
            "A shard's plan and its units disagree",
            f"{spec.name}: {len(plan)} planned, {len(found)} found",
            "The work area was changed during the run; remove it and run again.",
        )
    asset_ids = values_of(found["asset_id"], str)
    keys = [asset_commitment(job.salt, asset_id) for asset_id in asset_ids]
    return found.take(sorted(range(len(keys)), key=keys.__getitem__))


def _keep_published(store: Store, job: Job, spec: ShardSpec, rows: Sequence[UnitRow]) -> None:
    """For a repair, which leaves a sound tar as it is."""
    published_samples = [(make_sample(row, job), row) for row in rows]
    _check_published(store, job, spec, published_samples)
    _record_delivered(store, job, spec, published_samples)
    report_progress(job.progress_path, "write", len(published_samples))


def _add_sample(tar: TarWriter, job: Job, sample: CommonSample, row: UnitRow, data: bytes) -> None:
    name = f"{sample.key}.{sample.format}"
    try:
        tar.add(name, row["bytes"], _open_media(job, row))
    except (BadRecord, ValueError) as error:
        raise _MediaChangedError(row, str(error)) from error
    text = sample.caption.encode()
    tar.add(f"{sample.key}.txt", len(text), [text])
    tar.add(f"{sample.key}.json", len(data), [data])


def _match_members(samples: list[_Sample], members: list[Member]) -> list[WrittenSample]:
    """The samples with their members, whose digests are known once the tar is closed."""
    written = []
    for at, (sample, row) in enumerate(samples):
        media, text, data = members[3 * at : 3 * at + 3]
        if media.sha256 != sample.media_sha256:
            raise _MediaChangedError(row, f"sha256 {media.sha256}, was {sample.media_sha256}")
        written.append(WrittenSample(sample, row, media, text, data))
    return written


def _open_media(job: Job, row: UnitRow) -> Iterator[bytes]:
    location = resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy)
    return open_stream(location, job.limits.max_bytes)


class _MediaChangedError(Exception):
    """A medium is not what its unit found."""

    def __init__(self, row: UnitRow, detail: str) -> None:
        super().__init__(detail)
        self.row = row
        self.run_error = RunError(
            "A medium changed while the run was under way",
            f"asset {row['asset_id']!r}: {detail}",
            "Let the library rest, then run again.",
        )


def _mark_media_changed(store: Store, features: FeatureStore, job: Job, row: UnitRow) -> None:
    """Sees to it that the next run reads this medium, which units and plan are outdated by."""
    low, high = layout.unit_range(layout.unit_of(row["hash"], job.unit_bits), job.unit_bits)
    try:
        state = file_state(resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy))
    except BadRecord:
        state = None  # it leads elsewhere now, so that no file is known by it
    invalidate(features.digest_cache, low, high, [] if state is None else [state])
    mark_outdated(store, job.work)


def _write_embeddings(
    store: Store, features: FeatureStore, job: Job, spec: ShardSpec, written: list[WrittenSample]
) -> None:
    low, high = _hash_range(written, job.unit_bits)
    digests = [item.sample.media_sha256 for item in written]
    image = features.embeddings.vectors(low, high, "embedding", digests)
    text = features.captions.vectors(low, high, "text_embedding", digests)
    prefix, number = job.delivery, spec.index
    store.write_bytes(f"{prefix}/{layout.image_embeddings_path(number)}", _npy_bytes(image))
    store.write_bytes(f"{prefix}/{layout.text_embeddings_path(number)}", _npy_bytes(text))
    table = metadata_table(spec.name, written)
    write_table(store, f"{prefix}/{layout.metadata_path(number)}", table)
    if any(item.row["shots"] for item in written):
        texts = features.captions.load_columns(low, high, ShotCaptions)
        write_table(store, f"{prefix}/{layout.shots_path(number)}", shots_table(written, texts))


def _hash_range(written: list[WrittenSample], bits: int) -> tuple[int, int]:
    """The range of whole units that a shard's samples lie in."""
    units = [layout.unit_of(item.row["hash"], bits) for item in written]
    return layout.unit_range(min(units), bits)[0], layout.unit_range(max(units), bits)[1]


def _npy_bytes(vectors: Vectors) -> bytes:
    """Vectors as clip-retrieval keeps them: float16, [samples, dimensions]."""
    matrix: npt.NDArray[np.float16] = vectors.astype(np.float16)
    sink = io.BytesIO()
    np.save(sink, matrix, allow_pickle=False)
    return sink.getvalue()


def _record_delivered(store: Store, job: Job, spec: ShardSpec, samples: Sequence[_Sample]) -> None:
    """Leaves the shard's decisions and what the ledger needs of its assets."""
    decisions = [
        delivered_asset(row["asset_id"], spec.name, sample.key, row["overrides"])
        for sample, row in samples
    ]
    write_decisions(store, f"{job.work}/agency", f"write-{spec.name}", decisions)
    write_table(store, _delivered_key(job, spec), delivered_table(spec.name, samples))


def _delivered_key(job: Job, spec: ShardSpec) -> str:
    return f"{job.work}/delivered/{spec.name}.parquet"


def _check_published(store: Store, job: Job, spec: ShardSpec, samples: Sequence[_Sample]) -> None:
    """Checks that a shard which is left as it is holds the media that this run would write.

    That it holds no others is seen by the counts.
    """
    table = read_parquet(store, f"{job.delivery}/shards/{spec.name}.parquet")
    published = dict(zip(table["key"].to_pylist(), table["media_sha256"].to_pylist(), strict=True))
    for sample, row in samples:
        published_sha256 = published.get(sample.key)
        if published_sha256 != sample.media_sha256:
            mismatch = f"sha256 {sample.media_sha256}, published is {published_sha256 or 'none'}"
            raise _MediaChangedError(row, mismatch).run_error
