"""The files that other tools open a delivery by, and what each is computed from.

Everything is a function of the run's inputs and of what the shards hold, so that the same delivery
has the same indexes wherever and however often they are made, and a verifier can make them again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.config import Job
from pipelines.delivery.stores import Store
from pipelines.shards.card import delivery_card, families, tables_card, wids_index
from pipelines.shards.croissant import ListedFile, croissant
from pipelines.shards.energon import (
    META,
    EnergonShard,
    Placed,
    sample_database,
    small_files,
    tar_index,
)
from pipelines.shards.write import ShardReceipt
from pipelines.verify_report import Note
from pipelines.work import json_bytes, read_parquet
from schemas.manifest import Manifest

DATABASE = f"{META}/index.sqlite"
_KINDS = ("media", "txt", "json")
_PLACES = [
    "key",
    "media_member",
    *(f"{kind}_{what}" for kind in _KINDS for what in ("offset", "length")),
]
_OURS = ("wids-", "energon-", f"{META}/")


def write_indexes(store: Store, job: Job, receipts: Sequence[ShardReceipt]) -> None:
    """Writes the cards, wids' and Energon's indexes and the Croissant description.

    Args:
        store: The output store; the shards and their tables are in it.
        job: The run.
        receipts: The shards, in the delivery's order.
    """
    prefix = job.delivery
    _drop_others(store, prefix, receipts)
    for family in families(receipts):
        index = json_bytes(wids_index(job, family, receipts))
        store.write_bytes(f"{prefix}/wids-{family}.json", index)
    store.write_bytes(f"{prefix}/README.md", delivery_card(job, receipts).encode())
    store.write_bytes(f"{prefix}/shards/README.md", tables_card(job, receipts).encode())
    shards = [
        EnergonShard(f"shards/{item.name}.tar", item.family, item.samples, item.sha256)
        for item in receipts
    ]
    for path, chunks in energon_files(store, prefix, shards):
        with store.open_write(f"{prefix}/{path}") as sink:
            for chunk in chunks:
                sink.write(chunk)
    listed = [file for item in receipts for file in _listed(store, prefix, item)]
    store.write_bytes(f"{prefix}/croissant.json", json_bytes(croissant(job, listed)))


def shard_files(receipts: Sequence[ShardReceipt]) -> set[str]:
    """What may lie in `shards/`."""
    endings = (".tar", ".tar.idx", ".parquet", "_stats.json")
    names = {f"shards/{item.name}{ending}" for item in receipts for ending in endings}
    return {"shards/README.md", *names}


def _drop_others(store: Store, prefix: str, receipts: Sequence[ShardReceipt]) -> None:
    """Removes indexes of families that an earlier, interrupted try at this version had."""
    shards = [EnergonShard(f"shards/{item.name}.tar", item.family, 0, "") for item in receipts]
    wanted = {DATABASE, *(f"wids-{family}.json" for family in families(receipts))}
    wanted |= {path for path, _ in small_files(shards)}
    for found in store.list(prefix):
        path = found.key.removeprefix(f"{prefix}/")
        if path.startswith(_OURS) and path not in wanted:
            store.delete(found.key)


def check_indexes(
    store: Store, manifest: Manifest, damaged: frozenset[str], note: Note, prefix: str = ""
) -> None:
    """Makes Energon's index again from the shards' tables and compares it with the published one.

    Args:
        store: The delivery.
        manifest: Its manifest, which was checked.
        damaged: Paths that are known not to be as listed; with a damaged table among them there is
            nothing to compare with.
        note: Takes what is wrong.
        prefix: Where in the store the delivery lies.
    """
    if any(f"shards/{item.name}.parquet" in damaged for item in manifest.shards):
        return
    shards = [
        EnergonShard(f"shards/{item.name}.tar", item.family, item.samples, item.sha256)
        for item in manifest.shards
    ]
    for path, chunks in energon_files(store, prefix, shards):
        if path in damaged:
            continue
        key = f"{prefix}/{path}" if prefix else path
        if not store.exists(key):
            note(path, "missing")
        elif not _same(store, key, chunks):
            note(path, "not the index of these shards")


def energon_files(
    store: Store, prefix: str, shards: Sequence[EnergonShard]
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Every file of Energon's index: path below the delivery, and its bytes in chunks.

    Args:
        store: Holds the shards' tables.
        prefix: Where in the store the delivery lies.
        shards: In any order.
    """
    ordered = sorted(shards, key=lambda shard: shard.path)
    for shard in ordered:
        yield f"{shard.path}.idx", iter([tar_index(_placed(store, prefix, shard))])
    yield DATABASE, sample_database(_placed(store, prefix, shard) for shard in ordered)
    for path, data in small_files(ordered):
        yield path, iter([data])


def _placed(store: Store, prefix: str, shard: EnergonShard) -> list[Placed]:
    """Where a shard's samples lie, by its table."""
    path = f"{shard.path.removesuffix('.tar')}.parquet"
    table: pa.Table = read_parquet(store, f"{prefix}/{path}" if prefix else path, _PLACES)
    found = []
    for row in table.to_pylist():
        ending = row["media_member"].partition(".")[2]
        parts = (
            (ending if kind == "media" else kind, row[f"{kind}_offset"], row[f"{kind}_length"])
            for kind in _KINDS
        )
        found.append(Placed(row["key"], tuple(parts)))
    return found


def _listed(store: Store, prefix: str, receipt: ShardReceipt) -> Iterator[ListedFile]:
    tar, table = f"shards/{receipt.name}.tar", f"shards/{receipt.name}.parquet"
    yield ListedFile(tar, receipt.family, receipt.bytes, receipt.sha256)
    data = store.read_bytes(f"{prefix}/{table}")
    yield ListedFile(table, receipt.family, len(data), hashlib.sha256(data).hexdigest())


def _same(store: Store, key: str, chunks: Iterator[bytes]) -> bool:
    with store.open_read(key) as source:
        for chunk in chunks:
            if source.read(len(chunk)) != chunk:
                return False
        return not source.read(1)
