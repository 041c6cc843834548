"""Checks a shard: every byte of its tar against its table, and its samples against both.

A tar is read once, in bounded memory. If its table is lost, other published files show where its
members are (`pipelines.verify.lost_table`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.format.tar_comparison import (
    REMOVED,
    MemberPlace,
    PlacesError,
    TarComparison,
    filler_sha256,
    places_of,
)
from pipelines.media.formats import FORMATS, media_type_of, parse_format
from pipelines.profiles import profile_for, profile_names
from pipelines.profiles.base import Profile, SampleError
from pipelines.profiles.captions import BASIS_POINTS, draws_synthetic, score_bp
from pipelines.profiles.tables import known_table_schemas
from pipelines.storage.columns import rows_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.pinpoint import MAX_MEMBER_PROBLEMS, MemberProblem, pinpoint
from pipelines.verify.report import ProblemReporter
from schemas.errors import counted
from schemas.manifest import ShardRecord
from schemas.profiles.common import CommonSample
from schemas.profiles.file_fields import file_columns
from schemas.profiles.index_columns import index_columns
from schemas.shard_table import ShardRow

# The fields that a sample's JSON and its row in the table have in common.
_COMPARED_FIELDS = (
    "key asset profile media_sha256 media_type deal_id width height caption caption_source "
    "caption_model decision_sha256 duration_ms title licence_model licence_class licence_code "
    "digital_source_type ai_generated alteration_constraints file_constraints "
    "duplication_constraints usable_until"
).split()
#: What a shot has in the sample's JSON and in the table of shots.
SHOT_FIELDS = (
    *("first_frame", "end_frame", "start_ms", "end_ms", "keyframe", "keyframe_ms"),
    *("motion_milli", "caption"),
)
_STATES = (("success", None), (REMOVED, REMOVED))  # status and error message of a row
# What a row of a removed sample may not say.
_REMOVED_FIELDS = (
    "asset caption title decision_sha256 contributors consents releases description keywords "
    "category language created_at captions tags phash duplicate_cluster group_id identities "
    "model_releases"
).split()


@dataclass
class CheckedShard:
    """The contents of a shard that was checked.

    Attributes:
        name: Its base name.
        samples: Digest of the media by key, in the tar's order, from the table.
        embedded: Keys of the samples that have embeddings, in the same order.
        metadata: What the table of embeddings says of each of them, in the same order.
        shots: Key, number and SHOT_FIELDS of each shot, in the same order.
        table_is_sound: Whether its table is sound, so that `samples` can be relied on.
        is_sound: Whether both table and tar are sound.
    """

    name: str
    samples: dict[str, str] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    metadata: list[dict[str, object]] = field(default_factory=list)
    shots: list[tuple[str | int, ...]] = field(default_factory=list)
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
        record: The shard's record in the manifest.
        profile: The deal's profile, from the manifest.
        report_problem: Called with each problem.
        table: Path of a sound copy of its table; None for its usual path, "" if there is none.
        lost_table: Returns the places of its members if there is no table.
        owner_finder: Returns which other file of the delivery should have a digest, or "".
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
    """Returns a shard's contents from its table alone; see `check_shard`."""
    return open_shard_table(store, record, table, report_problem)[0]


def report_missing_tar(tar: str, shard: CheckedShard, report_problem: ProblemReporter) -> None:
    """Reports a missing tar, and the keys that are missing with it."""
    report_problem(tar, "missing")
    keys = list(shard.samples)
    for key in keys[:MAX_MEMBER_PROBLEMS]:
        report_problem(tar, "missing with its shard", key=key)
    if len(keys) > MAX_MEMBER_PROBLEMS:
        report_problem(
            tar,
            f"{len(keys) - MAX_MEMBER_PROBLEMS:,} more keys are missing with their shard",
        )


def open_shard_table(
    store: Store, record: ShardRecord, table: str | None, report_problem: ProblemReporter
) -> tuple[CheckedShard, list[ShardRow] | None, list[MemberPlace]]:
    """Reads a shard's table: its contents, its rows if they are valid, and the members' places."""
    checked = CheckedShard(record.name)
    default_path = f"shards/{record.name}.parquet"
    rows = _read_rows(store, default_path if table is None else table, default_path, report_problem)
    if rows is None:
        return checked, None, []
    live = [row for row in rows if row["status"] != REMOVED]
    if len(live) != record.samples:
        report_problem(
            default_path, f"{counted(len(live), 'sample')}, the manifest says {record.samples}"
        )
    try:
        places = places_of(rows)
    except PlacesError as error:
        report_problem(default_path, f"not a valid table of a tar: {error}")
        return checked, None, []
    checked.table_is_sound = len(live) == record.samples
    checked.samples = {row["key"]: row["media_sha256"] for row in live}
    for row in rows:
        if (row["status"], row["error_message"]) not in _STATES:
            report_problem(default_path, "the row has an unknown status", key=row["key"])
        if row["sha256"] != row["media_sha256"]:
            report_problem(default_path, "sha256 and media_sha256 differ", key=row["key"])
        if row["status"] == REMOVED and (fault := _tombstone_fault(row)):
            report_problem(default_path, f"the row of a removed sample {fault}", key=row["key"])
    embedded = [row for row in rows if row["caption_model"]]
    checked.embedded = [row["key"] for row in embedded]
    checked.metadata = [_metadata_of(row) for row in embedded]
    return checked, rows, places


def _tombstone_fault(row: ShardRow) -> str:
    """Returns what is wrong with the row of a removed sample; "" if it has nothing of one."""
    if row["media_sha256"] != filler_sha256(row["media_length"]):
        return "does not have the digest of overwritten bytes"
    left = [name for name in _REMOVED_FIELDS if row.get(name)]
    return f"still has {', '.join(left)}" if left else ""


def _metadata_of(row: ShardRow) -> dict[str, object]:
    """Returns the row of the table of embeddings that belongs to a sample (METADATA_SCHEMA)."""
    removed = row["status"] == REMOVED
    member = row["key"] if removed else row["media_member"]
    return {
        "key": row["key"],
        "shard": row["shard"],
        "image_path": f"{row['shard']}.tar/{member}",
        "caption": "" if removed else row["caption"],
        "clip_score": 0.0 if removed else row["clip_score"],
    }


def _read_rows(
    store: Store, path: str, default_path: str, report_problem: ProblemReporter
) -> list[ShardRow] | None:
    if not path:
        return None  # reported before
    try:
        table = read_parquet(store, path)
    except (pa.ArrowException, OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError)
        report_problem(
            default_path, "missing" if missing else f"cannot be read: {_first_line(error)}"
        )
        return None
    if not any(table.schema.equals(known) for known in known_table_schemas()):
        report_problem(default_path, "does not have the columns of a shard's table")
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
    """Reads the tar once, reports its problems, and returns whether it is sound."""
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
    # Problems in the content of a damaged member are only consequences of the damage.
    damaged_keys = {fault.place.key for fault in comparison.faults if fault.place is not None}
    undamaged = (
        [problem for problem in mismatches if problem.key not in damaged_keys] if places else []
    )
    for problem in undamaged[:MAX_MEMBER_PROBLEMS]:
        report_problem(tar, problem.message, key=problem.key, member=problem.member)
    if len(undamaged) > MAX_MEMBER_PROBLEMS:
        report_problem(tar, f"{len(undamaged) - MAX_MEMBER_PROBLEMS:,} more samples are invalid")
    if places and not comparison.faults and count != record.samples:
        report_problem(tar, f"{counted(count, 'sample')}, the manifest says {record.samples}")
        return False
    return not (digest_fault or problems or undamaged)


def describe_mismatch(
    size: int, sha256: str, listed_size: int, listed_sha256: str, owner_finder: Callable[[str], str]
) -> str:
    """Describes how a file differs from its record in the manifest; "" if it does not."""
    other = owner_finder(sha256)
    these = f"; it has the bytes of {other}" if other and sha256 != listed_sha256 else ""
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
    """Checks the tar's samples as WebDataset groups them, without their media."""
    # webdataset imports torch if it is installed, which takes seconds.
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
        if not faults and row is not None and row["caption_model"]:
            checked.shots += [
                (key, at, *(shot[name] for name in SHOT_FIELDS))
                for at, shot in enumerate(json.loads(sample["json"]).get("shots", ()))
            ]
    return found, count


@dataclass(frozen=True)
class SampleCheck:
    """Checks the contents of samples.

    Attributes:
        family: File extension of their media.
        profile: The profile that they must match.
    """

    family: str
    profile: Profile

    @classmethod
    def of(cls, record: ShardRecord, profile: str) -> SampleCheck | None:
        """Returns the check for a shard of a deal's profile; None if the profile is not known."""
        if profile not in profile_names() or record.family not in FORMATS:
            return None
        known = profile_for(profile, media_type_of(parse_format(record.family)))
        return cls(record.family, known) if known is not None else None

    def faults_of(
        self, key: str, sample: Mapping[str, bytes], row: Mapping[str, object] | None
    ) -> Iterator[tuple[str, str]]:
        """Yields what is wrong with a sample.

        Args:
            key: Its key.
            sample: Its members' bytes by extension; the medium's may be empty.
            row: Its row in the shard's table, if known.

        Yields:
            Pairs of the extension of the wrong member and a description of what is wrong.
        """
        if self.family not in sample:
            yield self.family, f"the sample has no .{self.family}"
        yield from self._member_faults(sample)
        if "json" not in sample or "txt" not in sample:
            yield "json", "the sample has no text or no JSON"
            return
        try:
            read = self.profile.parse_sample(sample["json"])
        except SampleError as error:
            yield "json", f"the sample does not match the profile {self.profile.name}: {error}"
            return
        present = {name: sample[name] for name in self.profile.extras if name in sample}
        if len(present) == len(self.profile.extras):
            yield from self.profile.find_extra_faults(read, present)
        if read.key != key or read.caption.encode() != sample["txt"]:
            yield "txt", "its JSON or text belongs to another sample"
        if row is not None and "split" in row and (fault := _draw_fault(read)):
            yield "json", fault
        mismatches = [
            name
            for name in _COMPARED_FIELDS
            if row is not None and getattr(read, name) != row[name]
        ]
        if row is not None:
            # Tables of earlier releases have fewer columns.
            facts: dict[str, object] = {**file_columns(read), **index_columns(read)}
            facts |= {field.name: getattr(read, field.name) for field in self.profile.columns}
            mismatches += [
                name for name, value in facts.items() if name in row and value != row[name]
            ]
            if score_bp(float(str(row["clip_score"]))) != read.clip_score_bp:
                mismatches.append("clip_score")
        if mismatches:
            other = f"its table has different values for {', '.join(mismatches)}"
            yield "json", f"the sample does not match the profile {self.profile.name}: {other}"

    def _member_faults(self, sample: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
        """Yields extra members that are missing, and those that the profile does not have."""
        wanted = self.profile.extras
        found = [name for name in sample if name not in (self.family, "txt", "json")]
        for name in found:
            if name not in wanted and not name.startswith("__"):
                yield name, f"the profile {self.profile.name} has no member .{name}"
        for name in wanted:
            if name not in sample:
                yield name, f"the sample has no .{name}"


def _draw_fault(sample: CommonSample) -> str:
    """Returns whether a sample recommends another kind of caption than its draw says; "" if not.

    Only some profiles state the share that the draw depends on.
    """
    share_bp = getattr(sample, "p_synthetic_bp", 0)
    if not 0 < share_bp < BASIS_POINTS:
        return ""
    expected = draws_synthetic(sample.asset, share_bp)
    if (sample.caption_source == "model") == expected:
        return ""
    kind = "model" if expected else "contributor"
    return f"its caption is of {sample.caption_source}, but the draw says {kind}"


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
