"""The tables that lie beside a shard, and the row an asset leaves for the ledger."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.sample import Row, clip_score
from pipelines.format.tar import Member
from pipelines.ledger.commitments import Domain, commit, item_salt, text_value
from pipelines.profiles.aspect import aspect_bucket
from pipelines.run.job import Job
from schemas import layout
from schemas.profiles.common import CommonSample
from schemas.sample import DELIVERED_ASSETS_SCHEMA
from schemas.shard_table import SHARD_TABLE_SCHEMA, SHOTS_TABLE_SCHEMA

SHARD_COLUMNS = (
    "key asset profile media_type deal_id media_sha256 width height caption caption_source "
    "caption_model title "
    "licence_model licence_class licence_code digital_source_type ai_generated "
    "alteration_constraints file_constraints duplication_constraints usable_until "
    "decision_sha256 duration_ms"
).split()


def shard_row(job: Job, shard: str, sample: CommonSample, row: Row) -> Row:
    """A sample's row of the shard's table, all but what is known when the tar is whole."""
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    return {
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


def shard_table(rows: Sequence[Row], members: Sequence[Member]) -> pa.Table:
    """A shard's table (SHARD_TABLE_SCHEMA): img2dataset's columns and ours, in the tar's order.

    Args:
        rows: From `shard_row`.
        members: The tar's: each sample's medium, text and JSON.
    """
    triples = zip(members[::3], members[1::3], members[2::3], strict=True)
    complete_rows = [row | _places(*triple) for row, triple in zip(rows, triples, strict=True)]
    return pa.Table.from_pylist(complete_rows, schema=SHARD_TABLE_SCHEMA)


def _places(media: Member, text: Member, json: Member) -> Row:
    """What a row says of its sample's place in the tar."""
    columns: Row = {"sha256": media.sha256, "media_member": media.name}
    for name, member in (("media", media), ("txt", text), ("json", json)):
        columns[f"{name}_offset"] = member.offset
        columns[f"{name}_length"] = member.length
    return columns | {"txt_sha256": text.sha256, "json_sha256": json.sha256}


def rights_commitments(salt: bytes, delivery: str, row: Row) -> dict[str, list[str]]:
    """Commitments to who made an asset and to what they signed.

    Each has a salt of its own for every asset of every delivery: with one a person, a buyer could
    tell which assets share a maker or a model. Contributors are committed to as in the ledger.

    Args:
        salt: The deal's.
        delivery: Id of the delivery.
        row: The asset's (pipelines.steps.enrich.UNIT_SCHEMA).
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


def shard_stats(table: pa.Table, tar_bytes: int) -> dict[str, Any]:
    """A shard's stats in img2dataset's words; durations are left out, since bytes must repeat."""
    return {
        "count": len(table),
        "successes": len(table),
        "failed_to_download": 0,
        "failed_to_resize": 0,
        "status_dict": {"success": len(table)},
        "bytes": tar_bytes,
        "media_bytes": pc.sum(table["media_length"], min_count=0).as_py(),
    }


def metadata_table(embedded: pa.Table) -> pa.Table:
    """What clip-retrieval keeps beside embeddings.

    Args:
        embedded: Rows of the shard's table, in the order of the vectors.
    """
    paths = pc.binary_join_element_wise(embedded["shard"], embedded["media_member"], ".tar/")
    return pa.table(
        {
            "key": embedded["key"],
            "shard": embedded["shard"],
            "image_path": paths,
            "caption": embedded["caption"],
            "clip_score": embedded["clip_score"],
        }
    )


def shots_table(keys: pa.ChunkedArray, rows: pa.Table, texts: Mapping[str, Row]) -> pa.Table:
    """The shots of a shard's embedded films (SHOTS_TABLE_SCHEMA), in the order of the tar.

    Args:
        keys: The samples' keys.
        rows: Their rows (pipelines.steps.enrich.UNIT_SCHEMA).
        texts: Captions and embeddings by media digest (pipelines.features.store.CAPTIONS_SCHEMA).
    """
    columns = (keys, rows["media_sha256"], rows["shots"])
    samples = zip(*(column.to_pylist() for column in columns), strict=True)
    shots = [
        {
            "key": key,
            "shot": number,
            **shot,
            "embedding": texts[digest]["shots"][number]["embedding"],
        }
        for key, digest, shots in samples
        for number, shot in enumerate(shots)
    ]
    return pa.Table.from_pylist(shots, schema=SHOTS_TABLE_SCHEMA)


def delivered_table(rows: pa.Table, samples: pa.Table) -> pa.Table:
    """What the ledger and the decisions need of a shard's assets (DELIVERED_ASSETS_SCHEMA).

    Args:
        rows: Theirs (pipelines.steps.enrich.UNIT_SCHEMA).
        samples: Their samples, in the same order: columns of the shard's table.
    """
    contributors = rows["contributors"].combine_chunks()
    ends = np.cumsum(pc.list_value_length(contributors).to_numpy())
    offsets = pa.array(np.concatenate([[0], ends]), pa.int32())
    ids, shares = pc.list_flatten(contributors).flatten()
    columns = {
        "asset_id": rows["asset_id"],
        "contributor_ids": pa.ListArray.from_arrays(offsets, ids),
        "shares_bp": pa.ListArray.from_arrays(offsets, shares),
        "weight": pc.fill_null(rows["weight"], 1),
        "samples": pa.repeat(pa.scalar(1, pa.int32()), len(rows)),
        **{name: samples[name] for name in ("shard", "key", "media_sha256", "decision_sha256")},
        "overrides": rows["overrides"],
    }
    return pa.table(columns, schema=DELIVERED_ASSETS_SCHEMA)
