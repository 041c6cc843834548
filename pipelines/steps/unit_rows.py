"""Makes the rows of a unit's table, and refuses assets that lack what the deal requires of them."""

from __future__ import annotations

from typing import cast

from pipelines.features.captions import flagged_texts, unit_captions, unit_tags, without_flagged
from pipelines.features.fetched_asset import FetchedAsset
from pipelines.features.refused import place_of
from pipelines.features.unit_features import UnitFeatures
from pipelines.profiles import profile_for
from pipelines.rights.formatting import one_line
from pipelines.rights.resolve import describe_overrides
from pipelines.run.decisions import Decision, refused_asset
from pipelines.run.job import Job
from schemas.features import ShotCaption, ShotFrames
from schemas.measures import ModelMeasures
from schemas.reasons import Reason
from schemas.refused import owners_text
from schemas.signal import AssertionKind, personal_kinds_of
from schemas.unit import CONSTRAINTS, UnitRow, UnitShot

# The kinds of constraint on the use of a file, by the sample field that carries them.
_CONSTRAINT_KINDS = {
    "alteration": AssertionKind.ALTERATION,
    "file": AssertionKind.FILE_CONSTRAINT,
    "duplication": AssertionKind.DUPLICATION,
}

# What a row says about the delivered file.
_OF_RENDITION = (
    *("bytes", "format", "width", "height", "rendition"),
    *("codec", "audio_codec", "bitrate_bps"),
)


def row_or_refusal(
    item: FetchedAsset, job: Job, unit_features: UnitFeatures
) -> tuple[UnitRow, Decision | None]:
    """Returns the row of an asset that was not refused so far, and the decision if it is now.

    An asset is refused for a flagged caption, if the deal says so, or if it lacks what its profile
    requires.

    Args:
        item: The asset, with its features computed.
        job: The run.
        unit_features: The features of its unit.
    """
    row = _unit_row(item, job, unit_features)
    decision = _flag_refusal(item, row, job)
    row = without_flagged(item, row, job.deal.flagged_captions)
    return row, decision or _profile_refusal(row, job.deal.profile)


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
        "dropped_flags": [],
        "extras": list(item.extras),
        "extra_facts": item.extra_facts,
    }
    if item.rendition is not None:
        columns["media_sha256"] = item.rendition["delivered_sha256"]
        made: dict[str, object] = {**item.rendition}
        columns |= {name: made[name] for name in _OF_RENDITION}
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
        raise AssertionError("an asset that passed was resolved")
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
