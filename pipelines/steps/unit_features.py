"""Loads a unit's stored features, computes those that are new, and stores them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, MutableMapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any, TypedDict, TypeVar

from pipelines.features.captions import scored_texts
from pipelines.features.compute import describe_media, score_key, score_rows
from pipelines.features.digest_cache import load_digest_cache
from pipelines.features.fact_rows import facts_row, measures_row
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.inspect import InspectionStore, inspect_media, score_by_prompts
from pipelines.features.kept_frames import pictures_table
from pipelines.features.prepare import PreparedMedia
from pipelines.features.store import FeatureStore
from pipelines.features.tags import Tagger
from pipelines.features.unit_features import UnitFeatures
from pipelines.features.vision_models import VisionModels
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import failed_asset
from pipelines.run.job import Job
from pipelines.steps.refused import RefusedFiles
from pipelines.storage.parallel import do_in_parallel, in_parallel
from pipelines.vision.caption_text import CaptionFailure
from schemas.features import ScoredCaption, ScoredText
from schemas.reasons import Reason

_Row = TypeVar("_Row")


class _OfMedia(TypedDict):
    media_sha256: str


def load_features(
    features: FeatureStore, inspected: InspectionStore, job: Job, low: int, high: int
) -> UnitFeatures:
    """Returns the stored features of a unit.

    Args:
        features: The feature store.
        inspected: What models found in media earlier.
        job: The run.
        low: The first hash of the unit's range.
        high: The last one.
    """
    reads: list[Callable[[], Any]] = [
        lambda: features.facts.load(low, high),
        lambda: features.embeddings.load_lazily(low, high),
        lambda: features.captions.load_columns(low, high, ScoredCaption),
        lambda: features.scores.load_columns(low, high, ScoredText),
        lambda: features.readings.load(low, high),
        lambda: load_digest_cache(features.digest_cache, low, high),
        lambda: features.renditions.load(low, high) if job.deal.makes_other_files else {},
        lambda: features.tags.load(low, high),
        lambda: features.measures.load(low, high),
        lambda: inspected.load(low, high),
    ]
    read = list(in_parallel(inspected.store, lambda one: one(), reads))
    facts, embeddings, captions, scores, readings, digest_cache, renditions, tags, *more = read
    measures, inspection = more
    return UnitFeatures(
        facts,
        embeddings,
        captions,
        scores,
        readings,
        digest_cache,
        renditions,
        tags,
        measures=measures,
        inspection=inspection,
        pictures=pictures_table(features.facts.store),
    )


def save_features(
    features: FeatureStore,
    inspected: InspectionStore,
    unit_features: UnitFeatures,
    refused: RefusedFiles,
    low: int,
    high: int,
) -> None:
    """Adds to the feature store what is new; see `load_features`."""
    new = unit_features
    do_in_parallel(
        inspected.store,
        [
            lambda: features.facts.save(low, high, [*new.new_facts, *refused.facts]),
            lambda: features.embeddings.save(low, high, new.new_embeddings),
            lambda: features.captions.save(low, high, new.new_captions),
            lambda: features.scores.save(low, high, new.new_scores),
            lambda: features.tags.save(low, high, new.new_tags),
            lambda: features.readings.save(low, high, new.new_readings),
            lambda: features.renditions.save(low, high, new.new_renditions),
            lambda: features.measures.save(low, high, new.new_measures),
            lambda: inspected.save(low, high, new.inspection),
        ],
    )
    features.digest_cache.save(
        low, high, [*unit_features.new_digest_cache, *refused.cache_rows]
    )  # last, since its rows assert that the other tables are complete


def compute_features(
    chunk: Sequence[FetchedAsset],
    unit_features: UnitFeatures,
    vision: VisionModels,
    tagger: Tagger,
    job: Job,
    threads: ThreadPoolExecutor,
) -> dict[str, CaptionFailure]:
    """Computes what is new of a chunk; returns why media could not be captioned, by digest.

    Args:
        chunk: Assets with their pixels.
        unit_features: Their unit's features, to which those that are new are added.
        vision: The models.
        tagger: Tags media by the run's vocabulary.
        job: The run.
        threads: Run the guarded detectors.
    """
    found = unit_features
    _keep_readings(chunk, found)
    new_media = {item.digest: item.prepared for item in chunk if item.prepared is not None}
    facts = [facts_row(media) for digest, media in new_media.items() if digest not in found.facts]
    _keep(facts, _media_digests(facts), found.new_facts, found.facts)
    measures = [
        measures_row(media) for digest, media in new_media.items() if digest not in found.measures
    ]
    _keep(measures, _media_digests(measures), found.new_measures, found.measures)
    # Models must not see refused assets, nor those for which inference is not allowed.
    seen = [item for item in chunk if item.decision is None and item.inference]
    allowed = {item.digest for item in seen}
    media = [prepared for digest, prepared in new_media.items() if digest in allowed]
    failures = _describe(media, found, vision)
    inspect_media(found.inspection, media, job.limits, threads)
    score_by_prompts(found.inspection, sorted(allowed), found.embeddings, vision)
    untagged = dict.fromkeys(item.digest for item in seen if item.digest not in found.tags)
    tagged = tagger.tag(list(untagged), found.embeddings)
    _keep(tagged, _media_digests(tagged), found.new_tags, found.tags)
    unscored = {
        score_key(item.digest, text): (item.digest, text)
        for item in seen
        for text in scored_texts(item, found)
    }
    scored = score_rows(
        [pair for key, pair in unscored.items() if key not in found.scores],
        found.embeddings,
        vision,
    )
    found.new_scores += scored
    found.scores.update((row["score_key"], row) for row in scored)
    return failures


def _keep_readings(chunk: Sequence[FetchedAsset], found: UnitFeatures) -> None:
    for item in chunk:
        if item.file_reading is not None and item.digest not in found.readings:
            _keep([item.file_reading], [item.digest], found.new_readings, found.readings)
        if item.rendition is not None and item.digest not in found.renditions:
            _keep([item.rendition], [item.digest], found.new_renditions, found.renditions)
        row = item.cache_row
        if row is not None and row["state_key"] not in found.digest_cache:
            _keep([row], [row["state_key"]], found.new_digest_cache, found.digest_cache)


def _describe(
    media: Sequence[PreparedMedia], found: UnitFeatures, vision: VisionModels
) -> dict[str, CaptionFailure]:
    """Embeds and captions media of which that is not stored."""
    unembedded = [item for item in media if item.media_sha256 not in found.embeddings]
    uncaptioned = [item for item in media if item.media_sha256 not in found.captions]
    known = {
        item.media_sha256: found.embeddings[item.media_sha256]
        for item in uncaptioned
        if item.media_sha256 in found.embeddings
    }
    embedded, texts, failures = describe_media(unembedded, uncaptioned, known, vision)
    _keep(embedded, _media_digests(embedded), found.new_embeddings, found.embeddings)
    found.new_captions += texts
    found.captions.update((row["media_sha256"], row) for row in texts)
    return failures


def _media_digests(rows: Sequence[_OfMedia]) -> list[str]:
    return [row["media_sha256"] for row in rows]


def _keep(
    rows: Sequence[_Row], keys: Sequence[str], new: list[_Row], stored: MutableMapping[str, _Row]
) -> None:
    """Adds rows to those that are stored at the end, and to those that can be looked up."""
    new += rows
    stored.update(zip(keys, rows, strict=True))


def captioned(item: FetchedAsset, failures: Mapping[str, CaptionFailure]) -> FetchedAsset:
    """Returns an asset, failed if models may see it and the captioner did not answer."""
    if item.decision is not None or not item.inference or item.digest not in failures:
        return item
    detail = f"{one_line(item.row['media_uri'])}: {one_line(failures[item.digest].detail)}"
    decision = failed_asset(item.row["asset_id"], Reason.MEDIA_NOT_CAPTIONED, detail)
    return replace(item, decision=decision)
