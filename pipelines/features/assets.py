"""Fetches, digests and prepares one asset's media, and reads its rights statements.

`recall_asset` is tried first: it judges a local file that was read before and has not changed since
by stored features, without reading its bytes. If that is not enough, or anything is wrong,
`fetch_asset` reads the file.

The numbers mark these stages in the code: 1. fetch and digest; 2. prepare (probe, decode, hash)
media without stored features; 3. read what the file and its server state about rights; 4. resolve
rights; 5. decode media with stored features only if a model still needs to see it. Decoding comes
before the signals so that a damaged file becomes a failed asset, and no model sees a picture before
the signals are resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache

from pipelines.features.context import FetchContext
from pipelines.features.described import check_described
from pipelines.features.digest_cache import MIN_UNCHANGED_S, FileState, digest_cache_row, file_state
from pipelines.features.extra_makers import maker_of
from pipelines.features.extras import ExtraRefusalError, ExtraSource, MadeExtras
from pipelines.features.fact_rows import facts_row
from pipelines.features.guard import this_guard
from pipelines.features.inspect import Inspection
from pipelines.features.kept_frames import PicturesRow
from pipelines.features.prepare import PreparedMedia, check_bytes, prepare_media
from pipelines.features.reading_json import reading_from_json, reading_to_json
from pipelines.features.renditions import find_form_refusal, make_rendition, needs_other_file
from pipelines.features.store import FeatureTable
from pipelines.fetch.fetch import FetchedFile, fetch_with_evidence
from pipelines.fetch.locate import resolve_media_uri
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.fetch.sidecar_names import ObjectFolders
from pipelines.fetch.sidecars import Sidecar, read_sidecars, sidecars_digest
from pipelines.media.declared_type import check_declared_type
from pipelines.media.formats import Format, parse_format
from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import Resolution, resolve_rights
from pipelines.run.decisions import Decision, failed_asset, refused_asset
from pipelines.run.inspectors import NO_INSPECTORS
from pipelines.signals.catalogue import read_grants
from pipelines.signals.file.metadata_blocks import file_fault
from pipelines.signals.server.http import read_http
from schemas.deal import Deal
from schemas.errors import BadRecord
from schemas.features import (
    CaptionRow,
    DigestCacheRow,
    EmbeddingRow,
    FactsRow,
    ReadingRow,
    RenditionRow,
    ScoredCaption,
    ScoredText,
    ScoreRow,
    TagsRow,
)
from schemas.measures import MeasuresRow
from schemas.reasons import Reason
from schemas.signal import Reading, merge_readings
from schemas.unit import ClearedRow, UnitExtra


@dataclass
class UnitFeatures:
    """Features of the unit's media: those loaded from the store, and those added by this unit."""

    facts: dict[str, FactsRow]
    embeddings: dict[str, EmbeddingRow]
    captions: dict[str, ScoredCaption]
    scores: dict[str, ScoredText]
    readings: dict[str, ReadingRow]
    digest_cache: dict[str, DigestCacheRow] = field(default_factory=dict)
    renditions: dict[str, RenditionRow] = field(default_factory=dict)
    tags: dict[str, TagsRow] = field(default_factory=dict)
    new_facts: list[FactsRow] = field(default_factory=list)
    new_embeddings: list[EmbeddingRow] = field(default_factory=list)
    new_captions: list[CaptionRow] = field(default_factory=list)
    new_scores: list[ScoreRow] = field(default_factory=list)
    new_readings: list[ReadingRow] = field(default_factory=list)
    new_renditions: list[RenditionRow] = field(default_factory=list)
    new_tags: list[TagsRow] = field(default_factory=list)
    new_digest_cache: list[DigestCacheRow] = field(default_factory=list)
    measures: dict[str, MeasuresRow] = field(default_factory=dict)
    new_measures: list[MeasuresRow] = field(default_factory=list)
    inspection: Inspection = field(default_factory=lambda: Inspection(NO_INSPECTORS))
    pictures: FeatureTable[PicturesRow] | None = None

    def count_new(self) -> dict[str, int]:
        """Counts the media that this unit decoded, embedded, captioned and looked at.

        Media whose facts were stored count as decoded too, if a model had to see them.
        """
        embedded = {row["media_sha256"] for row in self.new_embeddings}
        captioned = {row["media_sha256"] for row in self.new_captions}
        inspected = self.inspection.new_digests()
        probed = {row["media_sha256"] for row in (*self.new_facts, *self.new_measures)}
        return {
            "decoded": len(probed | embedded | captioned | inspected),
            "embedded": len(embedded),
            "captioned": len(captioned),
            "inspected": len(inspected),
        }

    def is_probed(self, digest: str) -> bool:
        """Whether all that needs no model is known of a media file."""
        return digest in self.facts and digest in self.measures

    def complete(self, digest: str) -> bool:
        """Whether all features of a media file are known."""
        known = digest in self.facts and digest in self.embeddings and digest in self.captions
        return known and self.inspection.complete(digest)


@dataclass(frozen=True)
class FetchedAsset:
    """One asset's media.

    Attributes:
        row: The asset's row.
        digest: sha256 of the media, hex; "" if there is none.
        prepared: The prepared media, if it was decoded.
        file_reading: The file's own rights statements, as a row of READINGS_SCHEMA.
        reading: All rights statements of catalogue, file and server.
        resolution: The result of resolving them.
        decision: The refusal or failure, if the asset goes no further.
        cache_row: The file's state and digest, as a row of DIGEST_CACHE_SCHEMA, if later runs may
            rely on it.
        server_reading: What its web server states, in this run's answers; part of `reading`.
        rendition: What is delivered in the file's place, if the deal delivers another file.
        sidecars_sha256: Digest of its sidecars; see `pipelines.fetch.sidecars.sidecars_digest`.
        face_conflict: What is wrong with the number of people, if the picture shows more faces.
        faces_by: What found them.
        made: The members that the profile adds, until they are stored; then `extras` says which,
            and `extra_facts` has the sample's fields about them.
        extras: See `made`.
        extra_facts: See `made`.
    """

    row: ClearedRow
    digest: str = ""
    prepared: PreparedMedia | None = None
    file_reading: ReadingRow | None = None
    reading: Reading = field(default_factory=Reading)
    resolution: Resolution | None = None
    decision: Decision | None = None
    cache_row: DigestCacheRow | None = None
    server_reading: Reading = field(default_factory=Reading)
    rendition: RenditionRow | None = None
    sidecars_sha256: str = ""
    face_conflict: str = ""
    faces_by: str = ""
    made: MadeExtras | None = None
    extras: tuple[UnitExtra, ...] = ()
    extra_facts: str = ""

    @property
    def inference(self) -> bool:
        """Whether the asset may be embedded and captioned."""
        return self.resolution is not None and self.resolution.inference

    def without_pixels(self) -> FetchedAsset:
        """Returns a copy without the decoded pictures."""
        return self if self.prepared is None else replace(self, prepared=None)


def recall_asset(
    row: ClearedRow, context: FetchContext, features: UnitFeatures
) -> FetchedAsset | None:
    """Judges an asset by its file's stored features; returns None if the file must be read.

    Doubtful cases are left to `fetch_asset`, so that faults are reported in one place.
    """
    if maker_of(context.deal.profile, row["media_type"]) is not None:
        return None  # extra members are made from the file
    try:
        location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
        state = file_state(location)
        cache_row = features.digest_cache.get(state.key) if state else None
        if state is None or cache_row is None or state.size_bytes > context.limits.max_bytes:
            return None
        digest, fmt = cache_row["media_sha256"], cache_row["format"]
        if not features.is_probed(digest) or digest not in features.readings:
            return None
        if row["sha256"] and row["sha256"].lower() != digest:
            return None
        check_declared_type(row["media_uri"], row["media_type"], parse_format(fmt))
        _check_pixels(features.facts[digest], context)
        check_described(row, features.facts[digest])
    except BadRecord:
        return None
    sidecars = read_sidecars(location, ObjectFolders())
    asset = _resolve_rights(
        FetchedAsset(row, digest, sidecars_sha256=sidecars_digest(sidecars)),
        features.readings[digest],
        _sidecar_reading(sidecars, context),
        context,
    )
    facts = features.facts[digest]
    asset = _with_form(asset, facts, context.deal)
    needs_models = asset.decision is None and asset.inference
    if needs_models and not features.complete(digest):
        return None
    if asset.decision is not None or not needs_other_file(facts, context.deal):
        return asset
    rendition = features.renditions.get(digest)
    return None if rendition is None else _with_rendition(asset, rendition)


def fetch_asset(
    row: ClearedRow,
    context: FetchContext,
    features: UnitFeatures,
    origin_files: OriginFileCache,
    now_s: Callable[[], float] | None = None,
    later_statements: Reading | None = None,
) -> FetchedAsset:
    """Fetches and reads one asset's media; any fault in it becomes a decision.

    Args:
        row: The asset's row.
        context: The inputs by which it is fetched, read and judged.
        features: Features of the unit's media.
        origin_files: Cache of the files that servers publish beside their media.
        now_s: Returns the time before the file is read; without it no file enters the digest cache.
        later_statements: What its server stated in answers of this run that came after the first.
    """
    try:
        location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
        state = file_state(location)
        settled = state is not None and now_s is not None and is_settled(state, now_s())
        fetched = fetch_with_evidence(location, context.limits.max_bytes, origin_files)  # 1
        declared = (row["media_uri"], row["media_type"], row["sha256"], context.limits)
        digest, fmt = check_bytes(fetched.data, *declared)
        prepared, is_known = None, features.is_probed(digest)
        if is_known:
            _check_pixels(features.facts[digest], context)
        else:
            prepared = prepare_media(fetched.data, *declared)  # 2
        check_described(row, facts_row(prepared) if prepared else features.facts[digest])
        cache_row = None
        if state is not None and settled and file_state(location) == state:
            cache_row = digest_cache_row(state, digest, fmt)
        server_reading = merge_readings(
            (*map(read_http, fetched.answers), later_statements or Reading())
        )
        file_reading = _file_reading(digest, fetched, fmt, context, features)  # 3
        sidecars = read_sidecars(location, origin_files.object_folders)
        asset = _resolve_rights(
            FetchedAsset(
                row,
                digest,
                prepared,
                cache_row=cache_row,
                server_reading=server_reading,
                sidecars_sha256=sidecars_digest(sidecars),
            ),
            file_reading,
            merge_readings((_sidecar_reading(sidecars, context), server_reading)),
            context,
        )
        facts = facts_row(prepared) if prepared else features.facts[digest]
        asset = _with_form(asset, facts, context.deal)
        if asset.decision is None and needs_other_file(facts, context.deal):
            rendition = features.renditions.get(digest)
            rendition = rendition or make_rendition(fetched.data, digest, fmt, facts, context)
            asset = _with_rendition(asset, rendition)
        if asset.decision is None:
            asset = _with_extras(asset, fetched.data, fmt, facts, context, features.pictures)
        needs_models = asset.decision is None and asset.inference
        if is_known and needs_models and not features.complete(digest):
            asset = replace(asset, prepared=prepare_media(fetched.data, *declared))  # 5
    except BadRecord as error:
        detail = f"{one_line(row['media_uri'])}: {one_line(error.detail)}"
        return FetchedAsset(row, decision=failed_asset(row["asset_id"], error.reason, detail))
    return asset


def _check_pixels(facts: FactsRow, context: FetchContext) -> None:
    """Checks the pixel limit, since another deal may have allowed more pixels than this one."""
    pixels = facts["stored_width"] * facts["stored_height"]
    if pixels > context.limits.max_pixels:
        detail = f"{pixels} pixels; the limit is {context.limits.max_pixels}"
        raise BadRecord(Reason.MEDIA_TOO_LARGE, detail)


def is_settled(state: FileState, now_s: float) -> bool:
    """Tells whether a file had been unchanged for long enough to enter the digest cache."""
    return state.changed_s < now_s - MIN_UNCHANGED_S


def _file_reading(
    digest: str, fetched: FetchedFile, fmt: Format, context: FetchContext, features: UnitFeatures
) -> ReadingRow:
    """Returns the file's own rights statements, as a row of READINGS_SCHEMA."""
    if digest in features.readings:
        return features.readings[digest]
    file_reading = this_guard().signals(fetched.data, fmt, context.trust, context.limits)
    text = json.dumps(reading_to_json(file_reading), ensure_ascii=False, sort_keys=True)
    return {"media_sha256": digest, "reading": text}


def _with_form(asset: FetchedAsset, facts: FactsRow, deal: Deal) -> FetchedAsset:
    """Refuses a cleared picture that cannot be delivered in a form that the deal accepts."""
    if asset.decision is not None or asset.resolution is None:
        return asset
    refusal = find_form_refusal(asset.row, facts, asset.resolution, deal)
    if refusal is None:
        return asset
    reason, detail = refusal
    return replace(asset, decision=refused_asset(asset.row["asset_id"], (reason,), detail))


def _with_rendition(asset: FetchedAsset, rendition: RenditionRow) -> FetchedAsset:
    decision = asset.decision
    if rendition["problem"]:
        is_rendered = rendition["rendition"] != ""
        reason = Reason.RENDITION_NOT_MADE if is_rendered else Reason.METADATA_NOT_REMOVABLE
        reasons = (reason,)
        decision = refused_asset(asset.row["asset_id"], reasons, rendition["problem"])
    return replace(asset, rendition=rendition, decision=decision)


def _with_extras(
    asset: FetchedAsset,
    data: bytes,
    fmt: Format,
    facts: FactsRow,
    context: FetchContext,
    pictures: FeatureTable[PicturesRow] | None,
) -> FetchedAsset:
    """Makes the members that the deal's profile adds, or refuses the asset."""
    row = asset.row
    make = maker_of(context.deal.profile, row["media_type"])
    if make is None:
        return asset
    size = asset.rendition or facts
    if asset.resolution is None:
        raise AssertionError("an asset that passed was resolved")
    source = ExtraSource(
        *(row, data, fmt, facts, size["width"], size["height"], asset.resolution, context),
        asset.digest,
        pictures,
    )
    try:
        return replace(asset, made=make(source))
    except ExtraRefusalError as error:
        detail = one_line(error.detail)
        return replace(asset, decision=refused_asset(row["asset_id"], (error.reason,), detail))


def _sidecar_reading(sidecars: Sequence[Sidecar], context: FetchContext) -> Reading:
    """Returns what the medium's sidecars state; they are read again by every run."""
    readings = []
    for sidecar in sidecars:
        if sidecar.fault:
            fault = file_fault(f"sidecar {sidecar.name}", sidecar.fault, sidecar.data)
            readings.append(Reading(faults=(fault,)))
        else:
            guard = this_guard()
            limits = context.limits
            readings.append(guard.sidecar(sidecar.data, sidecar.name, context.trust, limits))
    return merge_readings(readings)


@lru_cache(maxsize=256)
def _parse_reading(text: str) -> Reading:
    """Parses a stored reading; cached, since most files have the same (empty) reading."""
    return reading_from_json(json.loads(text))


def _resolve_rights(
    asset: FetchedAsset, file_reading: ReadingRow, other_reading: Reading, context: FetchContext
) -> FetchedAsset:
    """Resolves what catalogue, file, and sidecars and server (`other_reading`) say."""
    row = asset.row
    reading = merge_readings(
        (read_grants(row), _parse_reading(file_reading["reading"]), other_reading)
    )
    resolution = resolve_rights(row, reading, context.deal, context.as_of.date())  # 4
    decision = None
    if resolution.reasons:
        decision = refused_asset(row["asset_id"], resolution.reasons, resolution.detail)
    return replace(
        asset,
        file_reading=file_reading,
        reading=reading,
        resolution=resolution,
        decision=decision,
    )
