"""Checking a shard: its members against its table, and as WebDataset's loader reads it."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
from webdataset.tariterators import group_by_keys, tar_file_iterator

from pipelines.delivery.stores import Store
from pipelines.shards.tar import BLOCK, END, Member, header
from pipelines.work import read_parquet
from schemas.manifest import ShardRecord
from schemas.sample import SHARD_TABLE_SCHEMA, CaptionSource

Note = Callable[[str, str], None]
_CHUNK_BYTES = 1 << 20


class TarError(Exception):
    """The bytes are not a tar of the one form that we write."""


@dataclass
class CheckedShard:
    """What a shard was found to hold.

    Attributes:
        name: Its base name.
        samples: Digest of the media by key, in the tar's order; none where it is damaged.
        embedded: Keys of the samples that have embeddings, in the same order.
        whole: Whether the shard could be checked and nothing is wrong with it.
    """

    name: str
    samples: dict[str, str] = field(default_factory=dict)
    embedded: list[str] = field(default_factory=list)
    whole: bool = False


def check_shard(
    store: Store, record: ShardRecord, damaged: frozenset[str], note: Note
) -> CheckedShard:
    """Checks one shard whose files were compared with the manifest before.

    Args:
        store: The delivery.
        record: What the manifest says of the shard.
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
            faults += _load(source, rows, record)
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


def read_members(source: BinaryIO) -> Iterator[Member]:
    """Parses a tar strictly: only what `TarWriter` writes is a tar here.

    Raises:
        TarError: If it is cut, or any header or padding is not ours.
    """
    offset = 0
    while True:
        block = source.read(BLOCK)
        offset += BLOCK
        if block == END[:BLOCK]:
            if source.read(BLOCK) != END[:BLOCK] or source.read(1):
                raise TarError("it does not end in two zero blocks")
            return
        name = block[:100].rstrip(b"\0").decode("ascii", "replace")
        try:
            length = int(block[124:135], 8)
            sound = header(name, length) == block
        except ValueError:
            sound = False
        if not sound:
            raise TarError(f"no header of ours at byte {offset - BLOCK}")
        digest, left = hashlib.sha256(), length
        while left:
            chunk = source.read(min(left, _CHUNK_BYTES))
            if not chunk:
                raise TarError(f"cut within {name}")
            digest.update(chunk)
            left -= len(chunk)
        padding = -length % BLOCK
        if source.read(padding) != bytes(padding):
            raise TarError(f"the padding of {name} is not zero")
        yield Member(name, offset, length, digest.hexdigest())
        offset += length + padding


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


def _load(source: BinaryIO, rows: list[dict[str, Any]], record: ShardRecord) -> list[str]:
    """What a buyer's loader would not get: the shard read through webdataset itself."""
    files = tar_file_iterator(source)
    stream = ({**item, "__url__": record.name} for item in files)
    faults, count = [], 0
    for sample, row in zip(group_by_keys(stream), rows, strict=False):
        count += 1
        told = json.loads(sample["json"])
        said = (sample["__key__"], told["key"], told["media_sha256"], sample["txt"].decode())
        if said != (row["key"], row["key"], row["media_sha256"], told["caption"]):
            faults.append(f"sample {row['key']}: its JSON or text is not the table's")
        if record.family not in sample:
            faults.append(f"sample {row['key']} has no .{record.family}")
    if count != record.samples:
        faults.append(f"webdataset reads {count} samples, the manifest says {record.samples}")
    return faults


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
    if not shard.embedded:
        for path in filter(store.exists, paths):
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
