"""Repairs a published version: rebuilds damaged files so that they have the published bytes again.

The steps, numbered in the code: 1. verify; 2. prepare the run from its catalogue, deal and key, and
check that it is the run that made the version; 3. hold the version's lease; 4. run the pipeline
into the work area, skipping sound shards; 5. compare with the manifest, file by file: if anything
differs, nothing is replaced; 6. replace the damaged files; 7. verify again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from pipelines.catalogue.read import read_table
from pipelines.delivery.indexes import write_indexes
from pipelines.format.manifest import ManifestError, manifest_bytes, open_manifest
from pipelines.ledger.payees import read_payees
from pipelines.repair.compare import explain_difference, has_agency_ledger, published_checkpoint
from pipelines.repair.version import (
    PublishedVersion,
    carried_into,
    check_same_run,
    copy_file,
    seed_shard,
    tar_md5,
    with_retried_files,
)
from pipelines.run.job import Job
from pipelines.run.lease import Lease, hold_version
from pipelines.run.prepare import PreparedJob
from pipelines.run.receipts import ShardReceipt
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.steps.files_in_store import files_in_store
from pipelines.steps.graph import run_until_settled
from pipelines.steps.publish import make_manifest, publish_agency, write_checksums
from pipelines.steps.reconcile import read_counts, read_receipts, reconcile
from pipelines.steps.rights_files import write_rights
from pipelines.storage.digests import object_sha256
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.store import Store, join_uri
from pipelines.verify.delivery import verify_delivery
from pipelines.verify.groups import group_files
from pipelines.verify.report import RepairSummary, Report
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class RepairJob(Job):
    """A run that rebuilds a published version; it writes only to a work area."""

    @property
    def work(self) -> str:
        """Key prefix of its receipts and plans, different from that of `package`."""
        return f"{layout.work_prefix(self.run_id)}-repair"

    @property
    def delivery(self) -> str:
        """Key prefix of the rebuilt delivery."""
        return f"{self.work}/made/{layout.DELIVERY}"

    @property
    def agency(self) -> str:
        """Key prefix of the rebuilt agency files; the published ones are not touched."""
        return f"{self.work}/made/{layout.AGENCY}"

    @classmethod
    def of(cls, job: Job, version: str) -> RepairJob:
        """Returns the run that rebuilds a version."""
        given = {item.name: getattr(job, item.name) for item in fields(job)}
        return cls(**{**given, "version": version})


def repair_version(
    initial_report: Report,
    published: PublishedVersion,
    prepared: PreparedJob,
    pinned: tuple[str, ...] | None,
    take_over: bool = False,
) -> Report:
    """Rebuilds the damaged files of a version.

    Args:
        initial_report: The report of the verification before the repair.
        published: The published version.
        prepared: The run that made it, prepared from the same inputs.
        pinned: The verifier keys that the reader trusts, if any were given; otherwise the final
            verification uses the run's own key.
        take_over: Whether a holder on another machine counts as dead.

    Returns:
        The report of the verification afterwards, with a summary of the repair.

    Raises:
        InputError: If the inputs are not those of the run that made the version.
        RunError: If the rebuilt files are not the published ones, or another run holds the
            version; nothing is changed in that case.
    """
    store = prepared.store
    manifest = _sound_manifest(store, published, pinned)
    prepared = with_retried_files(store, published, prepared)
    check_same_run(store, published, prepared, manifest)  # 2
    job = RepairJob.of(prepared.job, published.version)
    owner = f"{job.run_id}-repair"
    held = hold_version(store, published.deal_id, published.version, owner, take_over=take_over)
    with held as lease:  # 3
        store.delete_prefix(job.work)
        try:
            summary = _Repair(store, published, job, prepared, manifest, initial_report).run(lease)
        finally:
            store.delete_prefix(job.work)
    uri = join_uri(job.output_uri, published.delivery)
    report = verify_delivery(uri, pinned or (prepared.signer.vkey,))  # 7
    return replace(report, repaired=summary)


def _sound_manifest(
    store: Store, published: PublishedVersion, pinned: tuple[str, ...] | None
) -> Manifest | None:
    data_key = f"{published.delivery}/{layout.MANIFEST}"
    try:
        manifest = open_manifest(store.read_bytes(data_key), pinned)
    except (FileNotFoundError, ManifestError):
        return None
    return manifest if manifest.delivery == f"{published.deal_id}/{published.version}" else None


@dataclass(frozen=True)
class _Repair:
    """A repair in progress; this process holds the version's lease.

    Attributes:
        store: The output.
        published: The published version.
        job: The run that rebuilds it.
        prepared: The run as it was prepared, with the key.
        manifest: The published manifest, or None if it is damaged.
        initial_report: The report of the verification before the repair.
    """

    store: Store
    published: PublishedVersion
    job: RepairJob
    prepared: PreparedJob
    manifest: Manifest | None
    initial_report: Report

    def run(self, lease: Lease) -> RepairSummary:
        """Rebuilds the version, compares it and replaces the damaged files."""
        kept_shards = self._seed_sound_shards()  # 4
        run_until_settled(self.store, self.job)
        counts = read_counts(self.store, self.job)
        if counts.stop is not None:
            raise InputError(*counts.stop)
        publish_agency(self.store, self.job)
        if explain_difference(self.store, self.published, self.job):
            raise self._difference_error("some assets have another decision")
        if counts.too_many_failed or counts.steps["select"].passed == 0:
            raise self._difference_error("too many assets failed, or none passed the selection")
        receipts = read_receipts(self.store, self.job)
        reconcile(self.store, self.job, counts, receipts)
        names = [receipt.shard.name for receipt in receipts]
        noted = NotedStore(self.store, self.job.delivery)
        attribution = self._attribution(noted, names)
        write_indexes(noted, self.job, receipts)
        write_rights(noted, self.job, self.prepared.signer.vkey, receipts)
        rebuilt_shards = [item for item in receipts if item.shard.name not in kept_shards]
        # Without markers of an earlier check, all rebuilt shards are read here.
        made = files_in_store(noted, self.job, rebuilt_shards, {})
        rebuilt = {file.path: file for file in made}
        kept = self._kept_files(kept_shards, rebuilt)
        files = write_checksums(self.store, self.job, [*rebuilt.values(), *kept])
        rebuilt |= {file.path: file for file in files if file.path == layout.SHA256SUMS}
        signer = self.prepared.signer
        manifest = make_manifest(self.job, signer, receipts, attribution, files)
        if self.manifest is None:  # 5
            self._check_without_manifest(attribution)
        elif manifest != self.manifest:
            raise self._difference_error(_first_difference(self.manifest, manifest))
        return self._replace(rebuilt, manifest, rebuilt_shards, lease)

    def _attribution(self, store: NotedStore, shards: Sequence[str]) -> Attribution:
        """Divides the pool again, with what was carried when the version was made."""
        carried = carried_into(self.store, self.published, self.job.deal.price.currency)
        payees = read_payees(read_table(self.job.catalogue, "contributors"))
        signer = self.prepared.signer
        return record_attribution(store, self.job, signer, shards, payees=payees, carried=carried)

    def _seed_sound_shards(self) -> frozenset[str]:
        """Commits the sound shards beforehand, so that the pipeline does not rebuild their tars."""
        if self.manifest is None:
            return frozenset()
        groups = group_files(self.manifest)
        damaged = self.initial_report.damaged
        listed = {file.path: file for file in self.manifest.files}
        kept_shards = set()
        for index, record in enumerate(self.manifest.shards):
            paths = groups.shards[record.name]
            if not damaged.intersection(paths):
                files = [listed[path] for path in paths if path != layout.tar_path(record.name)]
                md5 = ""
                if self.job.deal.shards.wids_md5 == "give":
                    md5 = tar_md5(self.store, self.published, record, damaged)
                receipt = ShardReceipt(record, index, md5, tuple(files))
                seed_shard(self.store, self.published, self.job, receipt)
                kept_shards.add(record.name)
        return frozenset(kept_shards)

    def _kept_files(
        self, kept_shards: frozenset[str], rebuilt: dict[str, FileRecord]
    ) -> list[FileRecord]:
        """Returns the manifest's records of files of sound shards that were not rebuilt."""
        if self.manifest is None:
            return []
        groups = group_files(self.manifest)
        own = {path for name in kept_shards for path in groups.shards[name]}
        return [
            file for file in self.manifest.files if file.path in own and file.path not in rebuilt
        ]

    def _check_without_manifest(self, attribution: Attribution) -> None:
        """Checks the rebuilt version against the log and the ledger if there is no manifest."""
        root = published_checkpoint(self.store, self.published, self.prepared.signer.vkey)
        wanted = (attribution.origin, attribution.entries, attribution.root)
        if root is not None and root != wanted:
            raise self._difference_error(
                f"the published checkpoint ({root[1]:,} entries) has another size or root"
            )
        has_ledger = has_agency_ledger(self.store, self.published)
        if has_ledger and explain_difference(self.store, self.published, self.job):
            raise self._difference_error("the agency's tables differ")
        if root is None and not has_ledger:
            raise RunError(
                "There is no record of what was published",
                f"{self.published.delivery} has no sound manifest or checkpoint, and the agency's "
                "ledger is missing",
                "Nothing was changed. Package a new version instead.",
            )

    def _replace(
        self,
        rebuilt: dict[str, FileRecord],
        manifest: Manifest,
        rebuilt_shards: Sequence[ShardReceipt],
        lease: Lease,
    ) -> RepairSummary:
        """Replaces the damaged files, each one atomically, the manifest last."""
        base = self.published.delivery
        present = {item.key.removeprefix(f"{base}/") for item in self.store.list(base)}
        bad = [path for path, record in rebuilt.items() if self._is_bad(path, record, present)]
        extra = sorted(present - {file.path for file in manifest.files} - {layout.MANIFEST})
        strays = self.store.strays(base)
        lease.confirm()
        for stray in strays:  # 6; before files are written, since a link may lead elsewhere
            self.store.remove_stray(stray)
        for path in bad:
            copy_file(self.store, f"{self.job.delivery}/{path}", f"{base}/{path}", rebuilt[path])
        for path in extra:
            self.store.delete(f"{base}/{path}")
        stray_paths = {stray.key.removeprefix(f"{base}/") for stray in strays}
        extra = sorted({*extra, *stray_paths} - rebuilt.keys() - {layout.MANIFEST})
        if self.manifest is None or layout.MANIFEST in stray_paths:
            self.store.write_bytes(f"{base}/{layout.MANIFEST}", manifest_bytes(manifest))
            bad.append(layout.MANIFEST)
        shards = tuple(receipt.shard.name for receipt in rebuilt_shards)
        return RepairSummary(tuple(bad), tuple(extra), shards, tuple(self.initial_report.problems))

    def _is_bad(self, path: str, record: FileRecord, present: set[str]) -> bool:
        if self.manifest is not None:
            return path in self.initial_report.damaged
        key = f"{self.published.delivery}/{path}"
        return path not in present or object_sha256(self.store, key) != record.sha256

    def _difference_error(self, what: str) -> RunError:
        why = explain_difference(self.store, self.published, self.job)
        return RunError(
            "The rebuilt files are not the published ones",
            "; ".join([what, *why]),
            "Nothing was changed. The media, their servers' responses or the program have changed "
            "since. Restore them as they were, or package a new version.",
        )


def _first_difference(published: Manifest, rebuilt: Manifest) -> str:
    """Describes the difference of two manifests in one line."""
    before = {file.path: file.sha256 for file in published.files}
    after = {file.path: file.sha256 for file in rebuilt.files}
    paths = sorted(path for path in before | after if before.get(path) != after.get(path))
    if paths:
        more = f" and {len(paths) - 3:,} more" if len(paths) > 3 else ""
        return f"different bytes in {', '.join(paths[:3])}{more}"
    other = [
        name for name in Manifest.model_fields if getattr(published, name) != getattr(rebuilt, name)
    ]
    return f"the manifests differ in {', '.join(other)}"
