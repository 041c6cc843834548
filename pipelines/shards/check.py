"""Checking a shard: its members against its table, and as WebDataset's loader reads it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from webdataset.tariterators import group_by_keys, tar_file_iterator

from pipelines.delivery.stores import Store
from pipelines.media.formats import as_format, media_type_of
from pipelines.profiles import profile_for, profile_names
from pipelines.profiles.base import Profile, SampleError
from pipelines.shards.tar import Member
from pipelines.shards.tar_parser import TarError
from pipelines.shards.tar_reader import read_members
from pipelines.work import read_parquet
from schemas.manifest import ShardRecord
from schemas.sample import CaptionSource
from schemas.shard_table import SHARD_TABLE_SCHEMA, SHOTS_TABLE_SCHEMA

Note = Callable[[str, str], None]
SHOTS_KEY = ("key", "shot", "first_frame", "end_frame", "caption")
# What a sample's JSON and its row in the table both say.
_SAID = (
    "key asset profile media_sha256 media_type deal_id width height caption caption_source "
    "decision_sha256 duration_ms"
).split()


@dataclass
class CheckedShard:
    """What a shard was found to hold.

    Attributes:
        name: Its base name.
        samples: Digest of the media by key, in the tar's order; none where it is damaged.
        embedded: Keys of the samples that have embeddings, in the same order.
        shots: Key, number, first frame, end and caption of each of their shots, likewise.
        whole: Whether the shard could be checked and nothing is wrong with it.
    """

    name: str
    samples: dict[str, str] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    shots: list[tuple[str, int, int, int, str]] = field(default_factory=list)
    whole: bool = False


def check_shard(
    store: Store, record: ShardRecord, profile: str, damaged: frozenset[str], note: Note
) -> CheckedShard:
    """Checks one shard whose files were compared with the manifest before.

    Args:
        store: The delivery.
        record: What the manifest says of the shard.
        profile: The deal's, as the manifest says.
        damaged: Paths that are known not to be as listed; they were named already.
        note: Takes what is wrong.
    """
    checked = CheckedShard(record.name)
    tar_path, table_path = f"shards/{record.name}.tar", f"shards/{record.name}.parquet"
    if tar_path in damaged or table_path in damaged:
        return checked
    faults: list[str] = []
    try:
        table = read_parquet(store, table_path)
        if not table.schema.equals(SHARD_TABLE_SCHEMA):
            note(table_path, "not the columns of a shard's table")
            return checked
        rows = table.to_pylist()
        with store.open_read(tar_path) as source:
            members = list(read_members(source))
        faults += _compare(rows, members, record)
        with store.open_read(tar_path) as source:
            faults += _load(source, rows, record, profile, checked)
    except (TarError, pa.ArrowException, FileNotFoundError) as error:
        note(tar_path, str(error))
        return checked
    except (ValueError, KeyError, TypeError) as error:  # signed, yet not of our making
        note(tar_path, f"a sample cannot be read: {type(error).__name__}: {error}")
        return checked
    for fault in faults:
        note(tar_path, fault)
    checked.samples = {row["key"]: row["media_sha256"] for row in rows}
    checked.embedded = [row["key"] for row in rows if row["caption_source"] == CaptionSource.MODEL]
    checked.whole = not faults
    return checked


def _compare(rows: list[dict[str, Any]], members: list[Member], record: ShardRecord) -> list[str]:
    """What differs between a shard's table and its members."""
    if len(rows) != record.samples:
        return [f"its table has {len(rows)} samples, the manifest says {record.samples}"]
    expected = []
    for row in rows:
        key = row["key"]
        names = (row["media_member"], f"{key}.txt", f"{key}.json")
        digests = (row["media_sha256"], row["txt_sha256"], row["json_sha256"])
        for kind, name, digest in zip(("media", "txt", "json"), names, digests, strict=True):
            expected.append(Member(name, row[f"{kind}_offset"], row[f"{kind}_length"], digest))
    faults = []
    for told, found in zip(expected, members, strict=False):
        if told != found:
            faults.append(f"member {found.name} at byte {found.offset} is not the table's")
    if len(expected) != len(members):
        faults.append(f"{len(members)} members, its table names {len(expected)}")
    return faults


def _load(
    source: BinaryIO,
    rows: list[dict[str, Any]],
    record: ShardRecord,
    profile: str,
    checked: CheckedShard,
) -> list[str]:
    """What a buyer's loader would not get: the shard read through webdataset itself."""
    needed = _profile(profile, record.family)
    if needed is None:
        return [f"no profile is known for .{record.family} in a delivery for {profile!r}"]
    files = tar_file_iterator(source)
    stream = ({**item, "__url__": record.name} for item in files)
    faults, count = [], 0
    for sample, row in zip(group_by_keys(stream), rows, strict=False):
        count += 1
        told = json.loads(sample["json"])
        said = (sample["__key__"], told["key"], told["media_sha256"], sample["txt"].decode())
        if said != (row["key"], row["key"], row["media_sha256"], told["caption"]):
            faults.append(f"sample {row['key']}: its JSON or text is not the table's")
        fault = _unlike(needed, sample["json"], row)
        if fault:
            faults.append(f"sample {row['key']} is not one of {needed.name}: {fault}")
        if row["caption_source"] == CaptionSource.MODEL:
            checked.shots += [
                (row["key"], at, shot["first_frame"], shot["end_frame"], shot["caption"])
                for at, shot in enumerate(told.get("shots", ()))
            ]
        if record.family not in sample:
            faults.append(f"sample {row['key']} has no .{record.family}")
    if count != record.samples:
        faults.append(f"webdataset reads {count} samples, the manifest says {record.samples}")
    return faults


def _profile(name: str, family: str) -> Profile | None:
    """The profile of a family's samples; None where this version of the program knows none."""
    fmt = as_format(family)
    return profile_for(name, media_type_of(fmt)) if name in profile_names() else None


def _unlike(profile: Profile, data: bytes, row: dict[str, Any]) -> str:
    """How a sample differs from its profile's schema, or its table from it."""
    try:
        sample = profile.read(data)
    except SampleError as error:
        return str(error)
    said = {name: getattr(sample, name) for name in _SAID if getattr(sample, name) != row[name]}
    return "" if not said else f"its table says otherwise of {', '.join(said)}"


def check_embeddings(
    store: Store, index: int, shard: CheckedShard, damaged: frozenset[str], note: Note
) -> None:
    """Checks that a shard's vectors and their metadata are of its samples, in their order.

    A shard none of whose samples may be embedded has none of these files.
    """
    paths = [
        f"metadata/metadata_{index}.parquet",
        f"img_emb/img_emb_{index}.npy",
        f"text_emb/text_emb_{index}.npy",
    ]
    if not shard.whole or damaged.intersection(paths):
        return
    shots_path = f"shots/shots_{index}.parquet"
    if not shard.embedded:
        for path in filter(store.exists, [*paths, shots_path]):
            note(path, f"no sample of {shard.name} may be embedded")
        return
    try:
        keys = read_parquet(store, paths[0], ["key"])["key"].to_pylist()
        if keys != shard.embedded:
            note(paths[0], f"its keys are not those of {shard.name}")
        for path in paths[1:]:
            vectors = np.load(io.BytesIO(store.read_bytes(path)), allow_pickle=False)
            if len(vectors) != len(shard.embedded):
                note(path, f"{len(vectors)} vectors for {len(shard.embedded)} samples")
    except FileNotFoundError as error:
        note(paths[0], f"missing: {error}")
    except (ValueError, pa.ArrowException) as error:
        note(paths[0], f"cannot be read: {error}")
    if shots_path not in damaged:
        _check_shots(store, shots_path, shard, note)


def _check_shots(store: Store, path: str, shard: CheckedShard, note: Note) -> None:
    """Checks that the table of shots has those of the samples' JSON, in their order."""
    if not store.exists(path):
        if shard.shots:
            note(path, f"missing: {shard.name} has films")
        return
    try:
        table = read_parquet(store, path)
    except (ValueError, pa.ArrowException) as error:
        note(path, f"cannot be read: {error}")
        return
    if not table.schema.equals(SHOTS_TABLE_SCHEMA):
        note(path, "not the columns of a table of shots")
        return
    columns = [table[name].to_pylist() for name in SHOTS_KEY]
    if list(zip(*columns, strict=True)) != shard.shots:
        note(path, f"its shots are not those of {shard.name}")
