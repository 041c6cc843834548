"""Checking a shard: every byte of its tar against its table, and its samples against both.

A tar is read once, in bounded memory. Where its table is lost, other published files say where its
members lie (`pipelines.verify.lost_table`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.format.tar_comparison import MemberPlace, PlacesError, TarComparison, places_of
from pipelines.media.formats import FORMATS, media_type_of, parse_format
from pipelines.profiles import profile_for, profile_names
from pipelines.profiles.base import Profile, SampleError
from pipelines.storage.columns import rows_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.pinpoint import MAX_MEMBER_PROBLEMS, MemberProblem, pinpoint
from pipelines.verify.report import ProblemReporter
from schemas.manifest import ShardRecord
from schemas.sample import CaptionSource
from schemas.shard_table import SHARD_TABLE_SCHEMA, ShardRow

# What a sample's JSON and its row in the table both say.
_COMPARED_FIELDS = (
    "key asset profile media_sha256 media_type deal_id width height caption caption_source "
    "decision_sha256 duration_ms"
).split()


@dataclass
class CheckedShard:
    """What a shard was found to hold.

    Attributes:
        name: Its base name.
        samples: Digest of the media by key, in the tar's order, as the table has it.
        embedded: Keys of the samples that have embeddings, in the same order.
        shots: Key, number, first frame, end and caption of each of their shots, likewise.
        table_is_sound: Whether its table was sound, so that `samples` can be relied upon.
        is_sound: Whether nothing is wrong with table and tar.
    """

    name: str
    samples: dict[str, str] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    shots: list[tuple[str, int, int, int, str]] = field(default_factory=list)
    table_is_sound: bool = False
    is_sound: bool = False


def check_shard(
    store: Store,
    record: ShardRecord,
    profile: str,
    report_problem: ProblemReporter,
    *,
    table: str | None = None,
    lost_table: Callable[[], list[MemberPlace]] = list,
    owner_finder: Callable[[str], str] = lambda _: "",
) -> CheckedShard:
    """Checks one shard.

    Args:
        store: The delivery.
        record: What the manifest says of the shard.
        profile: The deal's, as the manifest says.
        report_problem: Takes what is wrong.
        table: Where a sound copy of its table lies; None for its usual place, "" for nowhere.
        lost_table: Where its members lie, for want of a table.
        owner_finder: Says of a digest which other file of the delivery should have it, or "".
    """
    checked, rows, places = open_shard_table(store, record, table, report_problem)
    tar = f"shards/{record.name}.tar"
    if rows is None and table == "":
        places = lost_table()
    try:
        sound = _check_tar(
            store, tar, record, profile, rows, places, checked, report_problem, owner_finder
        )
    except FileNotFoundError:
        report_missing_tar(tar, checked, report_problem)
        sound = False
    checked.is_sound = sound and checked.table_is_sound
    return checked


def shard_from_table(
    store: Store, record: ShardRecord, table: str | None, report_problem: ProblemReporter
) -> CheckedShard:
    """What a shard's table alone says of it; see `check_shard`."""
    return open_shard_table(store, record, table, report_problem)[0]


def report_missing_tar(tar: str, shard: CheckedShard, report_problem: ProblemReporter) -> None:
    """Notes a tar that is not there, and the keys that are missing with it."""
    report_problem(tar, "missing")
    keys = list(shard.samples)
    for key in keys[:MAX_MEMBER_PROBLEMS]:
        report_problem(tar, "missing with its shard", key=key)
    if len(keys) > MAX_MEMBER_PROBLEMS:
        report_problem(
            tar, f"{len(keys) - MAX_MEMBER_PROBLEMS:,} more keys are missing with their shard"
        )


def open_shard_table(
    store: Store, record: ShardRecord, table: str | None, report_problem: ProblemReporter
) -> tuple[CheckedShard, list[ShardRow] | None, list[MemberPlace]]:
    """A shard's table: what it says, its rows if they fit a tar, and where the members lie."""
    checked = CheckedShard(record.name)
    default_path = f"shards/{record.name}.parquet"
    rows = _read_rows(store, default_path if table is None else table, default_path, report_problem)
    if rows is None:
        return checked, None, []
    if len(rows) != record.samples:
        report_problem(default_path, f"{len(rows)} samples, the manifest says {record.samples}")
    try:
        places = places_of(rows)
    except PlacesError as error:
        report_problem(default_path, f"no table of a tar: {error}")
        return checked, None, []
    checked.table_is_sound = len(rows) == record.samples
    checked.samples = {row["key"]: row["media_sha256"] for row in rows}
    checked.embedded = [row["key"] for row in rows if row["caption_source"] == CaptionSource.MODEL]
    return checked, rows, places


def _read_rows(
    store: Store, path: str, default_path: str, report_problem: ProblemReporter
) -> list[ShardRow] | None:
    if not path:
        return None  # named already
    try:
        table = read_parquet(store, path)
    except (pa.ArrowException, OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        report_problem(
            default_path, "missing" if missing else f"cannot be read: {_first_line(error)}"
        )
        return None
    if not table.schema.equals(SHARD_TABLE_SCHEMA):
        report_problem(default_path, "not the columns of a shard's table")
        return None
    return rows_of(table, ShardRow)


def _check_tar(
    store: Store,
    tar: str,
    record: ShardRecord,
    profile: str,
    rows: Sequence[ShardRow] | None,
    places: Sequence[MemberPlace],
    checked: CheckedShard,
    report_problem: ProblemReporter,
    owner_finder: Callable[[str], str],
) -> bool:
    """Reads the tar once and notes what is wrong with it; says whether nothing is."""
    check = SampleCheck.of(record, profile)
    if check is None:
        report_problem(
            tar, f"no profile is known for .{record.family} in a delivery for {profile!r}"
        )
        return False
    with store.open_read(tar) as source:
        comparison = TarComparison(source, places)
        mismatches, count = _check_samples(check, comparison, rows, checked)
        problems: list[MemberProblem] = []
        if places and comparison.faults:
            problems = pinpoint(source, places, comparison.faults, comparison.size)
    digest_fault = describe_mismatch(
        comparison.size, comparison.sha256, record.bytes, record.sha256, owner_finder
    )
    if digest_fault:
        report_problem(tar, digest_fault)
    for problem in problems:
        report_problem(tar, problem.message, key=problem.key, member=problem.member)
    # What a damaged member says, or does not say, follows from its damage.
    damaged_keys = {fault.place.key for fault in comparison.faults if fault.place is not None}
    undamaged = (
        [problem for problem in mismatches if problem.key not in damaged_keys] if places else []
    )
    for problem in undamaged[:MAX_MEMBER_PROBLEMS]:
        report_problem(tar, problem.message, key=problem.key, member=problem.member)
    if len(undamaged) > MAX_MEMBER_PROBLEMS:
        report_problem(
            tar, f"{len(undamaged) - MAX_MEMBER_PROBLEMS:,} more samples are not as they must be"
        )
    if places and not comparison.faults and count != record.samples:
        report_problem(tar, f"{count} samples, the manifest says {record.samples}")
        return False
    return not (digest_fault or problems or undamaged)


def describe_mismatch(
    size: int, sha256: str, listed_size: int, listed_sha256: str, owner_finder: Callable[[str], str]
) -> str:
    """How a file differs from what the manifest says of it; empty where it does not."""
    other = owner_finder(sha256)
    these = f"; these are the bytes of {other}" if other and sha256 != listed_sha256 else ""
    if size != listed_size:
        return f"{size:,} bytes, the manifest says {listed_size:,}{these}"
    if sha256 != listed_sha256:
        return f"sha256 is {sha256}, the manifest says {listed_sha256}{these}"
    return ""


def _check_samples(
    check: SampleCheck,
    comparison: TarComparison,
    rows: Sequence[ShardRow] | None,
    checked: CheckedShard,
) -> tuple[list[MemberProblem], int]:
    """Reads the tar's samples as WebDataset groups them, their media left out."""
    # webdataset imports torch where that is installed, which takes seconds.
    from webdataset.tariterators import group_by_keys

    files = (
        {"fname": place.name, "data": data, "__url__": checked.name} for place, data in comparison
    )
    by_key = {row["key"]: row for row in rows or ()}
    found, count = [], 0
    for sample in group_by_keys(files):
        count += 1
        key = sample["__key__"]
        row = by_key.get(key)
        faults = list(check.faults_of(key, sample, row))
        found += [MemberProblem(key, f"{key}.{ending}", message) for ending, message in faults]
        if not faults and row is not None and row["caption_source"] == CaptionSource.MODEL:
            checked.shots += [
                (key, at, shot["first_frame"], shot["end_frame"], shot["caption"])
                for at, shot in enumerate(json.loads(sample["json"]).get("shots", ()))
            ]
    return found, count


@dataclass(frozen=True)
class SampleCheck:
    """Checks what samples say.

    Attributes:
        family: Extension of their media.
        profile: What they must be.
    """

    family: str
    profile: Profile

    @classmethod
    def of(cls, record: ShardRecord, profile: str) -> SampleCheck | None:
        """For a shard of a deal's profile; None where this version of the program knows none."""
        if profile not in profile_names() or record.family not in FORMATS:
            return None
        known = profile_for(profile, media_type_of(parse_format(record.family)))
        return cls(record.family, known) if known is not None else None

    def faults_of(
        self, key: str, sample: Mapping[str, bytes], row: Mapping[str, object] | None
    ) -> Iterator[tuple[str, str]]:
        """What a sample does not say as it must.

        Args:
            key: Its key.
            sample: Its members' bytes by extension; of the medium, that it is there.
            row: Its row of the shard's table, where that is known.

        Yields:
            Pairs of the extension at fault and what is wrong.
        """
        if self.family not in sample:
            yield self.family, f"the sample has no .{self.family}"
        if "json" not in sample or "txt" not in sample:
            yield "json", "the sample has no text or no JSON"
            return
        try:
            read = self.profile.parse_sample(sample["json"])
        except SampleError as error:
            yield "json", f"the sample is not one of {self.profile.name}: {error}"
            return
        if read.key != key or read.caption.encode() != sample["txt"]:
            yield "txt", "its JSON or text is another sample's"
        mismatches = [
            name
            for name in _COMPARED_FIELDS
            if row is not None and getattr(read, name) != row[name]
        ]
        if mismatches:
            other = f"its table says otherwise of {', '.join(mismatches)}"
            yield "json", f"the sample is not one of {self.profile.name}: {other}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
