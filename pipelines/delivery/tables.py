"""The tables published beside a shard, and the rows that the ledger is made from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.people import release_commitment
from pipelines.delivery.sample import clip_score
from pipelines.format.tar import Member
from pipelines.ledger.commitments import Domain, commit, item_salt, text_value
from pipelines.profiles.aspect import aspect_bucket
from pipelines.profiles.tables import profile_columns
from pipelines.run.job import Job
from pipelines.storage.columns import join_text, list_array
from schemas import layout
from schemas.features import ShotCaptions
from schemas.measures import row_measures
from schemas.profiles.common import CommonSample
from schemas.profiles.file_fields import file_columns
from schemas.profiles.index_columns import index_columns
from schemas.sample import CONSIDERED_ASSETS_SCHEMA, DELIVERED_ASSETS_SCHEMA
from schemas.shard_table import (
    SHARD_TABLE_SCHEMA,
    SHOTS_TABLE_SCHEMA,
    PlannedColumns,
    SampleRow,
    ShardPlaces,
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

#: Of samples in a delivery without a validation split, whose duplicates were not looked for.
UNPLANNED = PlannedColumns(split="train", group_id=None, duplicate_cluster=None)


def shard_row(
    job: Job, shard: str, sample: CommonSample, row: UnitRow, planned: PlannedColumns = UNPLANNED
) -> SampleRow:
    """Returns a sample's shard table row, without the columns known once the tar is complete."""
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    columns: dict[str, object] = {
        **{name: getattr(sample, name) for name in SHARD_COLUMNS},
        "shard": shard,
        "family": sample.format,
        "aspect_bucket": aspect_bucket(sample.width, sample.height),
        "motion_milli": row["motion_milli"],
        **row_measures(row),
        "clip_score": clip_score(sample, row),
        **rights_commitments(job.salt, delivery, row),
        **file_columns(sample),
        **index_columns(sample),
        **profile_columns(job.deal.profile, sample),
        "phash": row["phash"] or None,
        **planned,
        "original_width": row["stored_width"],
        "original_height": row["stored_height"],
        "status": "success",
        "error_message": None,
    }
    return cast("SampleRow", columns)


def shard_table(
    rows: Sequence[SampleRow], members: Sequence[Member], schema: pa.Schema = SHARD_TABLE_SCHEMA
) -> pa.Table:
    """Returns a shard's table: img2dataset's columns and ours, in tar order.

    Args:
        rows: Rows from `shard_row`.
        members: The tar's members: each sample's media, extra members, text and JSON; as many of
            each sample.
        schema: The table's columns (pipelines.profiles.tables.table_schema).
    """
    each = len(members) // max(1, len(rows))
    samples = [members[start : start + each] for start in range(0, len(members), each or 1)]
    complete_rows: list[ShardRow] = [
        {**row, **_places(*own)} for row, own in zip(rows, samples, strict=True)
    ]
    return pa.Table.from_pylist(complete_rows, schema=schema)


def _places(media: Member, *others: Member) -> ShardPlaces:
    """Returns the columns that give a sample's position in the tar."""
    *extras, text, json = others
    return {
        "extra_members": [
            {
                "ending": member.name.partition(".")[2],
                "offset": member.offset,
                "length": member.length,
                "sha256": member.sha256,
            }
            for member in extras
        ],
        "sha256": media.sha256,
        "media_member": media.name,
        "media_offset": media.offset,
        "media_length": media.length,
        "txt_offset": text.offset,
        "txt_length": text.length,
        "txt_sha256": text.sha256,
        "json_offset": json.offset,
        "json_length": json.length,
        "json_sha256": json.sha256,
    }


def rights_commitments(salt: bytes, delivery: str, row: UnitRow) -> dict[str, list[str]]:
    """Returns commitments to an asset's contributors and to what they signed.

    Each commitment has its own salt per asset and delivery: with one per person, a buyer could tell
    which assets share a contributor or a model. Contributors are committed to as in the ledger.

    Args:
        salt: The deal's salt.
        delivery: Id of the delivery.
        row: The asset's row (schemas.unit.UNIT_SCHEMA).
    """

    def commitment(domain: Domain, *ids: str) -> str:
        value_salt = item_salt(salt, domain, delivery, row["asset_id"], *ids)
        return commit(domain, value_salt, text_value(ids[-1]))

    # A catalogue may name one twice, with a share each; the ledger adds the shares up.
    people = sorted({who["contributor_id"] for who in row["contributors"]})
    signed = sorted({(item["contributor_id"], item["ref"]) for item in row["agreements"]})
    return {
        "contributors": [commitment(Domain.CONTRIBUTOR, person) for person in people],
        "consents": sorted(commitment(Domain.CONSENT, *item) for item in signed),
        "releases": sorted(
            release_commitment(salt, delivery, row["asset_id"], ref)
            for ref in set(row["release_ids"] or [])
        ),
    }


def metadata_table(embedded: pa.Table) -> pa.Table:
    """Returns the metadata table that clip-retrieval expects beside embeddings.

    Args:
        embedded: Rows of the shard's table, in the order of the vectors.
    """
    shards, members = (embedded[name].combine_chunks() for name in ("shard", "media_member"))
    paths = join_text(shards, members, ".tar/")
    return pa.table(
        {
            "key": embedded["key"],
            "shard": embedded["shard"],
            "image_path": paths,
            "caption": embedded["caption"],
            "clip_score": embedded["clip_score"],
        }
    )


def shots_table(
    keys: Sequence[str], rows: Sequence[UnitRow], texts: Mapping[str, ShotCaptions]
) -> pa.Table:
    """Returns the shots of a shard's embedded films (SHOTS_TABLE_SCHEMA), in tar order.

    Args:
        keys: The samples' keys.
        rows: The samples' unit rows, in the same order.
        texts: Captions and embeddings by media digest (schemas.features.CAPTIONS_SCHEMA).
    """
    shots: list[ShotRow] = [
        {
            "key": key,
            "shot": number,
            **shot,
            "embedding": texts[row["original_sha256"]]["shots"][number]["embedding"],
        }
        for key, row in zip(keys, rows, strict=True)
        for number, shot in enumerate(row["shots"])
    ]
    return pa.Table.from_pylist(shots, schema=SHOTS_TABLE_SCHEMA)


def delivered_table(rows: pa.Table, samples: pa.Table) -> pa.Table:
    """Returns the rows that ledger and decisions need (DELIVERED_ASSETS_SCHEMA).

    Args:
        rows: The assets' rows (schemas.unit.UNIT_SCHEMA).
        samples: Their samples, in the same order: columns of the shard's table.
    """
    considered = considered_table(rows)
    columns = {
        **{name: considered[name] for name in CONSIDERED_ASSETS_SCHEMA.names},
        "samples": pa.repeat(pa.scalar(1, pa.int32()), len(rows)),
        **{name: samples[name] for name in ("shard", "key", "media_sha256", "decision_sha256")},
        "overrides": rows["overrides"],
    }
    return pa.table(columns, schema=DELIVERED_ASSETS_SCHEMA)


def considered_table(rows: pa.Table) -> pa.Table:
    """Returns what the division of money needs of assets (CONSIDERED_ASSETS_SCHEMA).

    Args:
        rows: The assets' id, media type, contributors and weight, as in UNIT_SCHEMA.
    """
    contributors = rows["contributors"].combine_chunks()
    ends = np.cumsum(pc.list_value_length(contributors).to_numpy())
    offsets = np.concatenate([[0], ends]).astype(np.int32)
    ids, shares = pc.list_flatten(contributors).flatten()
    columns = {
        "asset_id": rows["asset_id"],
        "media_type": rows["media_type"],
        "contributor_ids": list_array(offsets, ids),
        "shares_bp": list_array(offsets, shares),
        "weight": pc.fill_null(rows["weight"].combine_chunks(), pa.scalar(1, pa.int64())),
    }
    return pa.table(columns, schema=CONSIDERED_ASSETS_SCHEMA)
