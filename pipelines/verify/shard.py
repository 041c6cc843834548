"""Checks a shard: every byte of its tar against its table, and its samples against both.

A tar is read once, in bounded memory. If its table is lost, other published files show where its
members are (`pipelines.verify.lost_table`).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from pipelines.format.tar_comparison import MemberPlace, TarComparison
from pipelines.storage.store import Store
from pipelines.verify.pinpoint import MAX_MEMBER_PROBLEMS, MemberProblem, pinpoint
from pipelines.verify.report import ProblemReporter
from pipelines.verify.sample_check import SampleCheck
from pipelines.verify.sample_facts import Stated
from pipelines.verify.shard_rows import CheckedShard, open_shard_table
from schemas.errors import counted
from schemas.manifest import ShardRecord
from schemas.shard_table import ShardRow

#: What a shot has in the sample's JSON and in the table of shots.
SHOT_FIELDS = (
    *("first_frame", "end_frame", "start_ms", "end_ms", "keyframe", "keyframe_ms"),
    *("motion_milli", "caption"),
)


def check_shard(
    store: Store,
    record: ShardRecord,
    stated: Stated,
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
        stated: What the manifest says about every sample.
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
            store, tar, record, stated, rows, places, checked, report_problem, owner_finder
        )
    except FileNotFoundError:
        report_missing_tar(tar, checked, report_problem)
        sound = False
    checked.is_sound = sound and checked.table_is_sound
    return checked


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


def _check_tar(
    store: Store,
    tar: str,
    record: ShardRecord,
    stated: Stated,
    rows: Sequence[ShardRow] | None,
    places: Sequence[MemberPlace],
    checked: CheckedShard,
    report_problem: ProblemReporter,
    owner_finder: Callable[[str], str],
) -> bool:
    """Reads the tar once, reports its problems, and returns whether it is sound."""
    check = SampleCheck.of(record, stated)
    if check is None:
        report_problem(
            tar, f"no profile is known for .{record.family} in a delivery for {stated.profile!r}"
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
                (key, at, *(shot[name] for name in SHOT_FIELDS), shot["caption_score_bp"])
                for at, shot in enumerate(json.loads(sample["json"]).get("shots", ()))
            ]
    return found, count
