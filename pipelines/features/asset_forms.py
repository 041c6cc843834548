"""Decides in which form an asset is delivered: as it is, as a rendition, with added members."""

from __future__ import annotations

from dataclasses import replace

from pipelines.features.context import FetchContext
from pipelines.features.extra_makers import maker_of
from pipelines.features.extras import ExtraRefusalError, ExtraSource
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.kept_frames import PicturesRow
from pipelines.features.renditions import find_form_refusal
from pipelines.features.store import FeatureTable
from pipelines.media.formats import Format
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import refused_asset
from schemas.deal import Deal
from schemas.features import FactsRow
from schemas.file_features import RenditionRow
from schemas.reasons import Reason


def with_form(asset: FetchedAsset, facts: FactsRow, deal: Deal) -> FetchedAsset:
    """Refuses a cleared picture that cannot be delivered in a form that the deal accepts."""
    if asset.decision is not None or asset.resolution is None:
        return asset
    refusal = find_form_refusal(asset.row, facts, asset.resolution, deal)
    if refusal is None:
        return asset
    reason, detail = refusal
    return replace(asset, decision=refused_asset(asset.row["asset_id"], (reason,), detail))


def with_rendition(asset: FetchedAsset, rendition: RenditionRow) -> FetchedAsset:
    """Adds the rendition that is delivered, or refuses the asset if it could not be made."""
    decision = asset.decision
    if rendition["problem"]:
        is_rendered = rendition["rendition"] != ""
        reason = Reason.RENDITION_NOT_MADE if is_rendered else Reason.METADATA_NOT_REMOVABLE
        reasons = (reason,)
        decision = refused_asset(asset.row["asset_id"], reasons, rendition["problem"])
    return replace(asset, rendition=rendition, decision=decision)


def with_extras(
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
