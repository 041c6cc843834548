"""The tables that lie beside a shard, and the row an asset leaves for the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import pyarrow as pa

from pipelines.delivery.sample import WrittenSample, clip_score
from pipelines.ledger.commitments import Domain, commit, item_salt, text_value
from pipelines.profiles.aspect import aspect_bucket
from pipelines.run.job import Job
from schemas import layout
from schemas.features import ShotCaptions
from schemas.profiles.common import CommonSample
from schemas.sample import DELIVERED_ASSETS_SCHEMA, DeliveredAssetRow
from schemas.shard_table import (
    SHARD_TABLE_SCHEMA,
    SHOTS_TABLE_SCHEMA,
    MemberColumns,
    SampleRow,
    ShardRow,
    ShotRow,
)
from schemas.unit import UnitRow

SHARD_COLUMNS = (
    "key asset profile media_type deal_id media_sha256 width height caption caption_source "
    "caption_model title "
    "licence_model licence_class licence_code digital_source_type ai_generated "
    "alteration_constraints file_constraints duplication_constraints usable_until "
    "decision_sha256 duration_ms"
).split()


def shard_row(job: Job, shard: str, sample: CommonSample, row: UnitRow) -> SampleRow:
    """A sample's row of the shard's table, all but what is known when the tar is whole."""
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    columns: dict[str, object] = {
        **{name: getattr(sample, name) for name in SHARD_COLUMNS},
        "shard": shard,
        "family": sample.format,
        "aspect_bucket": aspect_bucket(sample.width, sample.height),
        "motion_milli": row["motion_milli"],
        "clip_score": clip_score(sample, row),
        **rights_commitments(job.salt, delivery, row),
        "original_width": row["stored_width"],
        "original_height": row["stored_height"],
        "status": "success",
        "error_message": None,
    }
    return cast("SampleRow", columns)


def shard_table(rows: Sequence[SampleRow], written: Sequence[WrittenSample]) -> pa.Table:
    """A shard's table (SHARD_TABLE_SCHEMA): img2dataset's columns and ours, in the tar's order.

    Args:
        rows: From `shard_row`.
        written: Their samples.
    """
    complete_rows: list[ShardRow] = [
        {**row, **_members(item)} for row, item in zip(rows, written, strict=True)
    ]
    return pa.Table.from_pylist(complete_rows, schema=SHARD_TABLE_SCHEMA)


def _members(item: WrittenSample) -> MemberColumns:
    """What a row says of its sample's place in the tar."""
    return {
        "sha256": item.media.sha256,
        "media_member": item.media.name,
        "media_offset": item.media.offset,
        "media_length": item.media.length,
        "txt_offset": item.text.offset,
        "txt_length": item.text.length,
        "txt_sha256": item.text.sha256,
        "json_offset": item.json.offset,
        "json_length": item.json.length,
        "json_sha256": item.json.sha256,
    }


def rights_commitments(salt: bytes, delivery: str, row: UnitRow) -> dict[str, list[str]]:
    """Commitments to who made an asset and to what they signed.

    Each has a salt of its own for every asset of every delivery: with one a person, a buyer could
    tell which assets share a maker or a model. Contributors are committed to as in the ledger.

    Args:
        salt: The deal's.
        delivery: Id of the delivery.
        row: The asset's (schemas.unit.UNIT_SCHEMA).
    """

    def commitment(domain: Domain, *ids: str) -> str:
        value_salt = item_salt(salt, domain, delivery, row["asset_id"], *ids)
        return commit(domain, value_salt, text_value(ids[-1]))

    people = sorted(who["contributor_id"] for who in row["contributors"])
    signed = sorted({(item["contributor_id"], item["ref"]) for item in row["agreements"]})
    return {
        "contributors": [commitment(Domain.CONTRIBUTOR, person) for person in people],
        "consents": sorted(commitment(Domain.CONSENT, *item) for item in signed),
        "releases": sorted(
            commitment(Domain.RELEASE, ref) for ref in set(row["release_ids"] or [])
        ),
    }


def shard_stats(written: Sequence[WrittenSample], tar_bytes: int) -> dict[str, object]:
    """A shard's stats in img2dataset's words; durations are left out, since bytes must repeat."""
    return {
        "count": len(written),
        "successes": len(written),
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "status_dict": {"success": len(written)},
        "bytes": tar_bytes,
        "media_bytes": sum(item.media.length for item in written),
    }


def metadata_table(shard: str, written: Sequence[WrittenSample]) -> pa.Table:
    """What clip-retrieval keeps beside embeddings; rows are in the order of the vectors."""
    scores = [clip_score(item.sample, item.row) for item in written]
    return pa.table(
        {
            "key": [item.sample.key for item in written],
            "shard": [shard] * len(written),
            "image_path": [f"{shard}.tar/{item.media.name}" for item in written],
            "caption": [item.sample.caption for item in written],
            "clip_score": pa.array(scores, pa.float32()),
        }
    )


def shots_table(written: Sequence[WrittenSample], texts: Mapping[str, ShotCaptions]) -> pa.Table:
    """The shots of a shard's embedded films (SHOTS_TABLE_SCHEMA), in the order of the tar.

    Args:
        written: The shard's samples.
        texts: Captions and embeddings by media digest (schemas.features.CAPTIONS_SCHEMA).
    """
    rows: list[ShotRow] = [
        {
            "key": item.sample.key,
            "shot": number,
            **shot,
            "embedding": texts[item.sample.media_sha256]["shots"][number]["embedding"],
        }
        for item in written
        for number, shot in enumerate(item.row["shots"])
    ]
    return pa.Table.from_pylist(rows, schema=SHOTS_TABLE_SCHEMA)


def delivered_table(shard: str, samples: Sequence[tuple[CommonSample, UnitRow]]) -> pa.Table:
    """What the ledger needs of a shard's assets (DELIVERED_SCHEMA): of samples and their rows."""
    rows: list[DeliveredAssetRow] = [
        {
            "asset_id": row["asset_id"],
            "contributor_ids": [who["contributor_id"] for who in row["contributors"]],
            "shares_bp": [who["share_bp"] for who in row["contributors"]],
            "weight": 1 if row["weight"] is None else row["weight"],
            "samples": 1,
            "shard": shard,
            "key": sample.key,
            "media_sha256": sample.media_sha256,
            "decision_sha256": sample.decision_sha256,
        }
        for sample, row in samples
    ]
    return pa.Table.from_pylist(rows, schema=DELIVERED_ASSETS_SCHEMA)
