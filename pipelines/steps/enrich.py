"""Enriches one unit: fetches its cleared media and computes the features not yet stored.

The numbers mark these stages in the code: 1. skip a committed unit; 2. fetch and prepare the media,
read what the files state about rights and resolve it; 3. embed and caption new media where that is
allowed; 4. read the files of refused assets, by which selection recognises copies; 5. add to the
feature store; 6. refuse assets that lack what their profile needs, and write the unit's table, its
refusals and failed assets, and the rights statements; 7. commit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from functools import cache, lru_cache, partial
from typing import Any, cast

import pyarrow as pa

from pipelines.features.assets import FetchedAsset, UnitFeatures, fetch_asset, recall_asset
from pipelines.features.captions import (
    flagged_texts,
    scored_texts,
    unit_captions,
    unit_tags,
    without_flagged,
)
from pipelines.features.compute import (
    VisionModels,
    describe_media,
    facts_row,
    measures_row,
    score_key,
    score_rows,
)
from pipelines.features.digest_cache import load_digest_cache
from pipelines.features.face_conflict import with_face_conflict
from pipelines.features.inspect import InspectionStore, inspect_media, score_by_prompts
from pipelines.features.refused import place_of
from pipelines.features.signals_table import media_table, signals_table
from pipelines.features.store import FeatureStore
from pipelines.features.tags import Tagger
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.profiles import profile_for
from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import describe_overrides
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import (
    Decision,
    failed_asset,
    refused_asset,
    write_decisions,
    write_part,
)
from pipelines.run.job import Job
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.receipts import UnitReceipt
from pipelines.steps.personal import count_read, kinds_in_texts, without_personal_texts
from pipelines.steps.refused import (
    files_refused_here,
    is_refused_block,
    read_refused_files,
    write_refused_files,
)
from pipelines.steps.second_reading import (
    Doubts,
    objection_to,
    read_doubts,
    write_statements,
)
from pipelines.steps.units import write_unit
from pipelines.storage.columns import rows_of
from pipelines.storage.progress import report_progress
from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock, json_bytes, read_block, read_json
from pipelines.vision.caption_text import CaptionFailure
from schemas import layout
from schemas.features import ScoredCaption, ScoredText, ShotCaption, ShotFrames
from schemas.layout import unit_name
from schemas.measures import ModelMeasures
from schemas.reasons import Reason
from schemas.refused import owners_text
from schemas.signal import AssertionKind, PersonalKind, personal_kinds_of
from schemas.unit import (
    CONSTRAINTS,
    UNIT_SCHEMA,
    ClearedRow,
    UnitRow,
    UnitShot,
)

# Assets processed at once; this also determines which pictures share a model batch.
_CHUNK_ASSETS = 64
_FETCH_THREADS = 2
# The assets of a chunk, some of which are still being fetched.
_Fetching = list[FetchedAsset | Future[FetchedAsset]]
# The kinds of constraint on the use of a file, by the sample field that carries them.
_CONSTRAINT_KINDS = {
    "alteration": AssertionKind.ALTERATION,
    "file": AssertionKind.FILE_CONSTRAINT,
    "duplication": AssertionKind.DUPLICATION,
}


def enrich_unit(
    store: Store,
    features: FeatureStore,
    vision: VisionModels,
    tagger: Tagger,
    origin_files: OriginFileCache,
    job: Job,
    unit: int,
    blocks: Iterable[RowBlock],
) -> UnitReceipt:
    """Enriches one unit and returns its receipt; a committed unit is not processed again.

    Args:
        store: The output store.
        features: Features computed earlier.
        vision: The models.
        tagger: Tags media by the run's vocabulary.
        origin_files: This run's cache of the files that servers publish beside their media.
        job: The run.
        unit: The unit's number.
        blocks: Locations of its rows.
    """
    name = unit_name(unit)
    commit = f"{job.work}/units/{name}.json"
    if store.exists(commit):  # 1
        return _receipt(unit, read_json(store, commit))
    blocks = list(blocks)
    rows = _read_rows(store, [block for block in blocks if not is_refused_block(block)])
    in_texts = {row["asset_id"]: kinds_in_texts(row) for row in rows}
    if job.deal.rights.strips_metadata:
        rows = [without_personal_texts(row) if in_texts[row["asset_id"]] else row for row in rows]
    low, high = layout.unit_range(unit, job.unit_bits)
    inspected = InspectionStore(store, job.inspectors)
    unit_features = UnitFeatures(
        features.facts.load(low, high),
        features.embeddings.load_lazily(low, high),
        features.captions.load_columns(low, high, ScoredCaption),
        features.scores.load_columns(low, high, ScoredText),
        features.readings.load(low, high),
        load_digest_cache(features.digest_cache, low, high),
        features.renditions.load(low, high) if job.deal.makes_other_files else {},
        features.tags.load(low, high),
        measures=features.measures.load(low, high),
        inspection=inspected.load(low, high),
    )
    doubts = read_doubts(store, job.work)
    now_s = cache(store.now_s)  # the store is asked once, before the first file is read
    fetched_assets: list[FetchedAsset] = []
    chunks = [rows[start : start + _CHUNK_ASSETS] for start in range(0, len(rows), _CHUNK_ASSETS)]
    fetch = partial(  # 2
        _fetch_chunk,
        job=job,
        unit_features=unit_features,
        origin_files=origin_files,
        doubts=doubts,
        now_s=now_s,
    )
    for chunk in _one_ahead(map(fetch, chunks)):
        failures = _compute_features(chunk, unit_features, vision, tagger, job)  # 3
        # Dropping the pixels here keeps a unit's memory to that of two chunks.
        fetched_assets += [
            with_face_conflict(
                _captioned(item.without_pixels(), failures), unit_features, job.deal.rights
            )
            for item in chunk
        ]
        report_progress(job.progress_path, "enrich", len(chunk))
    refused = read_refused_files(  # 4
        store,
        [block for block in blocks if is_refused_block(block)],
        job,
        unit_features,
        now_s,
        _fetchers(),
    )
    features.facts.save(low, high, [*unit_features.new_facts, *refused.facts])  # 5
    features.embeddings.save(low, high, unit_features.new_embeddings)
    features.captions.save(low, high, unit_features.new_captions)
    features.scores.save(low, high, unit_features.new_scores)
    features.tags.save(low, high, unit_features.new_tags)
    features.readings.save(low, high, unit_features.new_readings)
    features.renditions.save(low, high, unit_features.new_renditions)
    features.measures.save(low, high, unit_features.new_measures)
    inspected.save(low, high, unit_features.inspection)
    features.digest_cache.save(
        low, high, [*unit_features.new_digest_cache, *refused.cache_rows]
    )  # last, since its rows assert that the other tables are complete
    refused.files.extend(files_refused_here(fetched_assets, job, unit_features))
    write_refused_files(store, job, unit, refused.files)
    return _commit(store, job, unit, commit, fetched_assets, unit_features, in_texts)


def _read_rows(store: Store, blocks: Iterable[RowBlock]) -> list[ClearedRow]:
    ordered = sorted(blocks, key=lambda block: (block.key, block.offset))
    if not ordered:
        return []
    table = pa.concat_tables([read_block(store, block) for block in ordered])
    return rows_of(table.sort_by([("hash", "ascending")]), ClearedRow)


def _one_ahead(started: Iterator[_Fetching]) -> Iterator[list[FetchedAsset]]:
    """Waits for each chunk when the next one has been started, which is fetched meanwhile."""
    current = next(started, None)
    while current is not None:
        following = next(started, None)
        yield [item.result() if isinstance(item, Future) else item for item in current]
        current = following


def _fetch_chunk(
    rows: Sequence[ClearedRow],
    job: Job,
    unit_features: UnitFeatures,
    origin_files: OriginFileCache,
    doubts: Doubts,
    now_s: Callable[[], float],
) -> _Fetching:
    """Starts to fetch assets; those that can be recalled are not fetched."""
    recalled = [recall_asset(row, job, unit_features) for row in rows]
    return [
        _fetchers().submit(_fetch_undoubted, row, job, unit_features, origin_files, doubts, now_s)
        if item is None
        else item
        for row, item in zip(rows, recalled, strict=True)
    ]


def _fetch_undoubted(
    row: ClearedRow,
    job: Job,
    unit_features: UnitFeatures,
    origin_files: OriginFileCache,
    doubts: Doubts,
    now_s: Callable[[], float],
) -> FetchedAsset:
    """Fetches an asset unless this run found that its server cannot be relied on."""
    objection = objection_to(row, job, doubts)
    if objection:
        detail = f"{one_line(row['media_uri'])}: {one_line(objection)}"
        decision = failed_asset(row["asset_id"], Reason.MEDIA_CHANGED, detail)
        return FetchedAsset(row, decision=decision)
    later = doubts.later_statements(row["asset_id"])
    return fetch_asset(row, job, unit_features, origin_files, now_s, later)


@lru_cache(maxsize=1)
def _fetchers() -> ThreadPoolExecutor:
    """Returns the process's fetch threads; kept because each owns a guarded decoder process."""
    return ThreadPoolExecutor(_FETCH_THREADS, "fetch")


def _compute_features(
    chunk: Sequence[FetchedAsset],
    unit_features: UnitFeatures,
    vision: VisionModels,
    tagger: Tagger,
    job: Job,
) -> dict[str, CaptionFailure]:
    """Computes what is new of a chunk; returns why media could not be captioned, by digest."""
    for item in chunk:
        if item.file_reading is not None and item.digest not in unit_features.readings:
            unit_features.new_readings.append(item.file_reading)
            unit_features.readings[item.digest] = item.file_reading
        if item.rendition is not None and item.digest not in unit_features.renditions:
            unit_features.new_renditions.append(item.rendition)
            unit_features.renditions[item.digest] = item.rendition
        if (
            item.cache_row is not None
            and item.cache_row["state_key"] not in unit_features.digest_cache
        ):
            unit_features.new_digest_cache.append(item.cache_row)
            unit_features.digest_cache[item.cache_row["state_key"]] = item.cache_row
    new_media = {item.digest: item.prepared for item in chunk if item.prepared is not None}
    facts = [
        facts_row(media) for digest, media in new_media.items() if digest not in unit_features.facts
    ]
    unit_features.new_facts += facts
    unit_features.facts.update((row["media_sha256"], row) for row in facts)
    measures = [
        measures_row(media)
        for digest, media in new_media.items()
        if digest not in unit_features.measures
    ]
    unit_features.new_measures += measures
    unit_features.measures.update((row["media_sha256"], row) for row in measures)
    # Models must not see refused assets, nor those for which inference is not allowed.
    allowed = {item.digest for item in chunk if item.decision is None and item.inference}
    media = [prepared for digest, prepared in new_media.items() if digest in allowed]
    unembedded = [item for item in media if item.media_sha256 not in unit_features.embeddings]
    uncaptioned = [item for item in media if item.media_sha256 not in unit_features.captions]
    known = {
        item.media_sha256: unit_features.embeddings[item.media_sha256]
        for item in uncaptioned
        if item.media_sha256 in unit_features.embeddings
    }
    embedded, captioned, failures = describe_media(unembedded, uncaptioned, known, vision)
    unit_features.new_embeddings += embedded
    unit_features.embeddings.update((row["media_sha256"], row) for row in embedded)
    unit_features.new_captions += captioned
    unit_features.captions.update((row["media_sha256"], row) for row in captioned)
    inspection = unit_features.inspection
    inspect_media(inspection, media, job.limits, _fetchers())
    score_by_prompts(inspection, sorted(allowed), unit_features.embeddings, vision)
    seen = [item for item in chunk if item.decision is None and item.inference]
    untagged = dict.fromkeys(item.digest for item in seen if item.digest not in unit_features.tags)
    tagged = tagger.tag(list(untagged), unit_features.embeddings)
    unit_features.new_tags += tagged
    unit_features.tags.update((row["media_sha256"], row) for row in tagged)
    unscored = {
        score_key(item.digest, text): (item.digest, text)
        for item in seen
        for text in scored_texts(item, unit_features)
    }
    scored = score_rows(
        [pair for key, pair in unscored.items() if key not in unit_features.scores],
        unit_features.embeddings,
        vision,
    )
    unit_features.new_scores += scored
    unit_features.scores.update((row["score_key"], row) for row in scored)
    return failures


def _captioned(item: FetchedAsset, failures: Mapping[str, CaptionFailure]) -> FetchedAsset:
    """Returns an asset, failed if models may see it and the captioner did not answer."""
    if item.decision is not None or not item.inference or item.digest not in failures:
        return item
    detail = f"{one_line(item.row['media_uri'])}: {one_line(failures[item.digest].detail)}"
    decision = failed_asset(item.row["asset_id"], Reason.MEDIA_NOT_CAPTIONED, detail)
    return replace(item, decision=decision)


def _commit(
    store: Store,
    job: Job,
    unit: int,
    commit: str,
    fetched_assets: Sequence[FetchedAsset],
    unit_features: UnitFeatures,
    in_texts: Mapping[str, set[PersonalKind]],
) -> UnitReceipt:
    decisions: list[Decision] = []
    rows: list[UnitRow] = []
    for item in fetched_assets:
        decision = item.decision
        if decision is None:
            row = _unit_row(item, job, unit_features)
            decision = _flag_refusal(item, row, job)
            row = without_flagged(item, row, job.deal.flagged_captions)
            decision = decision or _profile_refusal(row, job.deal.profile)
        if decision is None:
            rows.append(row)
        else:
            decisions.append(decision)
    counts = StepCounts(entered=len(fetched_assets), passed=len(fetched_assets) - len(decisions))
    for decision in decisions:
        counts.add_decision(decision)
    name = unit_name(unit)
    write_decisions(store, f"{job.work}/agency", f"enrich-{name}", decisions)  # 6
    signals = signals_table(fetched_assets, job.as_of.isoformat())
    write_part(store, f"{job.work}/agency/signals/enrich-{name}.parquet", signals)
    media = media_table(fetched_assets)
    write_part(store, f"{job.work}/agency/{layout.MEDIA}/enrich-{name}.parquet", media)
    write_unit(store, job, unit, pa.Table.from_pylist(rows, schema=UNIT_SCHEMA))
    stated = {item.row["asset_id"]: item.server_reading for item in fetched_assets}
    write_statements(store, job, unit, stated)
    record = {
        "counts": counts.to_json(),
        "decoded": len(unit_features.new_facts),
        "embedded": len(unit_features.new_embeddings),
        "captioned": len(unit_features.new_captions),
        "personal": count_read(fetched_assets, in_texts).to_json(),
    }
    store.write_bytes(commit, json_bytes(record))  # 7
    return _receipt(unit, record)


def _unit_row(item: FetchedAsset, job: Job, unit_features: UnitFeatures) -> UnitRow:
    facts: dict[str, object] = {**unit_features.facts[item.digest]}
    facts["film_ms"] = facts.pop("duration_ms")
    captions = unit_features.captions[item.digest]["shots"] if item.inference else []
    facts["shots"] = [
        _unit_shot(shot, captions[at] if at < len(captions) else None)
        for at, shot in enumerate(unit_features.facts[item.digest]["shots"])
    ]
    columns: dict[str, object] = {
        **item.row,
        **facts,
        **unit_features.measures[item.digest],
        **_model_measures(item, unit_features),
        "seen": item.inference,
        "captions": unit_captions(item, unit_features, job.models),
        "tags": unit_tags(item, unit_features),
        **_resolution_columns(item),
        "place": place_of(item.row["media_uri"], job),
        "owners": owners_text(item.row["contributors"]),
        "original_sha256": item.digest,
        "rendition": "",
        "personal_kinds": sorted(personal_kinds_of(item.reading)),
    }
    if item.rendition is not None:
        columns["media_sha256"] = item.rendition["delivered_sha256"]
        for name in ("bytes", "format", "width", "height", "rendition"):
            columns[name] = item.rendition[name]
    if job.deal.rights.strips_metadata:
        columns["personal_kinds"] = []
    return cast("UnitRow", columns)


def _model_measures(item: FetchedAsset, unit_features: UnitFeatures) -> ModelMeasures:
    """Returns what models measured of a medium, if they may see this asset."""
    found = unit_features.inspection.measures(item.digest if item.inference else "")
    return found


def _unit_shot(shot: ShotFrames, said: ShotCaption | None) -> UnitShot:
    if said is None:
        return {**shot, "caption": "", "clip_score": 0.0}
    return {**shot, "caption": said["caption"], "clip_score": said["clip_score"]}


def _flag_refusal(item: FetchedAsset, row: UnitRow, job: Job) -> Decision | None:
    if job.deal.flagged_captions != "refuse":
        return None
    named = flagged_texts(item, row)
    if not named:
        return None
    return refused_asset(row["asset_id"], (Reason.CAPTION_FLAGGED,), "; ".join(named))


def _profile_refusal(row: UnitRow, name: str) -> Decision | None:
    profile = profile_for(name, row["media_type"])
    if profile is None:
        raise AssertionError("a deal takes no media that its profile does not")
    unmet = profile.find_unmet(row)
    if unmet is None:
        return None
    detail = one_line(f"{profile.name}: {unmet.detail}")
    return refused_asset(row["asset_id"], (Reason(unmet.reason),), detail)


def _resolution_columns(item: FetchedAsset) -> dict[str, object]:
    resolution = item.resolution
    if resolution is None:
        raise AssertionError("an asset that goes on was resolved")
    constraints = {
        f"{name}_constraints": "; ".join(resolution.constraints[_CONSTRAINT_KINDS[name]])
        for name in CONSTRAINTS
    }
    return {
        **constraints,
        "inference": resolution.inference,
        "digital_source_type": resolution.source_type or None,
        "overrides": describe_overrides(resolution.overrides),
    }


def _receipt(unit: int, record: dict[str, Any]) -> UnitReceipt:
    counts = StepCounts.from_json(record["counts"])
    personal = PersonalCounts.from_json(record["personal"])
    computed = (record["decoded"], record["embedded"], record["captioned"])
    return UnitReceipt(unit, counts, *computed, personal)
