"""Verifies a delivery: recomputes everything it states from its published bytes alone.

The steps, numbered in the code: 1. the manifest's canonical form, end record and signature; 2. that
the manifest belongs to this delivery; 3. that every listed file is there and no other; 4. every
shard: each byte of its tar against its table, its samples against their profile, its embeddings;
5. the ledger's entries, tiles, root and checkpoint, and that each sample has its entries;
6. Energon's indexes, rebuilt from the tables. Every tar is read once.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pipelines.format.indexes import INDEX_DATABASE
from pipelines.format.manifest import ManifestError, manifest_data, numbered_shards, open_manifest
from pipelines.format.tar_comparison import MemberPlace
from pipelines.storage.open import open_store
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.verify.embeddings import check_embeddings
from pipelines.verify.files import DeliveryFiles, check_file, check_sizes, survey_files
from pipelines.verify.groups import FileGroups, group_files
from pipelines.verify.indexes import check_indexes
from pipelines.verify.ledger import check_ledger, logged_media, report_wrong_entries
from pipelines.verify.loader_files import check_stats, check_wids
from pipelines.verify.lost_table import places_without_table
from pipelines.verify.replay import check_not_replayed
from pipelines.verify.report import Report, shards_by_path
from pipelines.verify.rights_files import check_rights
from pipelines.verify.sample import SampleDraw, check_sample
from pipelines.verify.sample_facts import Stated
from pipelines.verify.shard import check_shard, report_missing_tar
from pipelines.verify.shard_rows import CheckedShard, shard_from_table
from pipelines.verify.signer import signed_by
from pipelines.verify.state import IncrementalSettings, VerificationState
from schemas import layout
from schemas.manifest import Manifest, ShardRecord


def verify_delivery(
    uri: str,
    pinned: tuple[str, ...] | None = None,
    progress_path: str = "",
    *,
    draw: SampleDraw | None = None,
    incremental: IncrementalSettings | None = None,
) -> Report:
    """Verifies a delivery: in full, a sample of it, or only what changed since a saved state.

    Args:
        uri: Folder or s3:// prefix of the delivery.
        pinned: The verifier keys that the reader trusts, if any were given.
        progress_path: Local file that progress is reported to, or "".
        draw: The samples to check, if not all of them.
        incremental: The state file with what was found sound before.

    Raises:
        InputError: If there is no delivery at `uri`, or the state cannot be used.
    """
    store = open_store(uri)
    report = Report()
    state = VerificationState.open(incremental) if incremental is not None else None
    data = manifest_data(store, uri)
    try:
        manifest = open_manifest(data, pinned)  # 1
    except ManifestError as error:
        report.add_problem(layout.MANIFEST, str(error))
        return report
    report.signed_by, report.delivery = signed_by(manifest.vkey, pinned), manifest.delivery
    report.patches = manifest.patches
    report.shard_of = shards_by_path(manifest)
    files = survey_files(store, manifest, report)  # 2, 3
    check_not_replayed(store, uri, manifest, files.found, report)
    report.files = len(files.listed)
    report.bytes = sum(file.bytes for file in files.listed.values())
    report.shards = len(manifest.shards)
    groups = group_files(manifest)
    if draw is not None:
        check_sizes(files, report)
        for path in filter(files.found.__contains__, groups.rights):
            check_file(store, files, path, report)
        # Without the table of samples, which may be large.
        unread = report.damaged | {layout.SAMPLES_TABLE}
        check_rights(store, manifest, unread, report.add_problem)
        report.sampled = check_sample(store, manifest, files, draw, report, progress_path)
        return report
    verification = _FullVerification(store, manifest, files, groups, report, progress_path, state)
    if state is None:
        verification.check()
    else:
        verification.trusted = state.begin(
            store.uri, manifest, data, files.found, groups.all_groups(), report
        )
        with state.saving():
            verification.check()
    return report


@dataclass
class _FullVerification:
    """A full verification, except for files that a state records as sound.

    Attributes:
        store: The delivery.
        manifest: Its manifest.
        files: The files that were found.
        groups: Its files, in groups that are checked together.
        report: The report that problems are added to.
        progress_path: Local file that progress is reported to, or "".
        state: Records what was found sound, group by group.
        trusted: Paths that need not be read.
    """

    store: Store
    manifest: Manifest
    files: DeliveryFiles
    groups: FileGroups
    report: Report
    progress_path: str
    state: VerificationState | None
    trusted: frozenset[str] = frozenset()

    def check(self) -> None:
        """Runs steps 3 to 7 of the verification."""
        groups = self.groups
        report_progress(self.progress_path, "verify", 0, len(self.files.listed))
        self._check_other_files()  # 3
        shards = [
            self._check_shard(index, record, groups.shards[record.name])  # 4
            for index, record in numbered_shards(self.manifest)
        ]
        if layout.SIZES in self.files.listed:  # earlier releases may have written another form
            check_wids(self.store, self.manifest, self.report.damaged, self.report.add_problem)
        self.report.samples = sum(record.samples for record in self.manifest.shards)
        if self.trusted.issuperset(groups.log):
            self.report.entries = self.manifest.ledger.entries
        else:
            with self._remembering(groups.log):
                self._check_log(shards)  # 5
        if not self.trusted.issuperset(groups.index) and all(
            shard.table_is_sound for shard in shards
        ):
            with self._remembering(groups.index):
                check_indexes(
                    self.store, self.manifest, self.report.damaged, self.report.add_problem
                )  # 6

        if not self.trusted.issuperset([*groups.rights, layout.SAMPLES_TABLE]):
            with self._remembering(groups.rights):
                check_rights(
                    self.store, self.manifest, self.report.damaged, self.report.add_problem
                )  # 7

    def _check_other_files(self) -> None:
        """Checks every file except the tars, whose digests are computed with their members."""
        for path in self.files.listed:
            if path in self.groups.tars:
                continue
            if path in self.files.found and path not in self.trusted:
                check_file(self.store, self.files, path, self.report)
            report_progress(self.progress_path, "verify", 1)
        for path in self.groups.ungrouped:
            with self._remembering([path]):
                pass  # only its digest can be checked

    def _check_shard(self, index: int, record: ShardRecord, group: list[str]) -> CheckedShard:
        tar, table = f"shards/{record.name}.tar", f"shards/{record.name}.parquet"
        table_copy = self.files.sound_copy(table, self.trusted)
        report_problem = self.report.add_problem
        if self.trusted.issuperset(group):
            shard = shard_from_table(self.store, record, table_copy, report_problem)
        elif tar not in self.files.found:
            shard = shard_from_table(self.store, record, table_copy, report_problem)
            if tar in self.files.listed:
                report_missing_tar(tar, shard, report_problem)
        else:
            with self._remembering(group):
                shard = check_shard(
                    self.store,
                    record,
                    Stated.by(self.manifest),
                    report_problem,
                    table=table_copy,
                    lost_table=lambda: self._lost_table(record.name),
                    owner_finder=self.files.owner_finder(tar),
                )
                check_embeddings(self.store, index, shard, self.report.damaged, report_problem)
                if layout.shard_stats_path(record.name) not in self.report.damaged:
                    check_stats(self.store, record, shard, report_problem)
        shard.shots.clear()
        report_progress(self.progress_path, "verify", 1)
        return shard

    def _lost_table(self, name: str) -> list[MemberPlace]:
        media = logged_media(self.store, self.manifest, self._sound_paths())
        index = self.files.sound_copy(INDEX_DATABASE, self.trusted)
        return places_without_table(self.store, self.manifest, name, index, media)

    def _sound_paths(self) -> frozenset[str]:
        read = {
            path for path, record in self.files.listed.items() if self.files.is_sound(path, record)
        }
        return self.trusted | read

    def _check_log(self, shards: list[CheckedShard]) -> None:
        damaged = self.report.damaged
        if any(path.startswith(("tile/", layout.CHECKPOINT, layout.LOG_VKEY)) for path in damaged):
            report_wrong_entries(
                self.store, self.manifest, self._sound_paths(), damaged, self.report.add_problem
            )
            return
        samples = {key: logged for shard in shards for key, logged in shard.samples.items()}
        unknown = frozenset(shard.name for shard in shards if not shard.table_is_sound)
        self.report.entries = check_ledger(
            self.store, self.manifest, samples, unknown, self.report.add_problem
        )

    @contextmanager
    def _remembering(self, group: list[str]) -> Iterator[None]:
        """Records a group of files as sound if the block finds no problem in any of them."""
        before = len(self.report.problems)
        yield
        no_new_problems = len(self.report.problems) == before
        if (
            self.state is not None
            and no_new_problems
            and not self.report.damaged.intersection(group)
        ):
            self.state.remember(group, self.files)
