"""Compares the faces in a picture with the number of people that the catalogue states."""

from __future__ import annotations

from dataclasses import replace

from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.unit_features import UnitFeatures
from pipelines.run.decisions import refused_asset
from schemas.deal_terms import RightsTerms
from schemas.reasons import Reason


def with_face_conflict(
    asset: FetchedAsset, features: UnitFeatures, terms: RightsTerms
) -> FetchedAsset:
    """Returns an asset with what its faces say, refused if the deal refuses such assets.

    More faces than people are a conflict; fewer are not, since people may be seen from behind. If
    the number of people is not known, any face is one. An asset whose faces were not counted is
    refused as well, if conflicts are.

    Args:
        asset: The asset.
        features: The unit's features.
        terms: The deal's terms on rights.
    """
    if terms.faces == "ignore" or asset.decision is not None:
        return asset
    asset_id, people = asset.row["asset_id"], asset.row["people_count"]
    counted = asset.inference and features.inspection.measures(asset.digest)["faces"]
    if counted is None or not asset.inference:
        if terms.faces == "report":
            return asset
        why = "the detector failed" if asset.inference else "no model may see the asset"
        decision = refused_asset(asset_id, (Reason.FACES_NOT_COUNTED,), why)
        return replace(asset, decision=decision)
    if counted <= (people or 0):
        return asset
    stated = "not known" if people is None else people
    found = f"{counted} faces found, people_count is {stated}"
    reported = replace(asset, face_conflict=found, faces_by=features.inspection.wanted.faces)
    if terms.faces == "report":
        return reported
    return replace(reported, decision=refused_asset(asset_id, (Reason.CONFLICT_FACES,), found))
