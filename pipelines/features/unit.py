"""A unit of enrichment: fetch a bucket's cleared media, and compute what is not known of it yet.

The order, marked below: 1. skip what is committed; 2. fetch and digest; 3. prepare what is new
(probe, decode, hash); 4. embed and caption what is new; 5. add to the feature store; 6. leave the
unit's table and dead letters; 7. commit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import lru_cache

import pyarrow as pa

from pipelines import layout
from pipelines.config import Job
from pipelines.decisions import Counts, Decision, dead_letter, write_decisions
from pipelines.delivery.stores import Store
from pipelines.features.compute import Vision, caption_rows, embedding_rows, facts_row
from pipelines.features.store import FACTS_SCHEMA, FeatureStore, Row
from pipelines.media.fetch import fetch
from pipelines.media.locate import resolve_media_uri
from pipelines.media.prepare import Prepared, check_bytes, prepare_media
from pipelines.progress import report_progress
from pipelines.rights.detail import one_line
from pipelines.work import Block, json_bytes, read_block, read_json, write_table
from schemas.catalogue import ASSETS_SCHEMA
from schemas.decision import Reason
from schemas.errors import BadRecord

# Assets in hand at once; also what fixes which pictures share a batch of the model's.
_CHUNK = 64
_FETCH_THREADS = 2


@dataclass(frozen=True)
class UnitReceipt:
    """One unit that was enriched.

    Attributes:
        unit: Its number.
        counts: Assets that entered, passed and are dead letters.
        decoded: Media that had to be decoded; `embedded`, `captioned`: computed anew.
    """

    unit: int
    counts: Counts
    decoded: int
    embedded: int
    captioned: int


@dataclass
class _Known:
    """Features of the unit's media: what the store had, and what was added."""

    facts: dict[str, Row]
    embeddings: dict[str, Row]
    captions: dict[str, Row]
    new_facts: list[Row] = field(default_factory=list)
    new_embeddings: list[Row] = field(default_factory=list)
    new_captions: list[Row] = field(default_factory=list)

    def complete(self, digest: str) -> bool:
        return digest in self.facts and digest in self.embeddings and digest in self.captions


@dataclass(frozen=True)
class _Fetched:
    """One asset's media: either prepared, or known before, or a dead letter."""

    row: Row
    digest: str = ""
    prepared: Prepared | None = None
    dead: Decision | None = None


def enrich_unit(
    store: Store,
    features: FeatureStore,
    vision: Vision,
    job: Job,
    unit: int,
    blocks: Iterable[Block],
) -> UnitReceipt:
    """Enriches one unit and returns its receipt; a unit that is committed is not done again."""
    name = unit_name(unit)
    commit = f"{job.work}/units/{name}.json"
    if store.exists(commit):  # 1
        return _receipt(unit, read_json(store, commit))
    rows = _read_rows(store, blocks)
    low, high = layout.unit_range(unit, job.unit_bits)
    known = _Known(
        features.facts.load(low, high),
        features.embeddings.load(low, high),
        features.captions.load(low, high),
    )
    fetched: list[_Fetched] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = _fetch_chunk(rows[start : start + _CHUNK], job, known)  # 2, 3
        _compute(chunk, known, vision)  # 4
        # Pixels are let go of here: a unit's memory is that of one chunk.
        fetched += [_Fetched(item.row, item.digest, None, item.dead) for item in chunk]
        report_progress(job.progress_path, "enrich", len(chunk))
    features.facts.save(low, high, known.new_facts)  # 5
    features.embeddings.save(low, high, known.new_embeddings)
    features.captions.save(low, high, known.new_captions)
    return _commit(store, job, unit, commit, fetched, known)


def unit_name(unit: int) -> str:
    """How a unit's files are named."""
    return f"{unit:05d}"


def _read_rows(store: Store, blocks: Iterable[Block]) -> list[Row]:
    ordered = sorted(blocks, key=lambda block: (block.key, block.offset))
    table = pa.concat_tables([read_block(store, block) for block in ordered])
    return list(table.sort_by([("hash", "ascending")]).to_pylist())


def _fetch_chunk(rows: Sequence[Row], job: Job, known: _Known) -> list[_Fetched]:
    return list(_fetchers().map(lambda row: _fetch_one(row, job, known), rows))


@lru_cache(maxsize=1)
def _fetchers() -> ThreadPoolExecutor:
    """The process's fetching threads; kept, because each has a guarded decoder of its own."""
    return ThreadPoolExecutor(_FETCH_THREADS, "fetch")


def _fetch_one(row: Row, job: Job, known: _Known) -> _Fetched:
    try:
        location = resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy)
        data = fetch(location, job.limits.max_bytes)
        claims = (row["media_uri"], row["media_type"], row["sha256"], job.limits)
        digest, _ = check_bytes(data, *claims)
        if known.complete(digest):
            return _seen_before(row, digest, known, job)
        prepared = prepare_media(data, *claims)
    except BadRecord as error:
        detail = f"{one_line(row['media_uri'])}: {one_line(error.detail)}"
        return _Fetched(row, dead=dead_letter(row["asset_id"], error.reason, detail))
    return _Fetched(row, digest, prepared)


def _seen_before(row: Row, digest: str, known: _Known, job: Job) -> _Fetched:
    """Media whose features are known; another deal may have allowed more pixels than this one."""
    facts = known.facts[digest]
    pixels = facts["stored_width"] * facts["stored_height"]
    if pixels > job.limits.max_pixels:
        detail = f"{pixels} pixels; the limit is {job.limits.max_pixels}"
        raise BadRecord(Reason.MEDIA_TOO_LARGE, detail)
    return _Fetched(row, digest)


def _compute(chunk: Sequence[_Fetched], known: _Known, vision: Vision) -> None:
    fresh = {item.digest: item.prepared for item in chunk if item.prepared is not None}
    media = [prepared for prepared in fresh.values() if prepared is not None]
    facts = [facts_row(item) for item in media if item.media_sha256 not in known.facts]
    known.new_facts += facts
    known.facts.update((row["media_sha256"], row) for row in facts)
    unseen = [item for item in media if item.media_sha256 not in known.embeddings]
    embedded = embedding_rows(unseen, vision)
    known.new_embeddings += embedded
    known.embeddings.update((row["media_sha256"], row) for row in embedded)
    untold = [item for item in media if item.media_sha256 not in known.captions]
    captioned = caption_rows(untold, known.embeddings, vision)
    known.new_captions += captioned
    known.captions.update((row["media_sha256"], row) for row in captioned)


UNIT_SCHEMA = pa.schema(
    [
        *(f for f in ASSETS_SCHEMA if f.name not in ("sha256", "bytes", "width", "height")),
        pa.field("hash", pa.uint64(), nullable=False),
        *(
            pa.field("film_ms" if f.name == "duration_ms" else f.name, f.type, f.nullable)
            for f in FACTS_SCHEMA
        ),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("clip_score", pa.float32(), nullable=False),
    ]
)


def _commit(
    store: Store, job: Job, unit: int, commit: str, fetched: Sequence[_Fetched], known: _Known
) -> UnitReceipt:
    dead = [item.dead for item in fetched if item.dead is not None]
    counts = Counts(entered=len(fetched), passed=len(fetched) - len(dead))
    for decision in dead:
        counts.note(decision)
    name = unit_name(unit)
    write_decisions(store, f"{job.work}/agency", f"enrich-{name}", dead)  # 6
    rows = [_unit_row(item, known) for item in fetched if item.dead is None]
    table = pa.Table.from_pylist(rows, schema=UNIT_SCHEMA)
    write_table(store, f"{job.work}/units/{name}.parquet", table)
    record = {
        "counts": counts.to_json(),
        "decoded": len(known.new_facts),
        "embedded": len(known.new_embeddings),
        "captioned": len(known.new_captions),
    }
    store.write_bytes(commit, json_bytes(record))  # 7
    return _receipt(unit, record)


def _unit_row(item: _Fetched, known: _Known) -> Row:
    facts, told = dict(known.facts[item.digest]), known.captions[item.digest]
    facts["film_ms"] = facts.pop("duration_ms")
    captions = {"caption": told["caption"], "clip_score": told["clip_score"]}
    return {**item.row, **facts, **captions}


def _receipt(unit: int, record: Row) -> UnitReceipt:
    counts = Counts.from_json(record["counts"])
    return UnitReceipt(unit, counts, record["decoded"], record["embedded"], record["captioned"])
