"""Publishes the agency's tables and the delivery: cards, indexes and last the signed manifest."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pipelines.catalogue.account import Reading
from pipelines.delivery.card import DEMONSTRATION_NOTICE
from pipelines.delivery.indexes import write_indexes
from pipelines.delivery.recheck import Markers
from pipelines.format.manifest import (
    checksums,
    checksums_record,
    manifest_bytes,
    open_manifest,
    sign_manifest,
)
from pipelines.ledger.signed_note import Signer
from pipelines.ledger.terms import terms_opening
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import deliveries_table
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt
from pipelines.steps.attribute import Attribution
from pipelines.steps.files_in_store import files_in_store
from pipelines.steps.rights_files import write_rights
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import ObjectInfo, Store
from pipelines.storage.tables import json_bytes, read_parquet, tables_under, write_table
from schemas import layout
from schemas.errors import RunError
from schemas.manifest import (
    DealRecord,
    EndRecord,
    FileRecord,
    LedgerRecord,
    Manifest,
    ModelRecord,
)


def publish_agency(store: Store, job: Job) -> None:
    """Copies decisions, failed assets and data docs from the work area to the agency's folder.

    Decisions to deliver are derived from the rows that the shards left for the ledger. Files of an
    earlier attempt at this version are deleted first, as other media may have failed in it.
    """
    store.discard_unfinished(job.agency)
    store.delete_many(
        found.key
        for found in store.list(job.agency)
        if found.key != f"{job.agency}/{layout.RUN_RECORD}"
    )
    listed = store.list(f"{job.work}/agency")
    staged = [found for found in listed if found.key.endswith((".parquet", ".html"))]
    copies = {
        found.key: job.agency + found.key.removeprefix(f"{job.work}/agency") for found in staged
    }
    store.copy(copies.items())
    _check_copies(store, job, {copies[found.key]: found.size_bytes for found in staged})

    def publish_deliveries(found: ObjectInfo) -> None:
        shard = found.key.rpartition("/")[2]
        decisions = deliveries_table(read_parquet(store, found.key))
        write_table(store, f"{job.agency}/decisions/write-{shard}", decisions)

    for _ in in_parallel(store, publish_deliveries, tables_under(store, f"{job.work}/delivered")):
        pass


def _check_copies(store: Store, job: Job, sizes: Mapping[str, int]) -> None:
    """Checks that a table that was copied has all its bytes, by the listing if that is complete."""
    listed = {found.key: found.size_bytes for found in store.list(job.agency)}
    for key, size in sizes.items():
        stored = listed.get(key)
        if stored != size and (stored := store.size(key)) != size:
            raise RunError(
                "A table was not copied completely",
                f"{store.uri}/{key}: {stored} bytes of {size}",
                "Nothing was published. Check the store and run again.",
            )


def publish_reading(
    store: Store, job: Job, reading: Reading, reported: tuple[dict[str, object], ...]
) -> None:
    """Writes to the agency's folder what was read of the catalogue and what was used.

    It has a file of its own, since the run's record must have its final bytes from the start.

    Args:
        store: The output.
        job: The run.
        reading: What was read.
        reported: Rules on references that failed and do not stop the run.
    """
    record = {
        "run_id": job.run_id,
        "catalogue": reading.to_json(),
        "reported_rules": list(reported),
    }
    store.write_bytes(f"{job.agency}/{layout.READING}", json_bytes(record))


def publish_counts(
    store: Store,
    job: Job,
    steps: dict[str, StepCounts],
    copies: dict[str, object],
    likeness: dict[str, object],
    personal: dict[str, object],
    samples: dict[str, object],
    faces: dict[str, int] | None = None,
) -> None:
    """Writes the counts of the run to the agency's folder; the buyer does not get them.

    Args:
        store: The output store.
        job: The run.
        steps: Each step's counts.
        copies: How copies of refused assets were looked for.
        likeness: How many pairs of assets show the same.
        personal: How many assets hold personal data.
        samples: How many samples have a rendition or a flagged caption.
        faces: How many assets show more faces than people, if the deal requires it.
    """
    record = {
        "run_id": job.run_id,
        "steps": {name: counts.to_json() for name, counts in steps.items()},
        "copies_of_refused": copies,
        "likeness": likeness,
        "personal_data": personal,
        "samples": samples,
        **({"faces": faces} if faces else {}),
    }
    store.write_bytes(f"{job.agency}/{layout.COUNTS}", json_bytes(record))


def publish_delivery(
    store: NotedStore,
    job: Job,
    signer: Signer,
    receipts: Sequence[ShardReceipt],
    attribution: Attribution,
    recheck: Callable[[], Markers],
    confirm: Callable[[], None] | None = None,
) -> Manifest:
    """Writes the delivery's files other than the shards, the signed manifest last.

    Args:
        store: The output store, through which the ledger's files were written.
        job: The run.
        signer: The agency's key.
        receipts: The shards' receipts, in the shards' order.
        attribution: The ledger's totals.
        recheck: Called before anything is signed; see `recheck.rechecking`.
        confirm: Called right before the manifest is written; raises if this run may not publish.

    Raises:
        RunError: If a file in the store differs from what was written, or the version is already
            published; an existing manifest is left unchanged.
    """
    store.discard_unfinished(job.delivery)
    write_indexes(store, job, receipts)
    write_rights(store, job, signer.vkey, receipts)
    files = write_checksums(store, job, files_in_store(store, job, receipts, recheck()))
    terms = job.deal.terms_json()
    opening = terms_opening(job.salt, job.deal.deal_id, terms, job.terms_file)
    store.write_bytes(f"{job.agency}/{layout.TERMS}", opening, private=True)
    signed = make_manifest(job, signer, receipts, attribution, files)
    if confirm is not None:
        confirm()
    _write_manifest(store, job, manifest_bytes(signed))
    return signed


def _write_manifest(store: Store, job: Job, data: bytes) -> None:
    key = f"{job.delivery}/{layout.MANIFEST}"
    # Compare what is stored rather than trust the reply to the write: the reply to a first attempt
    # may be lost, so that a retry reports an existing object, and some services tell two writers
    # that each was first.
    store.write_new(key, data)
    stored = store.read_bytes(key)
    if stored == data:
        return
    winner = open_manifest(stored)
    raise RunError(
        "Another run has published this version",
        f"{store.uri}/{key}: {winner.delivery} by run {winner.run_id}, this is run {job.run_id}",
        "Its manifest was left as it is. Check that delivery with `fairshard verify`.",
    )


def write_checksums(store: Store, job: Job, files: Sequence[FileRecord]) -> list[FileRecord]:
    """Writes `SHA256SUMS` and returns all files including it, sorted by path."""
    ordered = sorted(files, key=lambda file: file.path)
    store.write_bytes(f"{job.delivery}/{layout.SHA256SUMS}", checksums(ordered))
    return sorted([*ordered, checksums_record(ordered)], key=lambda file: file.path)


def make_manifest(
    job: Job,
    signer: Signer,
    receipts: Sequence[ShardReceipt],
    attribution: Attribution,
    files: list[FileRecord],
) -> Manifest:
    """Returns the signed manifest of these files; parameters are those of `publish_delivery`."""
    shards = [item.shard for item in receipts]
    manifest = Manifest(
        fairshard_manifest=4,
        delivery=layout.delivery_id(job.deal.deal_id, job.version),
        as_of=job.as_of.isoformat(),
        run_id=job.run_id,
        deal=_deal_record(job),
        models=_model_record(job),
        shards=shards,
        ledger=LedgerRecord(
            entries=attribution.entries,
            root=attribution.root.hex(),
            origin=attribution.origin,
        ),
        files=files,
        vkey=signer.vkey,
        end=EndRecord(
            shards=len(shards),
            samples=sum(item.samples for item in shards),
            files=len(files),
            bytes=sum(item.bytes for item in files),
        ),
    )
    return sign_manifest(manifest, signer)


def _deal_record(job: Job) -> DealRecord:
    deal = job.deal
    return DealRecord(
        deal_id=deal.deal_id,
        buyer=deal.buyer,
        purposes=[str(purpose) for purpose in deal.purposes],
        territory=list(deal.territory),
        starts=deal.starts.isoformat(),
        ends=deal.ends.isoformat(),
        profile=deal.profile,
        terms_sha256=job.terms_sha256,
    )


def _model_record(job: Job) -> ModelRecord:
    models = job.models
    return ModelRecord(
        clip=models.clip_id,
        captioner=models.captioner_id,
        demonstration=models.demonstration,
        notice=DEMONSTRATION_NOTICE if models.demonstration else "",
    )
