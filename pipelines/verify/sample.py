"""Verifies some samples of a delivery, read by byte range, with proofs of their ledger entries.

The steps, numbered in the code: 1. draw samples; 2. check the tables of their shards; 3. check each
drawn sample: headers, digests, padding, profile; 4. check its ledger entries by proofs from the
tiles to the signed root.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, groupby

from pipelines.format.manifest import original_delivery
from pipelines.format.tar_comparison import REMOVED
from pipelines.ledger.leaf import LEAF_VERSION
from pipelines.ledger.merkle import ProofError, leaf_hash
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.ledger.tile_proof import PublishedLog
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.verify.byte_range import read_sample
from pipelines.verify.files import DeliveryFiles, check_file
from pipelines.verify.pinpoint import MAX_MEMBER_PROBLEMS
from pipelines.verify.report import Report, SampleSummary
from pipelines.verify.sample_check import SampleCheck
from pipelines.verify.sample_facts import Stated
from pipelines.verify.shard_rows import open_shard_table
from schemas import layout
from schemas.errors import FairshardError, InputError, counted
from schemas.manifest import Manifest, ShardRecord
from schemas.shard_table import ShardRow

DEFAULT_SEED = 0
_DAMAGE_RATE = Fraction(1, 100)  # the extent of damage for which the report states a chance


@dataclass(frozen=True)
class SampleDraw:
    """How many samples to draw, and the seed of the draw.

    Attributes:
        count: Number of samples, at most all; or
        share: fraction of all samples, at least one sample.
        seed: The same seed draws the same samples.
    """

    count: int = 0
    share: Fraction = Fraction(0)
    seed: int = DEFAULT_SEED

    def of(self, samples: int) -> list[int]:
        """Returns the sorted indexes of the samples drawn from this many."""
        wanted = self.count or -(-self.share.numerator * samples // self.share.denominator)
        generator = random.Random(self.seed)  # noqa: S311 (must be repeatable, not secret)
        return sorted(generator.sample(range(samples), min(samples, max(1, wanted))))


def detection_chance(drawn: int, of: int) -> float:
    """Returns the chance that a draw contains a bad sample if one in a hundred is bad.

    At least one sample is assumed to be bad. The result is exact: one minus the probability that
    all drawn samples are good.
    """
    bad = max(1, -(-of // _DAMAGE_RATE.denominator))
    if drawn + bad > of:
        return 1.0
    missed = 1.0
    for at in range(min(drawn, bad)):
        missed *= (of - max(drawn, bad) - at) / (of - at)
    return 1.0 - missed


def check_sample(
    store: Store,
    manifest: Manifest,
    files: DeliveryFiles,
    draw: SampleDraw,
    report: Report,
    progress_path: str = "",
) -> SampleSummary:
    """Checks the drawn samples and returns what was and was not covered."""
    counts = [shard.samples for shard in manifest.shards]
    total = sum(counts)
    drawn = draw.of(total) if total else []  # 1
    starts = [0, *accumulate(counts)]
    read_bytes = 0
    log = _open_log(store, manifest, files, report)
    entries: set[int] = set()
    touched_shards = {_shard_of(starts, at) for at in drawn}
    report_progress(progress_path, "verify", 0, len(touched_shards))
    for number, group in groupby(drawn, key=lambda at: _shard_of(starts, at)):
        record, rows = manifest.shards[number], [at - starts[number] for at in group]
        drawn_rows = _drawn_rows(store, manifest, files, record, rows, report)  # 2
        for row in drawn_rows:
            size = _check_drawn(store, manifest, record, row, report)  # 3
            read_bytes += size
            if log is not None:
                entries |= _check_entries(store, files, log, manifest, record, row, report)  # 4
        report_progress(progress_path, "verify", 1)
    report.samples, report.entries = len(drawn), len(entries)
    return SampleSummary(
        seed=draw.seed,
        samples=len(drawn),
        of=total,
        bytes=read_bytes,
        of_bytes=sum(shard.bytes for shard in manifest.shards),
        chance=detection_chance(len(drawn), total) if total else 0.0,
        unread=(
            f"{total - len(drawn):,} of {total:,} samples",
            f"{len(counts) - len(touched_shards):,} of {len(counts):,} shards with their tables",
            f"{manifest.ledger.entries - len(entries):,} of {manifest.ledger.entries:,} entries",
            "embeddings, shots, cards and indexes: only their sizes were compared",
            "attributions: they were not compared with the samples",
        ),
    )


def _shard_of(starts: list[int], at: int) -> int:
    return next(number for number in range(len(starts) - 1, -1, -1) if starts[number] <= at)


def _drawn_rows(
    store: Store,
    manifest: Manifest,
    files: DeliveryFiles,
    record: ShardRecord,
    numbers: list[int],
    report: Report,
) -> list[ShardRow]:
    path = f"shards/{record.name}.parquet"
    tar = f"shards/{record.name}.tar"
    if tar in files.listed and tar not in files.found:
        report.add_problem(tar, "missing")
        return []
    if path not in files.found or not check_file(store, files, path, report):
        return []
    _, rows, _ = open_shard_table(store, record, path, report.add_problem)
    live = [row for row in rows or () if row["status"] != REMOVED]
    return [live[number] for number in numbers if number < len(live)]


def _check_drawn(
    store: Store, manifest: Manifest, record: ShardRecord, row: ShardRow, report: Report
) -> int:
    """Checks one sample and returns how many bytes were read."""
    tar = f"shards/{record.name}.tar"
    size, faults, members = read_sample(store, tar, row)
    for member, message in faults[:MAX_MEMBER_PROBLEMS]:
        report.add_problem(tar, message, key=row["key"], member=member)
    if not faults:
        check = SampleCheck.of(record, Stated.by(manifest))
        if check is None:
            report.add_problem(tar, f"no profile is known for .{record.family}")
            return size
        for kind, message in check.faults_of(row["key"], members, row):
            report.add_problem(tar, message, key=row["key"], member=f"{row['key']}.{kind}")
    return size


def _open_log(
    store: Store, manifest: Manifest, files: DeliveryFiles, report: Report
) -> PublishedLog | None:
    """Returns the log, if its checkpoint is signed and matches the manifest."""
    for path in (layout.CHECKPOINT, layout.LOG_VKEY):
        if path not in files.found or not check_file(store, files, path, report):
            return None
    try:
        text = store.read_bytes(layout.CHECKPOINT).decode("utf-8", "replace")
        _, size, root = open_checkpoint(text, manifest.vkey, manifest.ledger.origin)
    except FairshardError as error:
        report.add_problem(layout.CHECKPOINT, str(error))
        return None
    if (size, root.hex()) != (manifest.ledger.entries, manifest.ledger.root):
        report.add_problem(layout.CHECKPOINT, "its size or root does not match the manifest")
        return None
    return PublishedLog(size, root, store.read_bytes)


def _check_entries(
    store: Store,
    files: DeliveryFiles,
    log: PublishedLog,
    manifest: Manifest,
    record: ShardRecord,
    row: ShardRow,
    report: Report,
) -> set[int]:
    """Checks that a sample has an entry in the log for each contributor."""
    found: set[int] = set()
    people: list[str] = []
    key = row["key"]
    try:
        for index in _entries_of(log, key):
            leaf = log.leaf(index)
            log.check(leaf_hash(leaf), index)
            entry = json.loads(leaf)
            found.add(index)
            people.append(entry["contributor_commitment"])
            wanted = {
                "version": LEAF_VERSION,
                "delivery": original_delivery(manifest),
                "terms_sha256": manifest.deal.terms_sha256,
                "shard": record.name,
                "media_sha256": row["media_sha256"],
                "asset_commitment": row["asset"],
                "decision_sha256": row["decision_sha256"],
            }
            other = [name for name, value in wanted.items() if entry[name] != value]
            if other:
                text = f"entry {index} has different values for {', '.join(other)}"
                report.add_problem(log.bundle_path(index), text, key=key)
    except (ProofError, InputError, FileNotFoundError, ValueError, KeyError, TypeError) as error:
        _report_log_file(store, files, log, error, report)
        return found
    # Rows of earlier releases have a person twice if the catalogue names them twice.
    named = list(dict.fromkeys(row["contributors"]))
    if len(found) != len(named):
        text = (
            f"{counted(len(found), 'ledger entry', 'ledger entries')} for "
            f"{counted(len(named), 'contributor')}"
        )
        report.add_problem(f"shards/{record.name}.tar", text, key=key)
    elif people != named:
        text = "its contributors are not those of its ledger entries"
        report.add_problem(layout.shard_table_path(record.name), text, key=key)
    return found


def _report_log_file(
    store: Store, files: DeliveryFiles, log: PublishedLog, error: Exception, report: Report
) -> None:
    """Reports which log files used for a proof do not match the manifest."""
    unchecked = sorted(log.read_paths & files.found.keys() - files.read.keys())
    sound = [path for path in unchecked if check_file(store, files, path, report)]
    if not report.damaged & log.read_paths:
        where = sound[0] if sound else layout.CHECKPOINT
        report.add_problem(
            where, f"the log does not prove its entries: {type(error).__name__}: {error}"
        )


def _entries_of(log: PublishedLog, key: str) -> Iterator[int]:
    """Yields the indexes of a key's entries; the log is sorted by key."""
    low, high = 0, log.size
    while low < high:
        middle = (low + high) // 2
        if json.loads(log.leaf(middle))["key"] < key:
            low = middle + 1
        else:
            high = middle
    while low < log.size and json.loads(log.leaf(low))["key"] == key:
        yield low
        low += 1
