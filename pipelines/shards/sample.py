"""From a unit's row to a sample: its key, its JSON, its place in the delivery's tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Any

import rfc8785

from pipelines.config import Job
from pipelines.ledger.entries import asset_commitment
from pipelines.shards.tar import Member
from schemas.decision import Outcome
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES
from schemas.sample import CaptionSource, Sample

Row = dict[str, Any]

_KEY_HEX = 24  # 96 bits of the asset's commitment: no two of any delivery will meet


def sample_key(commitment: str) -> str:
    """The key of an asset's sample: the head of its commitment, which tells a stranger nothing."""
    return commitment[:_KEY_HEX]


def decision_sha256(job: Job, commitment: str, overrides: str) -> str:
    """Digest of the decision that delivers an asset.

    It names the asset by its commitment, since the digest is public and an id could be guessed.

    Args:
        job: The run.
        commitment: The asset's.
        overrides: The denials that signed agreements override, both sides, in one line.
    """
    decision = {
        "asset": commitment,
        "outcome": Outcome.DELIVERED.value,
        "deal": job.deal.terms_sha256(),
        "catalogue": job.catalogue.digest,
        "as_of": job.as_of.isoformat(),
        "overrides": overrides,
    }
    return hashlib.sha256(rfc8785.dumps(decision)).hexdigest()


def make_sample(row: Row, job: Job) -> Sample:
    """A sample of a unit's row (pipelines.features.unit.UNIT_SCHEMA)."""
    commitment = asset_commitment(job.salt, row["asset_id"])
    source = (row["digital_source_type"] or "").removeprefix(DIGITAL_SOURCE_TYPE_PREFIX)
    created, until = row["created_at"], row["usable_until"]
    by_model = row["caption_source"] == CaptionSource.MODEL
    return Sample(
        key=sample_key(commitment),
        asset=commitment,
        media_sha256=row["media_sha256"],
        media_type=row["media_type"],
        format=row["format"],
        width=row["width"],
        height=row["height"],
        duration_ms=row["film_ms"],
        fps_num=row["fps_num"],
        fps_den=row["fps_den"],
        frames=row["frames"] if row["media_type"] == "video" else 0,
        caption=row["caption"],
        caption_source=CaptionSource(row["caption_source"]),
        caption_model=job.models.captioner_id if by_model else "",
        clip_model=job.models.clip_id if by_model else "",
        clip_score=round(float(row["clip_score"]), 6),
        title=row["title"] or "",
        description=row["description"] or "",
        keywords="; ".join(row["keywords"] or []),
        language=row["language"] or "",
        category=row["category"] or "",
        created_at=created.isoformat() if isinstance(created, date) else "",
        licence_model=row["licence_model"],
        licence_class=row["licence_class"],
        licence_code=row["licence_code"] or "",
        digital_source_type=source,
        ai_generated=DIGITAL_SOURCE_TYPES.get(source, False),
        alteration_constraints=row["alteration_constraints"],
        file_constraints=row["file_constraints"],
        duplication_constraints=row["duplication_constraints"],
        usable_until=until.isoformat() if isinstance(until, date) else "",
        deal_id=job.deal.deal_id,
        decision_sha256=decision_sha256(job, commitment, row["overrides"]),
    )


def sample_json(sample: Sample) -> bytes:
    """The sample's JSON member: canonical (RFC 8785), so that equal samples are equal bytes."""
    return rfc8785.dumps(sample.model_dump(mode="json"))


@dataclass(frozen=True)
class WrittenSample:
    """A sample in its tar: what it says, where it lies, and the row it came from."""

    sample: Sample
    row: Row
    media: Member
    text: Member
    json: Member
