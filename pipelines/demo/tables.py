"""Writes the catalogue's tables from a plan, as Parquet."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.demo.contributors import UNSIGNED_HISTORIES, ContributorRoster, history_events
from pipelines.demo.media_jobs import MediaFacts
from pipelines.demo.plan import LibraryPlan, PlannedAsset
from pipelines.demo.roles.broken_files import FORBIDDEN_URIS, WRONG_DIGEST_STYLE
from pipelines.demo.roles.hostile_names import WRITTEN_ASSET_IDS
from pipelines.demo.roles.role import Columns
from schemas.catalogue import (
    AGREEMENTS_SCHEMA,
    ASSETS_SCHEMA,
    CONSENTS_SCHEMA,
    CONTRIBUTORS_SCHEMA,
    RELEASES_SCHEMA,
)

Row = dict[str, object]

# Without the agency shares of single contributors, which the demo has none of.
DEMO_CONTRIBUTORS = pa.schema(
    [field for field in CONTRIBUTORS_SCHEMA if field.name != "agency_share"]
)

# Columns of an ordinary asset and of a valid release; roles override them.
ORDINARY_ASSET: Row = {
    "media_type": "image",
    "licence_model": "RF",
    "licence_class": "creative",
    "status": "active",
    "language": "en",
    "category": "illustration",
    "exclusive": False,
    "people_count": 0,
    "minors": False,
    "property": False,
    "sensitive": False,
    "digital_source_type": "digitalCreation",
}
GOOD_RELEASE: Row = {
    "kind": "model",
    "signed_at": date(2023, 5, 1),
    "subject_signed": True,
    "photographer_signed": True,
    "witness_ref": "witness-1",
    "minor": False,
    "ml_use": "allow",
    "biometric_rider": True,
    "shoot_from": date(2024, 1, 1),
    "shoot_until": date(2024, 12, 31),
}
_ROW_GROUP_ROWS = 64  # so that even a small library has several row groups


def write_tables(root: Path, plan: LibraryPlan, all_facts: Sequence[MediaFacts]) -> None:
    """Writes the Parquet files of a planned library into the catalogue's folder."""
    assets = [
        asset_row(asset, media_facts)
        for asset, media_facts in zip(plan.assets, all_facts, strict=True)
    ]
    write_parquet(root / "assets.parquet", assets, ASSETS_SCHEMA)
    write_parquet(root / "contributors.parquet", contributor_rows(plan.roster), DEMO_CONTRIBUTORS)
    write_parquet(root / "consents.parquet", consent_rows(plan), CONSENTS_SCHEMA)
    releases = [row for asset in plan.assets for row in release_rows(asset)]
    write_parquet(root / "releases.parquet", releases, RELEASES_SCHEMA)
    write_parquet(root / "agreements.parquet", agreement_rows(plan.roster), AGREEMENTS_SCHEMA)


def write_parquet(path: Path, rows: Sequence[Row], schema: pa.Schema) -> None:
    """Writes rows as Parquet; required columns may be null, as in faulty catalogues."""
    nullable_schema = pa.schema([field.with_nullable(True) for field in schema])
    table = pa.Table.from_pylist(list(rows), schema=nullable_schema)
    pq.write_table(table, path, row_group_size=_ROW_GROUP_ROWS, compression="zstd")


def asset_row(asset: PlannedAsset, media_facts: MediaFacts) -> Row:
    """Returns the row of `assets` for one asset."""
    row: Row = {
        **ORDINARY_ASSET,
        "asset_id": WRITTEN_ASSET_IDS.get(asset.asset_id or "", asset.asset_id),
        "media_uri": FORBIDDEN_URIS.get(asset.file_style, asset.path),
        "contributors": [
            {"contributor_id": name, "share_bp": share} for name, share in asset.authors
        ],
        "title": media_facts.caption.capitalize() if asset.title is None else asset.title,
        "description": None if asset.index % 7 == 0 else f"Stock picture: {media_facts.caption}.",
        "keywords": [media_facts.noun, media_facts.colour, *asset.keywords],
        "created_at": asset.created_at,
        "weight": asset.weight,
        "release_ids": list(asset.release_ids) or None,
        **_stated_file_facts(asset, media_facts),
    }
    if asset.role.kind == "film":
        row["media_type"] = "video"
    if asset.index % 5 == 0:
        row["licence_model"] = "RM"
    return {**row, **asset.role.columns}


def _stated_file_facts(asset: PlannedAsset, media_facts: MediaFacts) -> Row:
    """Returns what the row states about its file: nothing or the truth, except for one role."""
    if asset.file_style == WRONG_DIGEST_STYLE:
        return {"sha256": hashlib.sha256(b"another file").hexdigest()}
    if asset.role.failure_reason or not asset.states_file_facts or not media_facts.sha256:
        return {}
    stated: Row = {
        "sha256": media_facts.sha256,
        "bytes": media_facts.size_bytes,
        "duration_ms": media_facts.duration_ms,
    }
    # For a picture that is rotated for display, agencies disagree on which side is the width.
    if not asset.file_style.startswith("jpeg_turned"):
        stated |= {"width": media_facts.width, "height": media_facts.height}
    return stated


def release_rows(asset: PlannedAsset) -> list[Row]:
    """Returns the rows of `releases` for one asset; unknown release ids get none."""
    pairs = zip(asset.release_ids, asset.role.releases, strict=False)
    return [release_row(release_id, columns) for release_id, columns in pairs]


def release_row(release_id: str, columns: Columns) -> Row:
    """Returns a valid model release with the given columns replaced."""
    ids = {"release_id": release_id, "subject_ref": f"subject of {release_id}"}
    return {**GOOD_RELEASE, **ids, **columns}


def contributor_rows(roster: ContributorRoster) -> list[Row]:
    """Returns the rows of `contributors`."""
    return [
        {
            "contributor_id": contributor.contributor_id,
            "display_name": contributor.display_name,
            "country": contributor.country,
            "currency": contributor.currency,
            "payee_ref": contributor.payee_ref,
        }
        for contributor in roster.contributors
    ]


def agreement_rows(roster: ContributorRoster) -> list[Row]:
    """Returns the rows of `agreements`: one for each consent that names one."""
    return [
        {
            "agreement_ref": f"{contributor.payee_ref}/{number}",
            "contributor_id": contributor.contributor_id,
            "purposes": [event.purpose],
            "signed_at": event.given_at.date(),
        }
        for contributor in roster.contributors
        if contributor.history not in UNSIGNED_HISTORIES
        for number, event in enumerate(reversed(history_events(contributor.history)))
        if event.value == "allow"
    ]


def consent_rows(plan: LibraryPlan) -> list[Row]:
    """Returns the rows of `consents`: for contributors, then for assets, latest first in each."""
    rows: list[Row] = []
    for contributor in plan.roster.contributors:
        for number, event in enumerate(reversed(history_events(contributor.history))):
            rows.append(
                {
                    "contributor_id": contributor.contributor_id,
                    **event.columns,
                    "agreement_ref": None
                    if contributor.history in UNSIGNED_HISTORIES
                    else f"{contributor.payee_ref}/{number}",
                }
            )
    for asset in plan.assets:
        for event in reversed(asset.role.events):
            rows.append(
                {
                    "contributor_id": asset.authors[0][0],
                    **event.columns,
                    "asset_id": asset.asset_id,
                }
            )
    return rows
