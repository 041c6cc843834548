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

from collections.abc import Callable
from dataclasses import replace

from pipelines.features.asset_forms import with_extras, with_form, with_rendition
from pipelines.features.asset_rights import read_statements, resolve_asset, sidecar_reading
from pipelines.features.context import FetchContext
from pipelines.features.described import check_described
from pipelines.features.digest_cache import MIN_UNCHANGED_S, FileState, digest_cache_row, file_state
from pipelines.features.extra_makers import maker_of
from pipelines.features.fact_rows import facts_row
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.prepare import check_bytes, prepare_media
from pipelines.features.renditions import make_rendition, needs_other_file
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.fetch import fetch_with_evidence
from pipelines.fetch.locate import resolve_media_uri
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.fetch.sidecar_names import ObjectFolders
from pipelines.fetch.sidecars import read_sidecars, sidecars_digest
from pipelines.media.declared_type import check_declared_type
from pipelines.media.formats import parse_format
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import failed_asset
from pipelines.signals.server.http import read_http
from schemas.errors import BadRecord
from schemas.features import (
    FactsRow,
)
from schemas.reasons import Reason
from schemas.signal import Reading, merge_readings
from schemas.unit import ClearedRow


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
    asset = resolve_asset(  # 4
        FetchedAsset(row, digest, sidecars_sha256=sidecars_digest(sidecars)),
        features.readings[digest],
        sidecar_reading(sidecars, context),
        context,
    )
    facts = features.facts[digest]
    asset = with_form(asset, facts, context.deal)
    needs_models = asset.decision is None and asset.inference
    if needs_models and not features.complete(digest):
        return None
    if asset.decision is not None or not needs_other_file(facts, context.deal):
        return asset
    rendition = features.renditions.get(digest)
    return None if rendition is None else with_rendition(asset, rendition)


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
        return _fetch(row, context, features, origin_files, now_s, later_statements or Reading())
    except BadRecord as error:
        detail = f"{one_line(row['media_uri'])}: {one_line(error.detail)}"
        return FetchedAsset(row, decision=failed_asset(row["asset_id"], error.reason, detail))


def _fetch(
    row: ClearedRow,
    context: FetchContext,
    features: UnitFeatures,
    origin_files: OriginFileCache,
    now_s: Callable[[], float] | None,
    later_statements: Reading,
) -> FetchedAsset:
    location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
    state = file_state(location)
    settled = state is not None and now_s is not None and is_settled(state, now_s())
    fetched = fetch_with_evidence(location, context.limits.max_bytes, origin_files)  # 1
    declared = (row["media_uri"], row["media_type"], row["sha256"], context.limits)
    digest, fmt = check_bytes(fetched.data, *declared)
    prepared, is_known = None, features.is_probed(digest)
    if is_known:
        facts = features.facts[digest]
        _check_pixels(facts, context)
    else:
        prepared = prepare_media(fetched.data, *declared)  # 2
        facts = facts_row(prepared)
    check_described(row, facts)
    cache_row = None
    if state is not None and settled and file_state(location) == state:
        cache_row = digest_cache_row(state, digest, fmt)
    server_reading = merge_readings((*map(read_http, fetched.answers), later_statements))
    file_reading = read_statements(digest, fetched, fmt, context, features)  # 3
    sidecars = read_sidecars(location, origin_files.object_folders)
    asset = resolve_asset(  # 4
        FetchedAsset(
            row,
            digest,
            prepared,
            cache_row=cache_row,
            server_reading=server_reading,
            sidecars_sha256=sidecars_digest(sidecars),
        ),
        file_reading,
        merge_readings((sidecar_reading(sidecars, context), server_reading)),
        context,
    )
    asset = with_form(asset, facts, context.deal)
    if asset.decision is None and needs_other_file(facts, context.deal):
        rendition = features.renditions.get(digest)
        rendition = rendition or make_rendition(fetched.data, digest, fmt, facts, context)
        asset = with_rendition(asset, rendition)
    if asset.decision is None:
        asset = with_extras(asset, fetched.data, fmt, facts, context, features.pictures)
    needs_models = asset.decision is None and asset.inference
    if is_known and needs_models and not features.complete(digest):
        asset = replace(asset, prepared=prepare_media(fetched.data, *declared))  # 5
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
