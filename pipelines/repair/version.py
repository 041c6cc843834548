"""A published version to be repaired: its address, the run that made it, and its sound files."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.carried import carried_before, carried_to
from pipelines.accounts.reader import read_log
from pipelines.run.job import Job
from pipelines.run.prepare import PreparedJob
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, read_parquet
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.ledger import POOL_LINES_SCHEMA
from schemas.manifest import FileRecord, Manifest, ShardRecord

_CHUNK_BYTES = 1 << 20
_DELIVERY_URI = re.compile(r"(.*)/([a-z0-9-]+)/(v\d{4,})/delivery")


@dataclass(frozen=True)
class PublishedVersion:
    """The address of a published version.

    Attributes:
        output: Root of the output store.
        deal_id: The deal.
        version: Name of the version.
    """

    output: str
    deal_id: str
    version: str

    @property
    def delivery(self) -> str:
        """Key prefix of what the buyer receives."""
        return layout.delivery_prefix(self.deal_id, self.version)

    @classmethod
    def from_uri(cls, uri: str) -> PublishedVersion:
        """Returns the version at an address.

        Raises:
            InputError: If it is not `<output>/<deal_id>/<version>/delivery`.
        """
        match = _DELIVERY_URI.fullmatch(uri.rstrip("/"))
        if match is None:
            raise InputError(
                "Only a version in its output can be repaired",
                uri,
                "Give <output>/<deal_id>/<version>/delivery, as `package` printed it.",
            )
        return cls(match[1] or "/", match[2], match[3])


def with_retried_files(
    store: Store, published: PublishedVersion, prepared: PreparedJob
) -> PreparedJob:
    """Returns a run with the pool that the version's run was given, and its retried files."""
    key = f"{layout.agency_prefix(published.deal_id, published.version)}/{layout.RUN_RECORD}"
    record = read_json(store, key) if store.exists(key) else {}
    job = replace(prepared.job, new_pool=record.get("new_pool", ""))
    if record.get("first_run_id") == job.run_id:
        job = replace(job, retry=record["retry"])
    return replace(prepared, job=job)


def check_same_run(
    store: Store, published: PublishedVersion, prepared: PreparedJob, manifest: Manifest | None
) -> None:
    """Checks that a prepared run is the one that made a version.

    Raises:
        InputError: If it is not; the error names the input that differs.
    """
    job = prepared.job
    if job.deal.deal_id != published.deal_id:
        raise _different_input(
            "deal", f"deal_id {job.deal.deal_id}, the delivery is {published.deal_id}'s"
        )
    if manifest is None:
        record = f"{layout.agency_prefix(published.deal_id, published.version)}/{layout.RUN_RECORD}"
        run = (
            str(read_json(store, record)["run_id"])
            if store.exists(record)
            else "unknown (no record)"
        )
        if run != job.run_id:
            what = "catalogue, deal, as-of, models, trust lists or key"
            raise _different_input(what, f"run {job.run_id}, the version was made by run {run}")
        return
    if manifest.run_id == job.run_id and manifest.vkey == prepared.signer.vkey:
        return
    inputs = {
        "key": (prepared.signer.vkey, manifest.vkey),  # the terms' commitment depends on it
        "deal": (job.terms_sha256, manifest.deal.terms_sha256),
        "models": (job.models.clip_id, manifest.models.clip),
        "captioner": (job.models.captioner_id, manifest.models.captioner),
        "as-of": (job.as_of.isoformat(), manifest.as_of),
    }
    for name, (here, recorded) in inputs.items():
        if here != recorded:
            raise _different_input(name, f"{here}, published with {recorded}")
    what = "catalogue, trust lists or version of the program"
    raise _different_input(what, f"run {job.run_id}, published by run {manifest.run_id}")


def _different_input(what: str, which: str) -> InputError:
    return InputError(
        f"The delivery was made from another {what}",
        which,
        "Nothing was changed. Give the inputs that the delivery was made from.",
    )


def seed_shard(store: Store, published: PublishedVersion, job: Job, receipt: ShardReceipt) -> None:
    """Commits a sound shard to a run's work area, with the tables that indexes are made of.

    Args:
        store: The output.
        published: The published version.
        job: The run that makes it again.
        receipt: The shard, as the manifest has it.
    """
    tables = (layout.metadata_path(receipt.index), layout.shots_path(receipt.index))
    for path in (receipt.table.path, *tables):
        if any(file.path == path for file in receipt.files):
            data = store.read_bytes(f"{published.delivery}/{path}")
            store.write_bytes(f"{job.delivery}/{path}", data)
    key = f"{job.work}/shards/{receipt.shard.name}.json"
    store.write_bytes(key, json_bytes(receipt.to_json()))


def tar_md5(
    store: Store, published: PublishedVersion, record: ShardRecord, damaged: frozenset[str]
) -> str:
    """The MD5 of a shard's tar, by the wids index if that is sound.

    Args:
        store: The output.
        published: The published version.
        record: What the manifest says about the shard.
        damaged: Files that are not as they must be.
    """
    index, tar = f"wids-{record.family}.json", f"shards/{record.name}.tar"
    if index not in damaged:
        for item in read_json(store, f"{published.delivery}/{index}")["shardlist"]:
            if item["url"] == tar:
                return str(item.get("md5sum", ""))
    digest = hashlib.md5(usedforsecurity=False)
    with store.open_read(f"{published.delivery}/{tar}") as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
    return digest.hexdigest()


def carried_into(store: Store, published: PublishedVersion, currency: str) -> dict[str, Fraction]:
    """Returns what was carried for each contributor when a version's pool was divided.

    It is in the version's own lines. If they are missing or damaged, the books have it too.

    Raises:
        RunError: If the books are damaged.
    """
    agency = layout.agency_prefix(published.deal_id, published.version)
    try:
        lines = read_parquet(store, f"{agency}/{layout.POOL_LINES}")
        if lines.schema == POOL_LINES_SCHEMA:
            return carried_before(lines)
    except (FileNotFoundError, pa.ArrowInvalid, ValueError):
        pass
    log = read_log(store)
    delivery = layout.delivery_id(published.deal_id, published.version)
    return {} if log is None else carried_to(log, delivery, currency, "")


def copy_file(store: Store, source: str, target: str, record: FileRecord) -> None:
    """Replaces a file with a copy of another, completely or not at all.

    Raises:
        RunError: If the source no longer has the recorded digest; the target is left unchanged.
    """
    digest = hashlib.sha256()
    with store.open_read(source) as made, store.open_write(target) as sink:
        while chunk := made.read(_CHUNK_BYTES):
            digest.update(chunk)
            sink.write(chunk)
        if digest.hexdigest() != record.sha256:
            raise RunError(
                "A rebuilt file changed while it was copied",
                f"{store.uri}/{source}",
                "Check the disk or the service, then repair again.",
            )
