"""A trace for machines: one JSON document with stable keys."""

from __future__ import annotations

import dataclasses
from typing import Any

from pipelines.explain.asset import Explained, Inquiry
from pipelines.explain.file import FileTrace, Statement
from pipelines.explain.published import RunAnswer, Told
from pipelines.explain.trace import RowTrace, verdict_of
from pipelines.rights.lines import one_line

Json = dict[str, Any]


def explained_json(explained: Explained, inquiry: Inquiry, run: RunAnswer | None) -> Json:
    """The whole trace."""
    return {
        "asset_id": explained.asset_id,
        "deal_id": inquiry.deal.deal_id,
        "terms_sha256": inquiry.deal.terms_sha256(),
        "as_of": inquiry.as_of.isoformat(),
        "verdict": verdict_of(explained.rows),
        "rows_in_catalogue": explained.count,
        "rows": [_row(trace) for trace in explained.rows],
        "why_no_file": explained.why_no_file,
        "warnings": list(explained.warnings) + run_warnings(explained, inquiry, run),
        "run": None if run is None else dataclasses.asdict(run) | {"place": _place(run)},
    }


def run_warnings(explained: Explained, inquiry: Inquiry, run: RunAnswer | None) -> list[str]:
    """Where a run was asked something else, or answered otherwise."""
    if run is None:
        return []
    found = []
    if run.as_of != inquiry.as_of.isoformat():
        found.append(f"That run judged rights as of {run.as_of}.")
    if run.terms_sha256 != inquiry.deal.terms_sha256():
        found.append("That run was made under other terms than the deal has now.")
    if found or explained.unread or not run.decisions:
        return found
    # Later steps may refuse what is cleared here, but nothing that is refused here comes so far.
    passed = all(map(_came_past_rights, run.decisions))
    cleared = verdict_of(explained.rows) == "cleared"
    if passed != cleared:
        found.append("That run decided otherwise: the catalogue or the file has changed since.")
    return found


def _came_past_rights(told: Told) -> bool:
    """Whether a run refused an asset, if at all, for what is not judged here."""
    own = bool(told.reasons) and all(code.startswith("profile.") for code in told.reasons)
    return own or told.stage in ("select", "write")


def _place(run: RunAnswer) -> Json | None:
    return next((told.place for told in run.decisions if told.place), None)


def _row(trace: RowTrace) -> Json:
    decision, row = trace.decision, trace.row
    return {
        "outcome": trace.outcome,
        "stage": None if decision is None else decision.stage.value,
        "detail": "" if decision is None else decision.detail,
        "title": None if row.get("title") is None else one_line(row["title"]),
        "media_uri": None if "media_uri" not in row else one_line(row["media_uri"]),
        "reasons": [
            {
                "code": finding.reason.value,
                "sentence": finding.reason.info.sentence,
                "seen": list(finding.seen),
                "where": finding.reason.info.source,
                "cure": finding.reason.info.cure,
            }
            for finding in trace.findings
        ],
        "rules": [dataclasses.asdict(step) for step in trace.steps],
        "consents": [dataclasses.asdict(line) for line in trace.consents],
        "releases": [
            {
                "release_id": line.release_id,
                "kind": line.kind,
                "facts": dict(line.facts),
                "faults": list(line.faults),
                "at_fault": dict(line.at_fault),
                "counts": line.counts,
            }
            for line in trace.releases
        ],
        "agreements": list(row.get("agreements") or ()),
        "usable_until": None if not row.get("usable_until") else str(row["usable_until"]),
        "file": None if trace.file is None else _file(trace.file),
    }


def _file(file: FileTrace) -> Json:
    return {
        "media_sha256": file.media_sha256,
        "inference": file.inference,
        "source_type": file.source_type,
        "constraints": {kind: list(codes) for kind, codes in file.constraints},
        "statements": [_statement(item) for item in file.statements],
    }


def _statement(item: Statement) -> Json:
    fields = {field.name: getattr(item, field.name) for field in dataclasses.fields(item)}
    fields["conflicts"] = {reason.value: ours for reason, ours in item.conflicts}
    return fields
