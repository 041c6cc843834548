"""Reads a shard's table: what it says about the shard's samples, and where their members are."""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from pipelines.format.tar_comparison import (
    REMOVED,
    MemberPlace,
    PlacesError,
    filler_sha256,
    places_of,
)
from pipelines.profiles.aspect import aspect_bucket
from pipelines.profiles.tables import known_table_schemas
from pipelines.storage.columns import rows_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from pipelines.verify.ledger import LoggedSample, rest_of
from pipelines.verify.report import ProblemReporter
from schemas.errors import counted
from schemas.manifest import ShardRecord
from schemas.shard_table import SHARD_TABLE_SCHEMA, ShardRow

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
        samples: What the ledger should say about each sample by key, in the tar's order, from the
            table.
        embedded: Keys of the samples that have embeddings, in the same order.
        metadata: What the table of embeddings says about each of them, in the same order.
        shots: Key, number, SHOT_FIELDS and caption's score of each shot, in the same order.
        media_bytes: The size of all media.
        is_current: Whether its table has the columns of this release, and not of an earlier one.
        table_is_sound: Whether its table is sound, so that `samples` can be relied on.
        is_sound: Whether both table and tar are sound.
    """

    name: str
    samples: dict[str, LoggedSample] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    metadata: list[dict[str, object]] = field(default_factory=list)
    shots: list[tuple[str | int, ...]] = field(default_factory=list)
    media_bytes: int = 0
    is_current: bool = False
    table_is_sound: bool = False
    is_sound: bool = False


def shard_from_table(
    store: Store, record: ShardRecord, table: str | None, report_problem: ProblemReporter
) -> CheckedShard:
    """Returns a shard's contents from its table alone; see `check_shard`."""
    return open_shard_table(store, record, table, report_problem)[0]


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
    checked.samples = {row["key"]: _logged(record.name, row) for row in live}
    for row in rows:
        if (row["status"], row["error_message"]) not in _STATES:
            report_problem(default_path, "the row has an unknown status", key=row["key"])
        if row["sha256"] != row["media_sha256"]:
            report_problem(default_path, "sha256 and media_sha256 differ", key=row["key"])
        if (row["shard"], row["family"]) != (record.name, record.family):
            report_problem(default_path, "the row is of another shard or family", key=row["key"])
        if row["status"] != REMOVED and row["aspect_bucket"] != _bucket_of(row):
            report_problem(
                default_path, "aspect_bucket is not that of width and height", key=row["key"]
            )
        if row["status"] == REMOVED and (fault := _tombstone_fault(row)):
            report_problem(default_path, f"the row of a removed sample {fault}", key=row["key"])
    checked.media_bytes = sum(row["media_length"] for row in live)
    checked.is_current = all("split" in row for row in rows)
    embedded = [row for row in rows if row["caption_model"]]
    checked.embedded = [row["key"] for row in embedded]
    checked.metadata = [_metadata_of(row) for row in embedded]
    return checked, rows, places


def _tombstone_fault(row: ShardRow) -> str:
    """Returns what is wrong with the row of a removed sample; "" if it has nothing of one."""
    if row["media_sha256"] != filler_sha256(row["media_length"]):
        return "does not have the digest of overwritten bytes"
    added = sorted(row.keys() - set(SHARD_TABLE_SCHEMA.names))  # by the profile
    left = [name for name in (*_REMOVED_FIELDS, *added) if row.get(name)]
    return f"still has {', '.join(left)}" if left else ""


def _logged(shard: str, row: ShardRow) -> LoggedSample:
    rest = rest_of(row["asset"], row["decision_sha256"], row["contributors"])
    return LoggedSample(shard, row["media_sha256"], rest)


def _bucket_of(row: ShardRow) -> str:
    return aspect_bucket(row["width"], row["height"]) if row["width"] and row["height"] else ""


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


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0][:200]
