"""Verifying a delivery: everything it says of itself, recomputed from published bytes alone.

The order, marked below: 1. the manifest, its one form, its end and its signature; 2. that it is the
one to be here; 3. every file it lists, and none besides; 4. every shard: each byte of its tar
against its table, its samples against their profile, its embeddings; 5. the ledger's entries,
tiles, root and checkpoint, and that each sample has its entries; 6. Energon's indexes, made anew
from the tables. Every tar is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.format.tar_places import Place
from pipelines.storage.open import open_store
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.verify.embeddings import check_embeddings
from pipelines.verify.files import Files, check_file, check_sizes, survey
from pipelines.verify.groups import Groups, group_files
from pipelines.verify.indexes import check_indexes
from pipelines.verify.ledger import check_ledger, logged_media, name_entries
from pipelines.verify.lost_table import DATABASE, lost_places
from pipelines.verify.place import check_place
from pipelines.verify.report import Report, shards_by_path
from pipelines.verify.sample import Draw, check_sample
from pipelines.verify.shard import CheckedShard, check_shard, name_missing, read_table
from pipelines.verify.state import Incremental, Memory
from schemas import layout
from schemas.errors import InputError
from schemas.manifest import Manifest, ShardRecord


def verify_delivery(
    uri: str,
    vkey: str | None = None,
    progress_path: str = "",
    *,
    draw: Draw | None = None,
    incremental: Incremental | None = None,
) -> Report:
    """Verifies a delivery: in full, or a sample of it, or what is new since a state.

    Args:
        uri: Folder or s3:// prefix of the delivery.
        vkey: The verifier key that the reader trusts; without one, the manifest's own.
        progress_path: Where progress is reported to, or "".
        draw: Which samples alone to look at.
        incremental: Where the state is kept of what was found sound before.

    Raises:
        InputError: If there is no delivery at `uri`, or the state cannot be trusted.
    """
    store = open_store(uri)
    report = Report()
    memory = Memory.open(incremental) if incremental is not None else None
    data = _read_manifest(store, uri)
    try:
        manifest = open_manifest(data, vkey)  # 1
    except ManifestError as error:
        report.note(layout.MANIFEST, str(error))
        return report
    report.signer, report.delivery = manifest.vkey.split("+")[0], manifest.delivery
    report.shard_of = shards_by_path(manifest)
    files = survey(store, manifest, report)  # 2, 3
    check_place(store, uri, manifest, files.found, report)
    report.files = len(files.listed)
    report.bytes = sum(file.bytes for file in files.listed.values())
    report.shards = len(manifest.shards)
    if draw is not None:
        check_sizes(files, report)
        report.sampled = check_sample(store, manifest, files, draw, report, progress_path)
        return report
    groups = group_files(manifest)
    full = _Full(store, manifest, files, groups, report, progress_path, memory)
    if memory is None:
        full.check()
    else:
        full.trusted = memory.begin(store.uri, manifest, data, files.found, groups.all(), report)
        with memory.saving():
            full.check()
    return report


def _read_manifest(store: Store, uri: str) -> bytes:
    try:
        return store.read_bytes(layout.MANIFEST)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError(
            "There is no delivery here",
            f"{uri} has no {layout.MANIFEST}",
            "Give the delivery/ folder of a version that was published.",
        ) from error


@dataclass
class _Full:
    """A verification of everything, less what a state vouches for.

    Attributes:
        store: The delivery; `manifest`, `files`: its manifest and what was found.
        groups: Its files by what is checked together.
        report: Takes what is wrong.
        progress_path: Where progress is reported to, or "".
        memory: Keeps what was found sound, group by group.
        trusted: Paths that need not be read.
    """

    store: Store
    manifest: Manifest
    files: Files
    groups: Groups
    report: Report
    progress_path: str
    memory: Memory | None
    trusted: frozenset[str] = frozenset()

    def check(self) -> None:
        """Checks it."""
        groups = self.groups
        report_progress(self.progress_path, "verify", 0, len(self.files.listed))
        self._check_small()  # 3
        shards = [
            self._check_shard(index, record, groups.shards[record.name])  # 4
            for index, record in enumerate(self.manifest.shards)
        ]
        self.report.samples = sum(record.samples for record in self.manifest.shards)
        if self.trusted.issuperset(groups.log):
            self.report.entries = self.manifest.ledger.entries
        else:
            with self._keeping(groups.log):
                self._check_log(shards)  # 5
        if not self.trusted.issuperset(groups.index) and all(shard.known for shard in shards):
            with self._keeping(groups.index):
                check_indexes(self.store, self.manifest, self.report.damaged, self.report.note)  # 6

    def _check_small(self) -> None:
        """Every file but the tars, whose digests are computed while their members are checked."""
        for path in self.files.listed:
            if path in self.groups.tars:
                continue
            if path in self.files.found and path not in self.trusted:
                check_file(self.store, self.files, path, self.report)
            report_progress(self.progress_path, "verify", 1)
        for path in self.groups.alone:
            with self._keeping([path]):
                pass  # its digest is all there is to it

    def _check_shard(self, index: int, record: ShardRecord, group: list[str]) -> CheckedShard:
        tar, table = f"shards/{record.name}.tar", f"shards/{record.name}.parquet"
        copy = self.files.sound_copy(table, self.trusted)
        note = self.report.note
        if self.trusted.issuperset(group):
            shard = read_table(self.store, record, copy, note)
        elif tar not in self.files.found:
            shard = read_table(self.store, record, copy, note)
            if tar in self.files.listed:
                name_missing(tar, shard, note)
        else:
            with self._keeping(group):
                shard = check_shard(
                    self.store,
                    record,
                    self.manifest.deal.profile,
                    note,
                    table=copy,
                    lost_table=lambda: self._lost_table(record.name),
                    whose=self.files.whose(tar),
                )
                check_embeddings(self.store, index, shard, self.report.damaged, note)
        shard.shots.clear()
        report_progress(self.progress_path, "verify", 1)
        return shard

    def _lost_table(self, name: str) -> list[Place]:
        media = logged_media(self.store, self.manifest, self._sound())
        index = self.files.sound_copy(DATABASE, self.trusted)
        return lost_places(self.store, self.manifest, name, index, media)

    def _sound(self) -> frozenset[str]:
        read = {path for path, of in self.files.listed.items() if self.files.is_sound(path, of)}
        return self.trusted | read

    def _check_log(self, shards: list[CheckedShard]) -> None:
        damaged = self.report.damaged
        if any(path.startswith(("tile/", layout.CHECKPOINT, layout.LOG_VKEY)) for path in damaged):
            name_entries(self.store, self.manifest, self._sound(), damaged, self.report.note)
            return
        samples = {
            key: (shard.name, digest) for shard in shards for key, digest in shard.samples.items()
        }
        unknown = frozenset(shard.name for shard in shards if not shard.known)
        self.report.entries = check_ledger(
            self.store, self.manifest, samples, unknown, self.report.note
        )

    @contextmanager
    def _keeping(self, group: list[str]) -> Iterator[None]:
        """Remembers a group of files as sound if the block finds nothing wrong with any."""
        before = len(self.report.problems)
        yield
        found_none = len(self.report.problems) == before
        if self.memory is not None and found_none and not self.report.damaged.intersection(group):
            self.memory.keep(group, self.files)
