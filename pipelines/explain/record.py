"""Formats a trace as one JSON document with stable keys, for programs."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipelines.explain.asset import AssetTrace
from pipelines.explain.file import FileStatement, FileTrace
from pipelines.explain.inputs import DecisionInputs
from pipelines.explain.published import RunLookup
from pipelines.explain.trace import RowTrace, combined_outcome
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import Decision
from schemas.reason_info import Stage

Json = dict[str, Any]


def asset_trace_json(
    asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> Json:
    """Returns the complete trace as JSON."""
    return {
        "asset_id": asset_trace.asset_id,
        "deal_id": inputs.deal.deal_id,
        "terms_sha256": inputs.deal.terms_sha256(),
        "as_of": inputs.as_of.isoformat(),
        "verdict": combined_outcome(asset_trace.rows),
        "rows_in_catalogue": asset_trace.row_count,
        "rows": [_row(row_trace) for row_trace in asset_trace.rows],
        "why_no_file": asset_trace.no_file_reason,
        "warnings": list(asset_trace.warnings) + run_warnings(asset_trace, inputs, run),
        "reported_rules": list(asset_trace.reported),
        "run": None if run is None else dataclasses.asdict(run) | {"place": _place(run)},
    }


def run_warnings(
    asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> list[str]:
    """Returns warnings if a run had different inputs or reached a different decision."""
    if run is None:
        return []
    warnings = []
    if run.as_of != inputs.as_of.isoformat():
        warnings.append(f"That run judged rights as of {run.as_of}.")
    if run.terms_sha256 != inputs.deal.terms_sha256():
        warnings.append("That run was made under different terms from those the deal has now.")
    if warnings or asset_trace.file_not_read or not run.decisions or run.is_removed:
        return warnings
    # Later steps may refuse what is cleared here, but nothing refused here reaches them.
    passed = all(map(_passed_rights, run.decisions))
    cleared = combined_outcome(asset_trace.rows) == "cleared"
    if passed != cleared:
        warnings.append("That run decided differently: catalogue or file has changed since.")
    return warnings


def _passed_rights(published: Decision) -> bool:
    """Returns whether a run cleared an asset's rights, whatever later steps decided."""
    profile_refusal = bool(published.reasons) and all(
        code.startswith("profile.") for code in published.reasons
    )
    return profile_refusal or published.stage in (Stage.SELECT, Stage.WRITE)


def _place(run: RunLookup) -> dict[str, str | None] | None:
    """Returns the shard and key of the asset's sample, if it is delivered."""
    if run.is_removed:
        return None
    places = ({"shard": item.shard, "key": item.key} for item in run.decisions if item.shard)
    return next(places, None)


def _row(row_trace: RowTrace) -> Json:
    decision, row = row_trace.decision, row_trace.row
    return {
        "outcome": row_trace.outcome,
        "stage": None if decision is None else decision.stage.value,
        "detail": "" if decision is None else decision.detail,
        "title": None if row.get("title") is None else one_line(row["title"]),
        "media_uri": None if "media_uri" not in row else one_line(row["media_uri"]),
        "reasons": [
            {
                "code": finding.reason,
                "sentence": finding.info.sentence,
                "seen": list(finding.evidence),
                "where": finding.info.source,
                "how_to_fix": finding.info.remedy,
            }
            for finding in row_trace.findings
        ],
        "rules": [dataclasses.asdict(check) for check in row_trace.rule_checks],
        "consents": [dataclasses.asdict(line) for line in row_trace.consents],
        "releases": [
            {
                "release_id": line.release_id,
                "kind": line.kind,
                "facts": dict(line.facts),
                "faults": list(line.faults),
                "at_fault": dict(line.fault_values),
                "counts": line.is_valid,
            }
            for line in row_trace.releases
        ],
        "agreements": row.get("agreements") or [],
        "usable_until": None if not row.get("usable_until") else str(row["usable_until"]),
        "file": None if row_trace.file is None else _file(row_trace.file),
    }


def _file(file: FileTrace) -> Json:
    return {
        "media_sha256": file.media_sha256,
        "inference": file.inference,
        "source_type": file.source_type,
        "constraints": {kind: list(codes) for kind, codes in file.constraints},
        "statements": [_statement(item) for item in file.statements],
    }


def _statement(item: FileStatement) -> Json:
    values = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    values["conflicts"] = {
        reason.value: catalogue_value for reason, catalogue_value in item.conflicts
    }
    return values
