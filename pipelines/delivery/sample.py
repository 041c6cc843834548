"""Makes a sample from a unit's row: its key, its fields and its JSON."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Literal

from pipelines.delivery.file_fields import file_fields
from pipelines.delivery.people import people_fields
from pipelines.ledger.entries import asset_commitment
from pipelines.profiles import profile_for
from pipelines.profiles.base import SampleError
from pipelines.profiles.captions import (
    caption_choice,
    choose_caption,
    sample_caption,
    score_bp,
    share_of_synthetic,
)
from pipelines.run.job import Job
from schemas.canonical import canonical_json
from schemas.errors import RunError
from schemas.measures import UNMEASURED, row_measures
from schemas.profiles.common import CommonSample
from schemas.reason_info import Outcome
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES
from schemas.unit import UnitRow

_KEY_HEX = 24  # 96 bits of the asset's commitment: collisions in a delivery are not expected


# An asset whose source nobody stated is not one that nobody generated.
_AI_GENERATED: dict[bool | None, Literal["yes", "no", "unknown"]] = {
    True: "yes",
    False: "no",
    None: "unknown",
}


def sample_key(commitment: str) -> str:
    """Returns a sample's key: the start of its commitment, which reveals nothing to outsiders."""
    return commitment[:_KEY_HEX]


def decision_sha256(job: Job, commitment: str, overrides: str) -> str:
    """Returns the digest of the decision that delivers an asset.

    It names the asset by its commitment, since the digest is public and an id could be guessed.

    Args:
        job: The run.
        commitment: The asset's commitment.
        overrides: The denials that signed agreements override, with both sides, in one line.
    """
    decision = {
        "asset": commitment,
        "outcome": Outcome.DELIVERED.value,
        "deal": job.terms_sha256,
        "catalogue": job.catalogue.digest,
        "as_of": job.as_of.isoformat(),
        "overrides": overrides,
    }
    return hashlib.sha256(canonical_json(decision)).hexdigest()


def make_sample(row: UnitRow, job: Job) -> CommonSample:
    """Makes a sample in the deal's profile from a unit's row (schemas.unit.UNIT_SCHEMA).

    Raises:
        RunError: If the sample does not match the profile's schema.
    """
    profile = profile_for(job.deal.profile, row["media_type"])
    if profile is None:
        raise AssertionError("a deal takes no media that its profile does not")
    common = {**_common(row, job), **people_fields(profile.sample, row, job)}
    try:
        drawn = _drawn_caption(profile.sample, str(common["asset"]), row, job)
        return profile.make_sample(common, row, drawn)
    except SampleError as error:
        raise RunError(
            "A sample is not what its profile's schema says",
            f"asset {row['asset_id']!r}, profile {profile.name}: {error}",
            "Correct the catalogue, or let the profile's `need` refuse such assets.",
        ) from error


def _drawn_caption(
    form: type[CommonSample], asset: str, row: UnitRow, job: Job
) -> dict[str, object]:
    """Returns the fields of the caption that the deal's draw recommends."""
    share_bp = job.deal.captions.p_synthetic_bp
    drawn: dict[str, object] = {**caption_choice(choose_caption(row["captions"], share_bp, asset))}
    if "p_synthetic_bp" in form.model_fields:
        drawn["p_synthetic_bp"] = share_of_synthetic(row["captions"], share_bp)
    return drawn


def _common(row: UnitRow, job: Job) -> dict[str, object]:
    """Returns the fields common to all profiles, except the name and the recommended caption."""
    commitment = asset_commitment(job.salt, row["asset_id"])
    source = (row["digital_source_type"] or "").removeprefix(DIGITAL_SOURCE_TYPE_PREFIX)
    created, until = row["created_at"], row["usable_until"]
    is_video = row["media_type"] == "video"
    return {
        "key": sample_key(commitment),
        "asset": commitment,
        "media_sha256": row["media_sha256"],
        "media_type": row["media_type"],
        "format": row["format"],
        "width": row["width"],
        "height": row["height"],
        "duration_ms": row["film_ms"],
        "fps_num": row["fps_num"],
        "fps_den": row["fps_den"],
        "frames": row["frames"] if is_video else 0,
        "captions": list(map(sample_caption, row["captions"])),
        "tags": "; ".join(tag["name"] for tag in row["tags"]),
        "tag_scores_bp": "; ".join(str(score_bp(tag["score"])) for tag in row["tags"]),
        "tag_vocabulary": job.models.vocabulary_id if row["seen"] else "",
        "caption_model": job.models.captioner_id if row["seen"] else "",
        "clip_model": job.models.clip_id if row["seen"] else "",
        "title": row["title"] or "",
        "description": row["description"] or "",
        "keywords": "; ".join(row["keywords"] or []),
        "language": row["language"] or "",
        "category": row["category"] or "",
        "created_at": created.isoformat() if isinstance(created, date) else "",
        "licence_model": row["licence_model"],
        "licence_class": row["licence_class"],
        "licence_code": row["licence_code"] or "",
        "digital_source_type": source,
        "ai_generated": _AI_GENERATED[DIGITAL_SOURCE_TYPES.get(source)],
        "alteration_constraints": row["alteration_constraints"],
        "file_constraints": row["file_constraints"],
        "duplication_constraints": row["duplication_constraints"],
        "usable_until": until.isoformat() if isinstance(until, date) else "",
        **_measures(row),
        "deal_id": job.deal.deal_id,
        "decision_sha256": decision_sha256(job, commitment, row["overrides"]),
        **file_fields(row),
    }


def _measures(row: UnitRow) -> dict[str, object]:
    measures: dict[str, object] = {
        name: UNMEASURED if value is None else value for name, value in row_measures(row).items()
    }
    mark = row["watermark"]
    return {**measures, "watermark": "unknown" if mark is None else "yes" if mark else "no"}


def sample_json(sample: CommonSample) -> bytes:
    """Encodes a sample as canonical JSON (RFC 8785), so that equal samples give equal bytes."""
    return canonical_json(sample.model_dump(mode="json"))


def is_embedded(sample: CommonSample) -> bool:
    """Returns whether media and caption have embeddings, which is if models have seen it."""
    return bool(sample.clip_model)


def clip_score(sample: CommonSample, row: UnitRow) -> float:
    """Returns the cosine of media and recommended caption; 0 if none was computed."""
    if not is_embedded(sample):
        return 0.0
    said = (sample.caption_source, sample.caption)
    return next(
        float(one["score"]) for one in row["captions"] if (one["source"], one["text"]) == said
    )
