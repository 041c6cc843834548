"""A unit of enrichment: fetch a bucket's cleared media, and compute what is not known of it yet.

The order, marked below: 1. skip what is committed; 2. gather the media: fetch, prepare, read and
resolve what they say of rights; 3. embed and caption what is new and may be; 4. add to the feature
store; 5. refuse what cannot give its profile what it needs, and leave the unit's table, its
refusals and dead letters, and what was said; 6. commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, lru_cache

import pyarrow as pa

from pipelines.features.compute import (
    Vision,
    caption_rows,
    embedding_rows,
    facts_row,
    score_key,
    score_rows,
)
from pipelines.features.digest_cache import load_seen
from pipelines.features.gather import Gathered, Known, gather, recall
from pipelines.features.signals_table import signals_table
from pipelines.features.store import FACTS_SCHEMA, SHOT, SHOT_CAPTION, FeatureStore, Row
from pipelines.profiles import profile_for
from pipelines.profiles.captions import OWN_CAPTIONS
from pipelines.rights.lines import one_line
from pipelines.rights.resolve import overrides_line
from pipelines.rights.standing import STANDING_FIELDS
from pipelines.run.counts import Counts
from pipelines.run.decisions import Decision, refused, write_decisions
from pipelines.run.job import Job
from pipelines.run.receipts import UnitReceipt
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import Block, json_bytes, read_block, read_json, write_table
from schemas import layout
from schemas.catalogue import ASSETS_SCHEMA
from schemas.layout import unit_name
from schemas.reasons import Reason
from schemas.sample import CaptionSource
from schemas.signal import ClaimKind

# Assets in hand at once; also what fixes which pictures share a batch of the model's.
_CHUNK = 64
_FETCH_THREADS = 2


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
    known = Known(
        features.facts.load(low, high),
        features.embeddings.load_late(low, high),
        features.captions.load(low, high, ("caption", "clip_score", "shots")),
        features.scores.load(low, high),
        features.readings.load(low, high),
        load_seen(features.seen, low, high),
    )
    now_s = cache(store.clock)  # asked for once, before the first file is read
    gathered: list[Gathered] = []
    for start in range(0, len(rows), _CHUNK):
        chunk = _gather_chunk(rows[start : start + _CHUNK], job, known, now_s)  # 2
        _compute(chunk, known, vision)  # 3
        # Pixels are let go of here: a unit's memory is that of one chunk.
        gathered += [item.without_pixels() for item in chunk]
        report_progress(job.progress_path, "enrich", len(chunk))
    features.facts.save(low, high, known.new_facts)  # 4
    features.embeddings.save(low, high, known.new_embeddings)
    features.captions.save(low, high, known.new_captions)
    features.scores.save(low, high, known.new_scores)
    features.readings.save(low, high, known.new_readings)
    features.seen.save(low, high, known.new_seen)  # last, since it lets the others be relied on
    return _commit(store, job, unit, commit, gathered, known)


def _read_rows(store: Store, blocks: Iterable[Block]) -> list[Row]:
    ordered = sorted(blocks, key=lambda block: (block.key, block.offset))
    table = pa.concat_tables([read_block(store, block) for block in ordered])
    return list(table.sort_by([("hash", "ascending")]).to_pylist())


def _gather_chunk(
    rows: Sequence[Row], job: Job, known: Known, now_s: Callable[[], float]
) -> list[Gathered]:
    recalled = [recall(row, job, known) for row in rows]
    rest = [row for row, item in zip(rows, recalled, strict=True) if item is None]
    read = _fetchers().map(lambda row: gather(row, job, known, now_s), rest)
    return [next(read) if item is None else item for item in recalled]


@lru_cache(maxsize=1)
def _fetchers() -> ThreadPoolExecutor:
    """The process's fetching threads; kept, because each has a guarded decoder of its own."""
    return ThreadPoolExecutor(_FETCH_THREADS, "fetch")


def _compute(chunk: Sequence[Gathered], known: Known, vision: Vision) -> None:
    for item in chunk:
        if item.own_reading is not None and item.digest not in known.readings:
            known.new_readings.append(item.own_reading)
            known.readings[item.digest] = item.own_reading
        if item.seen is not None and item.seen["state_key"] not in known.seen:
            known.new_seen.append(item.seen)
            known.seen[item.seen["state_key"]] = item.seen
    fresh = {item.digest: item.prepared for item in chunk if item.prepared is not None}
    facts = [facts_row(media) for digest, media in fresh.items() if digest not in known.facts]
    known.new_facts += facts
    known.facts.update((row["media_sha256"], row) for row in facts)
    # No model sees what was refused, nor what may not be embedded.
    open_to = {item.digest for item in chunk if item.decision is None and item.inference}
    media = [prepared for digest, prepared in fresh.items() if digest in open_to]
    unseen = [item for item in media if item.media_sha256 not in known.embeddings]
    embedded = embedding_rows(unseen, vision)
    known.new_embeddings += embedded
    known.embeddings.update((row["media_sha256"], row) for row in embedded)
    untold = [item for item in media if item.media_sha256 not in known.captions]
    captioned = caption_rows(untold, known.embeddings, vision)
    known.new_captions += captioned
    known.captions.update((row["media_sha256"], row) for row in captioned)
    unscored = {
        score_key(item.digest, text): (item.digest, text)
        for item in chunk
        if item.decision is None and item.inference
        for text in _own_texts(item.row).values()
    }
    scored = score_rows(
        [pair for key, pair in unscored.items() if key not in known.scores],
        known.embeddings,
        vision,
    )
    known.new_scores += scored
    known.scores.update((row["score_key"], row) for row in scored)


def _own_texts(row: Row) -> dict[str, str]:
    """What the contributor wrote of an asset, by column."""
    return {name: row[name] for name in OWN_CAPTIONS if row[name]}


# What binds whoever uses the file, by the sample's field.
_CONSTRAINTS = {
    "alteration": ClaimKind.ALTERATION,
    "file": ClaimKind.FILE_CONSTRAINT,
    "duplication": ClaimKind.DUPLICATION,
}
# Embeddings of shots stay in the feature store until a shard is written.
_UNIT_SHOT = pa.struct([*SHOT, *(f for f in SHOT_CAPTION if f.name != "embedding")])
UNIT_SCHEMA = pa.schema(
    [
        *(f for f in ASSETS_SCHEMA if f.name not in ("sha256", "bytes", "width", "height")),
        *STANDING_FIELDS,
        pa.field("hash", pa.uint64(), nullable=False),
        *(
            pa.field("film_ms" if f.name == "duration_ms" else f.name, f.type, f.nullable)
            for f in FACTS_SCHEMA
            if f.name != "shots"
        ),
        pa.field("shots", pa.list_(_UNIT_SHOT), nullable=False),
        pa.field("caption", pa.string(), nullable=False),
        pa.field("caption_source", pa.string(), nullable=False),
        pa.field("clip_score", pa.float32(), nullable=False),
        *(pa.field(f"{name}_score", pa.float32(), nullable=False) for name in OWN_CAPTIONS),
        *(pa.field(f"{kind}_constraints", pa.string(), nullable=False) for kind in _CONSTRAINTS),
        pa.field("overrides", pa.string(), nullable=False),
    ]
)


def _commit(
    store: Store, job: Job, unit: int, commit: str, gathered: Sequence[Gathered], known: Known
) -> UnitReceipt:
    decisions: list[Decision] = []
    rows: list[Row] = []
    for item in gathered:
        row = _unit_row(item, known) if item.decision is None else item.row
        decision = item.decision or _profile_refusal(row, job.deal.profile)
        if decision is None:
            rows.append(row)
        else:
            decisions.append(decision)
    counts = Counts(entered=len(gathered), passed=len(gathered) - len(decisions))
    for decision in decisions:
        counts.note(decision)
    name = unit_name(unit)
    write_decisions(store, f"{job.work}/agency", f"enrich-{name}", decisions)  # 5
    said = signals_table(gathered, job.as_of.isoformat())
    if len(said):
        write_table(store, f"{job.work}/agency/signals/enrich-{name}.parquet", said)
    table = pa.Table.from_pylist(rows, schema=UNIT_SCHEMA)
    write_table(store, f"{job.work}/units/{name}.parquet", table)
    record = {
        "counts": counts.to_json(),
        "decoded": len(known.new_facts),
        "embedded": len(known.new_embeddings),
        "captioned": len(known.new_captions),
    }
    store.write_bytes(commit, json_bytes(record))  # 6
    return _receipt(unit, record)


def _unit_row(item: Gathered, known: Known) -> Row:
    facts = dict(known.facts[item.digest])
    facts["film_ms"] = facts.pop("duration_ms")
    shots = facts.pop("shots")
    told = known.captions[item.digest]["shots"] if item.inference else []
    untold = {"caption": "", "clip_score": 0.0}
    facts["shots"] = [
        {**shot, **({name: told[at][name] for name in untold} if at < len(told) else untold)}
        for at, shot in enumerate(shots)
    ]
    return {**item.row, **facts, **_caption(item, known), **_resolved(item)}


def _profile_refusal(row: Row, name: str) -> Decision | None:
    profile = profile_for(name, row["media_type"])
    if profile is None:
        raise AssertionError("a deal takes no media that its profile does not")
    lack = profile.need(row)
    if lack is None:
        return None
    detail = one_line(f"{profile.name}: {lack.detail}")
    return refused(row["asset_id"], (Reason(lack.reason),), detail)


def _caption(item: Gathered, known: Known) -> Row:
    own = _own_texts(item.row)
    scores = {f"{name}_score": 0.0 for name in OWN_CAPTIONS}
    if item.inference:
        told = known.captions[item.digest]
        for name, text in own.items():
            scores[f"{name}_score"] = known.scores[score_key(item.digest, text)]["clip_score"]
        return {
            "caption": told["caption"],
            "caption_source": CaptionSource.MODEL,
            "clip_score": told["clip_score"],
            **scores,
        }
    # What the contributor wrote needs no model.
    source, text = next(iter(own.items()), (CaptionSource.NONE, ""))
    return {"caption": text, "caption_source": source, "clip_score": 0.0, **scores}


def _resolved(item: Gathered) -> Row:
    resolution = item.resolution
    if resolution is None:
        raise AssertionError("an asset that goes on was resolved")
    constraints = {
        f"{name}_constraints": "; ".join(resolution.constraints[kind])
        for name, kind in _CONSTRAINTS.items()
    }
    return {
        **constraints,
        "inference": resolution.inference,
        "digital_source_type": resolution.source_type or None,
        "overrides": overrides_line(resolution.overrides),
    }


def _receipt(unit: int, record: Row) -> UnitReceipt:
    counts = Counts.from_json(record["counts"])
    return UnitReceipt(unit, counts, record["decoded"], record["embedded"], record["captioned"])
