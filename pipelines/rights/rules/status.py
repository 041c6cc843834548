"""Rules 1 and 2: an asset has an id of its own, is active and was not removed."""

from __future__ import annotations

import pyarrow as pa

from pipelines.rights.arrow import BoolArray
from pipelines.rights.formatting import one_line
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import REMOVAL_NOTES, Rule, Topic, TracedRow
from pipelines.storage.columns import values_of
from schemas.catalogue import ASSETS_SCHEMA

_KNOWN_STATES = ["active", "withdrawn", "legal_hold"]


def _identity_said(traced: TracedRow) -> str:
    rows = traced.rows_with_id
    return "one row has this asset_id" if rows == 1 else f"{rows} rows have this asset_id"


def _unknown_status(batch: AssetBatch) -> BoolArray:
    return ~batch.texts("status").where(_KNOWN_STATES.__contains__)


def _removed(batch: AssetBatch) -> BoolArray:
    return batch.index.removed.rows(batch.assets)


def _status_said(traced: TracedRow) -> str:
    status = one_line(traced.row["status"])
    table = pa.Table.from_pylist([traced.row], schema=ASSETS_SCHEMA)
    notes = values_of(traced.index.removed.notes(table), str)[0]
    return f"{status}, {notes}" if notes else status


_IDENTITY = Topic(1, "identity", _identity_said)
_STATUS = Topic(2, "status", _status_said)

RULES = (
    Rule(
        code="asset.duplicate_id",
        topic=_IDENTITY,
        where=lambda batch: batch.repeated,
        columns=("asset_id",),
        sentence="Another row of the catalogue has the same asset_id.",
        remedy="Leave one row per asset.",
        travels=False,
    ),
    Rule(
        code="asset.withdrawn",
        topic=_STATUS,
        where=lambda batch: batch.texts("status").where("withdrawn".__eq__),
        columns=("status",),
        sentence="The asset is withdrawn.",
        remedy="None, unless it was withdrawn in error.",
        lasting=True,
    ),
    Rule(
        code="asset.legal_hold",
        topic=_STATUS,
        where=lambda batch: batch.texts("status").where("legal_hold".__eq__),
        columns=("status",),
        sentence="The asset is under a legal hold.",
        remedy="Have counsel lift the hold.",
        lasting=True,
    ),
    Rule(
        code="asset.status_unknown",
        topic=_STATUS,
        where=_unknown_status,
        columns=("status",),
        sentence="The status is none of active, withdrawn, legal_hold.",
        remedy="Set the status, or map the agency's value onto one of the three.",
        lasting=True,
    ),
    Rule(
        code="asset.removed",
        topic=_STATUS,
        where=_removed,
        columns=(REMOVAL_NOTES,),
        sentence="A notice of removal names the asset, one of its contributors or of its releases.",
        source="assets.asset_id, assets.contributors, assets.release_ids",
        remedy="If the reason has gone, list the notice in the deal's withdrawal.reinstated.",
        lasting=True,
    ),
)
