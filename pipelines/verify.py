"""Verifying a delivery: everything it says of itself, recomputed from published bytes alone.

The order, marked below: 1. the manifest, its one form, its end and its signature; 2. every file it
lists, and none besides; 3. every shard's members against its table, as our parser and as
WebDataset's loader reads them; 4. the ledger's entries, tiles, root and checkpoint, and that each
sample has its entries; 5. the embeddings' tables; 6. Energon's indexes, made anew from the tables.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field

from pipelines import layout
from pipelines.delivery.manifest import ManifestError, open_manifest
from pipelines.delivery.stores import Store, open_store
from pipelines.progress import report_progress
from pipelines.shards.check import CheckedShard, check_embeddings, check_shard
from pipelines.shards.indexes import check_indexes
from pipelines.verify_ledger import check_ledger
from schemas.errors import InputError
from schemas.manifest import FileRecord, Manifest

_CHUNK_BYTES = 1 << 20


@dataclass(frozen=True)
class Problem:
    """Something wrong, and the published file that it is wrong in."""

    path: str
    message: str


@dataclass
class Report:
    """What verification found.

    Attributes:
        problems: What is wrong, in the order it was found.
        files: How many files were read; `bytes`: their size.
        shards: How many shards; `samples`: what they hold; `entries`: of the ledger.
        signer: Name of the key that signed.
    """

    problems: list[Problem] = field(default_factory=list)
    files: int = 0
    bytes: int = 0
    shards: int = 0
    samples: int = 0
    entries: int = 0
    signer: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems

    def note(self, path: str, message: str) -> None:
        """Adds a problem."""
        self.problems.append(Problem(path, message))

    def to_json(self) -> dict[str, object]:
        """As JSON."""
        problems = [{"path": item.path, "message": item.message} for item in self.problems]
        numbers = {
            name: getattr(self, name) for name in ("files", "bytes", "shards", "samples", "entries")
        }
        return {"sound": self.sound, "problems": problems, "signer": self.signer, **numbers}


def verify_delivery(uri: str, vkey: str | None = None, progress_path: str = "") -> Report:
    """Verifies a delivery.

    Args:
        uri: Folder or s3:// prefix of the delivery.
        vkey: The verifier key that the reader trusts; without one, the manifest's own.
        progress_path: Where progress is reported to, or "".

    Raises:
        InputError: If there is no delivery at `uri`.
    """
    store = open_store(uri)
    report = Report()
    try:
        data = store.read_bytes(layout.MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            "There is no delivery here",
            f"{uri} has no {layout.MANIFEST}",
            "Give the delivery/ folder of a version that was published.",
        ) from error
    try:
        manifest = open_manifest(data, vkey)  # 1
    except ManifestError as error:
        report.note(layout.MANIFEST, str(error))
        return report
    report.signer = manifest.vkey.split("+")[0]
    damaged = _check_files(store, manifest, report, progress_path)  # 2
    shards = []
    for record in manifest.shards:  # 3
        checked = check_shard(store, record, manifest.deal.profile, damaged, report.note)
        shards.append(checked)
        report.shards += 1
        report.samples += len(checked.samples)
    _check_ledger(store, manifest, shards, damaged, report)  # 4
    for index, checked in enumerate(shards):  # 5
        check_embeddings(store, index, checked, damaged, report.note)
    if all(shard.whole for shard in shards):
        check_indexes(store, manifest, damaged, report.note)  # 6
    return report


def _check_files(
    store: Store, manifest: Manifest, report: Report, progress_path: str
) -> frozenset[str]:
    """Compares every file with the manifest; returns the paths that are not as listed."""
    listed = {file.path: file for file in manifest.files}
    if len(listed) != len(manifest.files):
        report.note(layout.MANIFEST, "a file is listed twice")
    found = {item.key for item in store.list("")} - {layout.MANIFEST}
    for path in sorted(found - set(listed)):
        report.note(path, "not listed in the manifest")
    report_progress(progress_path, "verify", 0, len(listed))
    for path, record in listed.items():
        fault = _file_fault(store, record) if path in found else "missing"
        if fault:
            report.note(path, fault)
        report.files += 1
        report.bytes += record.bytes
        report_progress(progress_path, "verify", 1)
    needed = {f"shards/{shard.name}.tar" for shard in manifest.shards}
    for path in sorted(needed - set(listed)):
        report.note(path, "a shard of the manifest is not among its files")
    return frozenset(problem.path for problem in report.problems)


def _file_fault(store: Store, record: FileRecord) -> str:
    digest, size = hashlib.sha256(), 0
    with store.open_read(record.path) as source:
        while chunk := source.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    if size != record.bytes:
        return f"{size:,} bytes, the manifest says {record.bytes:,}"
    if digest.hexdigest() != record.sha256:
        return f"sha256 is {digest.hexdigest()}, the manifest says {record.sha256}"
    return ""


def _check_ledger(
    store: Store,
    manifest: Manifest,
    shards: list[CheckedShard],
    damaged: frozenset[str],
    report: Report,
) -> None:
    if any(path.startswith(("tile/", layout.CHECKPOINT, layout.LOG_VKEY)) for path in damaged):
        return  # named already
    samples = {
        key: (shard.name, digest) for shard in shards for key, digest in shard.samples.items()
    }
    whole = all(shard.whole for shard in shards)
    report.entries = check_ledger(store, manifest, samples if whole else None, report.note)
