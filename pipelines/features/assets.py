"""One asset's media: fetched, digested, prepared if it is new, and read for what it says of rights.

`recall_asset` comes first: a local file that was read before and was not touched since is judged by
what is known of its bytes, without reading them. Where that is not enough, or anything is wrong,
`fetch_asset` reads it.

The order, marked below: 1. fetch and digest; 2. prepare (probe, decode, hash) what is not known;
3. read what the file says of rights, and its server; 4. resolve; 5. decode what is known already
only if a model is still to see it. Decoding comes before the signals
so that a damaged file is a dead letter, and no model sees a picture before they are resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from pipelines.catalogue.read import Catalogue
from pipelines.features.digest_cache import MIN_UNCHANGED_S, FileState, digest_cache_row, file_state
from pipelines.features.guard import this_guard
from pipelines.features.prepare import PreparedMedia, check_bytes, prepare_media
from pipelines.features.reading_json import reading_from_json, reading_to_json
from pipelines.fetch.fetch import FetchedFile, fetch_with_evidence
from pipelines.fetch.locate import SourcePolicy, resolve_media_uri
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.media.formats import Format, check_declared_type, parse_format
from pipelines.media.limits import MediaLimits
from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.run.decisions import Decision, failed_asset, refused_asset
from pipelines.signals.catalogue import read_grants
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.server.http import read_http
from schemas.deal import Deal
from schemas.errors import BadRecord
from schemas.features import (
    CaptionRow,
    DigestCacheRow,
    EmbeddingRow,
    FactsRow,
    ReadingRow,
    ScoredCaption,
    ScoreRow,
)
from schemas.reasons import Reason
from schemas.signal import Reading, merge_readings
from schemas.unit import ClearedRow


class FetchContext(Protocol):
    """What an asset's media is fetched, read and judged by: a run's job has it all."""

    @property
    def deal(self) -> Deal:
        """The deal."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, beside which media may lie."""

    @property
    def as_of(self) -> datetime:
        """The instant that rights are judged at, UTC."""

    @property
    def policy(self) -> SourcePolicy:
        """What media URIs may reach."""

    @property
    def limits(self) -> MediaLimits:
        """What media may cost."""

    @property
    def trust(self) -> TrustLists:
        """Whose C2PA signatures count."""


@dataclass
class UnitFeatures:
    """Features of the unit's media: what the store had, and what was added."""

    facts: dict[str, FactsRow]
    embeddings: dict[str, EmbeddingRow]
    captions: dict[str, ScoredCaption]
    scores: dict[str, ScoreRow]
    readings: dict[str, ReadingRow]
    digest_cache: dict[str, DigestCacheRow] = field(default_factory=dict)
    new_facts: list[FactsRow] = field(default_factory=list)
    new_embeddings: list[EmbeddingRow] = field(default_factory=list)
    new_captions: list[CaptionRow] = field(default_factory=list)
    new_scores: list[ScoreRow] = field(default_factory=list)
    new_readings: list[ReadingRow] = field(default_factory=list)
    new_digest_cache: list[DigestCacheRow] = field(default_factory=list)

    def complete(self, digest: str) -> bool:
        """Whether nothing is left to compute of a medium."""
        return digest in self.facts and digest in self.embeddings and digest in self.captions


@dataclass(frozen=True)
class FetchedAsset:
    """One asset's media.

    Attributes:
        row: The asset's row.
        digest: sha256 of the media, hex; "" where there is none.
        prepared: What was computed of it, if it was not known before.
        file_reading: What the file itself says of rights, as a row of READINGS_SCHEMA.
        reading: All that catalogue, file and server say.
        resolution: What that comes to.
        decision: Why the asset goes no further, if it does not.
        cache_row: What the file held, as a row of DIGEST_CACHE_SCHEMA, if to be relied on later.
    """

    row: ClearedRow
    digest: str = ""
    prepared: PreparedMedia | None = None
    file_reading: ReadingRow | None = None
    reading: Reading = field(default_factory=Reading)
    resolution: Resolution | None = None
    decision: Decision | None = None
    cache_row: DigestCacheRow | None = None

    @property
    def inference(self) -> bool:
        """Whether the asset may be embedded and captioned."""
        return self.resolution is not None and self.resolution.inference

    def without_pixels(self) -> FetchedAsset:
        """The same without the decoded pictures."""
        return self if self.prepared is None else replace(self, prepared=None)


def recall_asset(
    row: ClearedRow, context: FetchContext, features: UnitFeatures
) -> FetchedAsset | None:
    """Judges an asset by what is known of its file's bytes; None where the file must be read.

    Any doubt is left to `fetch_asset`, so that there is one place that says what is wrong.
    """
    try:
        location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
        state = file_state(location)
        cache_row = features.digest_cache.get(state.key) if state else None
        if state is None or cache_row is None or state.size_bytes > context.limits.max_bytes:
            return None
        digest, fmt = cache_row["media_sha256"], cache_row["format"]
        if digest not in features.facts or digest not in features.readings:
            return None
        if row["sha256"] and row["sha256"].lower() != digest:
            return None
        check_declared_type(row["media_uri"], row["media_type"], parse_format(fmt))
        _check_pixels(features.facts[digest], context)
    except BadRecord:
        return None
    asset = _resolve_rights(
        FetchedAsset(row, digest), features.readings[digest], Reading(), context
    )
    needs_models = asset.decision is None and asset.inference
    return None if needs_models and not features.complete(digest) else asset


def fetch_asset(
    row: ClearedRow,
    context: FetchContext,
    features: UnitFeatures,
    origin_files: OriginFileCache,
    now_s: Callable[[], float] | None = None,
) -> FetchedAsset:
    """Fetches one asset's media and reads it; what is wrong with it becomes a decision.

    Args:
        row: The asset's row.
        context: What it is fetched, read and judged by.
        features: What is known of media.
        origin_files: What the run's servers keep beside their media, as far as they were asked.
        now_s: Tells the time before the file is read; without it no file is taken down as seen.
    """
    try:
        location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
        state = file_state(location)
        is_settled = state is not None and now_s is not None and _is_settled(state, now_s())
        fetched = fetch_with_evidence(location, context.limits.max_bytes, origin_files)  # 1
        declared = (row["media_uri"], row["media_type"], row["sha256"], context.limits)
        digest, fmt = check_bytes(fetched.data, *declared)
        prepared, is_known = None, digest in features.facts
        if is_known:
            _check_pixels(features.facts[digest], context)
        else:
            prepared = prepare_media(fetched.data, *declared)  # 2
        cache_row = None
        if state is not None and is_settled and file_state(location) == state:
            cache_row = digest_cache_row(state, digest, fmt)
        server_reading = read_http(fetched.evidence) if fetched.evidence else Reading()
        file_reading = _file_reading(digest, fetched, fmt, context, features)  # 3
        asset = _resolve_rights(
            FetchedAsset(row, digest, prepared, cache_row=cache_row),
            file_reading,
            server_reading,
            context,
        )
        needs_models = asset.decision is None and asset.inference
        if is_known and needs_models and not features.complete(digest):
            asset = replace(asset, prepared=prepare_media(fetched.data, *declared))  # 5
    except BadRecord as error:
        detail = f"{one_line(row['media_uri'])}: {one_line(error.detail)}"
        return FetchedAsset(row, decision=failed_asset(row["asset_id"], error.reason, detail))
    return asset


def _check_pixels(facts: FactsRow, context: FetchContext) -> None:
    """Another deal may have allowed more pixels than this one."""
    pixels = facts["stored_width"] * facts["stored_height"]
    if pixels > context.limits.max_pixels:
        detail = f"{pixels} pixels; the limit is {context.limits.max_pixels}"
        raise BadRecord(Reason.MEDIA_TOO_LARGE, detail)


def _is_settled(state: FileState, now_s: float) -> bool:
    return state.changed_s < now_s - MIN_UNCHANGED_S


def _file_reading(
    digest: str, fetched: FetchedFile, fmt: Format, context: FetchContext, features: UnitFeatures
) -> ReadingRow:
    """What the file itself says of rights, as a row of READINGS_SCHEMA."""
    if digest in features.readings:
        return features.readings[digest]
    file_reading = this_guard().signals(fetched.data, fmt, context.trust, context.limits)
    text = json.dumps(reading_to_json(file_reading), ensure_ascii=False, sort_keys=True)
    return {"media_sha256": digest, "reading": text}


@lru_cache(maxsize=256)
def _parse_reading(text: str) -> Reading:
    """A reading that was kept; most files say the same, which is nothing."""
    return reading_from_json(json.loads(text))


def _resolve_rights(
    asset: FetchedAsset, file_reading: ReadingRow, server_reading: Reading, context: FetchContext
) -> FetchedAsset:
    row = asset.row
    reading = merge_readings(
        (read_grants(row), _parse_reading(file_reading["reading"]), server_reading)
    )
    resolution = resolve_rights(row, reading, context.deal, context.as_of.date())  # 4
    decision = None
    if resolution.reasons:
        decision = refused_asset(row["asset_id"], resolution.reasons, resolution.detail)
    digest, prepared, cache_row = asset.digest, asset.prepared, asset.cache_row
    return FetchedAsset(
        row, digest, prepared, file_reading, reading, resolution, decision, cache_row
    )
