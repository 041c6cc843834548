"""Checks what wids' indexes and the shards' stats say, by the manifest and the shards' tables."""

from __future__ import annotations

import json
import re

from pipelines.format.loader_files import stats_of
from pipelines.format.manifest import numbered_shards
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from pipelines.verify.report import ProblemReporter
from pipelines.verify.shard_rows import CheckedShard
from schemas import layout
from schemas.manifest import Manifest, ShardRecord

_MD5 = re.compile(r"[0-9a-f]{32}")


def check_stats(
    store: Store, record: ShardRecord, shard: CheckedShard, report_problem: ProblemReporter
) -> None:
    """Checks a shard's stats; those of earlier releases are not compared."""
    path = layout.shard_stats_path(record.name)
    if not (shard.is_current and shard.table_is_sound):
        return
    wanted = json_bytes(stats_of(record.samples, shard.media_bytes, record.bytes))
    try:
        found = store.read_bytes(path)
    except FileNotFoundError:
        report_problem(path, "missing")
        return
    if found != wanted:
        report_problem(path, f"it does not have the numbers of {record.name}")


def check_wids(
    store: Store, manifest: Manifest, damaged: frozenset[str], report_problem: ProblemReporter
) -> None:
    """Checks wids' indexes, but for the MD5 of tars, which nothing else of a delivery has."""
    parts: dict[str, list[ShardRecord]] = {}
    for _, shard in numbered_shards(manifest):
        validation = layout.shard_split(shard.name) == "validation"
        part = f"{shard.family}-val" if validation else shard.family
        parts.setdefault(part, []).append(shard)
    listed = {file.path for file in manifest.files}
    for part, shards in parts.items():
        path = f"wids-{part}.json"
        if path not in listed:
            report_problem(path, "not listed in the manifest, and every delivery has it")
        elif path not in damaged and (
            fault := _wids_fault(store.read_bytes(path), manifest.deal.deal_id, part, shards)
        ):
            report_problem(path, fault)


def _wids_fault(data: bytes, deal_id: str, part: str, shards: list[ShardRecord]) -> str:
    try:
        index = json.loads(data)
        digests = [entry.get("md5sum") for entry in index["shardlist"]]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"it cannot be read: {type(error).__name__}: {error}"[:200]
    given = [one for one in digests if one is not None]
    if not all(isinstance(one, str) and _MD5.fullmatch(one) for one in given):
        return "an md5sum is not an MD5 digest"
    if given and len(given) < len(digests):
        return "some tars have an md5sum, and others have none"
    wanted = {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": f"{deal_id}-{part}",
        "shardlist": [
            {
                "url": layout.tar_path(shard.name),
                "nsamples": shard.samples,
                **({} if md5 is None else {"md5sum": md5}),
                "filesize": shard.bytes,
            }
            for shard, md5 in zip(shards, digests, strict=False)
        ],
    }
    if len(digests) != len(shards) or json_bytes(wanted) != data:
        return "it is not the index of these shards"
    return ""
