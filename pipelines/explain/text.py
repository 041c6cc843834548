"""Formats a trace as plain lines that fit on one screen, for people.

Values come from catalogues and files that may be hostile: each is already one printable line, and
lines are printed as text, so that markup or escape sequences in them have no effect.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

from rich.console import Console
from rich.text import Text

from pipelines.catalogue.reference_verdict import reported_text
from pipelines.explain.asset import AssetTrace
from pipelines.explain.consents import ConsentLine, group_consents
from pipelines.explain.file_text import file_lines
from pipelines.explain.fitting import MAX_CHARS, MAX_LINES, WIDTH, cut, limited_lines, wrap
from pipelines.explain.inputs import DecisionInputs
from pipelines.explain.published import RunLookup
from pipelines.explain.record import run_warnings
from pipelines.explain.releases import ReleaseLine
from pipelines.explain.rules import RuleCheck
from pipelines.explain.trace import RowTrace, RuleFinding, combined_outcome
from pipelines.process.wrapping import wrap_lines
from pipelines.rights.formatting import one_line
from pipelines.run.decisions import Decision
from pipelines.run.step_names import STEP_NAMES
from schemas.reason_info import Outcome, Stage

_MAX_ROWS = 3  # of one id
_VERDICT_COLUMN = 76  # the column of a rule's verdict, if it fits
_OUTCOME_LABELS = {
    "cleared": ("CLEARED", "bold green"),
    "refused": ("REFUSED", "bold red"),
    "dead_letter": ("CANNOT BE READ", "bold red"),
}
_FILE_NOT_READ_LABEL = ("CLEARED SO FAR", "bold yellow")
_NOT_DELIVERED_LABEL = ("CLEARED, NOT DELIVERED", "bold yellow")


def print_asset_trace(
    console: Console, asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> None:
    """Prints a trace."""
    label, style = _outcome_label(asset_trace, run)
    lines = asset_trace_lines(asset_trace, inputs, run)
    first = Text(next(lines))
    first.stylize(style, 0, len(label))
    console.print(first, soft_wrap=not console.is_terminal)
    for line in lines:
        if console.is_terminal:  # elsewhere, lines are as wide as they are in documents
            line = wrap_lines(line, console.width)
        console.print(Text(line), soft_wrap=True)


def asset_trace_lines(
    asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> Iterator[str]:
    """Yields the lines of a trace."""
    deal = inputs.deal
    title = next(
        (row_trace.row["title"] for row_trace in asset_trace.rows if row_trace.row.get("title")),
        None,
    )
    head = f"{_outcome_label(asset_trace, run)[0]}  {cut(one_line(asset_trace.asset_id), 60)}"
    title_chars = min(50, WIDTH - len(head) - len('  "…"'))
    yield head + (f'  "{cut(one_line(title), title_chars)}"' if title else "")
    yield f"deal {deal.deal_id}, rights as of {inputs.as_of.isoformat().replace('+00:00', 'Z')}"
    for warning in asset_trace.warnings:
        yield from wrap(cut(" ".join(warning.split()), 2 * MAX_CHARS), "warning: ", "  ")
    for found in asset_trace.reported:
        yield from wrap(cut(_reported(found)), "reported: ", "  ")
    if asset_trace.row_count > 1:
        yield f"{asset_trace.row_count} rows of the catalogue have this asset_id; all are refused."
    if combined_outcome(asset_trace.rows) == "cleared":
        yield from wrap(_cleared_sentence(asset_trace))
    run_lines = list(_run_lines(asset_trace, inputs, run))
    if _is_left_out(asset_trace, run):  # the run's decision is what matters then
        yield from run_lines
        run_lines = []
    if asset_trace.row_count == 1:
        yield from _row(asset_trace.rows[0])
    else:
        yield from _duplicate_rows(asset_trace)
    if asset_trace.no_file_reason:
        yield from ("", *wrap(asset_trace.no_file_reason))
    if run_lines:
        yield from ("", *run_lines)


def _reported(found: Mapping[str, object]) -> str:
    """Returns a rule on references that failed in the catalogue and does not stop the run."""
    named = ", ".join(map(one_line, cast("list[str]", found["examples"])))
    return reported_text(found, named)


def _outcome_label(asset_trace: AssetTrace, run: RunLookup | None) -> tuple[str, str]:
    if asset_trace.file_not_read:
        return _FILE_NOT_READ_LABEL
    if _is_left_out(asset_trace, run):
        return _NOT_DELIVERED_LABEL
    return _OUTCOME_LABELS[combined_outcome(asset_trace.rows)]


def _is_left_out(asset_trace: AssetTrace, run: RunLookup | None) -> bool:
    """Returns whether a run had the asset without delivering it, such as a duplicate."""
    if run is None or not run.decisions or run.has_sample or asset_trace.file_not_read:
        return False
    return combined_outcome(asset_trace.rows) == "cleared"


def _cleared_sentence(asset_trace: AssetTrace) -> str:
    if asset_trace.file_not_read:
        return "Nothing in the catalogue rules it out."
    if any(row_trace.file and row_trace.file.overridden for row_trace in asset_trace.rows):
        return "Nothing rules it out except denials that a signed agreement overrides."
    return "Nothing in the catalogue, in the file or on its server rules it out."


def _duplicate_rows(asset_trace: AssetTrace) -> Iterator[str]:
    """Yields the rows of a repeated id with only their reasons, since no row is cleared."""
    for number, row_trace in enumerate(asset_trace.rows[:_MAX_ROWS], 1):
        uri = row_trace.row.get("media_uri")
        named = f": {cut(one_line(uri), 70)}" if uri else ""
        yield from ("", f"Row {number} of {asset_trace.row_count}{named}")
        for finding in row_trace.findings:
            yield from _finding(finding)
    if asset_trace.row_count > _MAX_ROWS:
        yield from ("", f"and {asset_trace.row_count - _MAX_ROWS} more rows")


def _row(row_trace: RowTrace) -> Iterator[str]:
    if row_trace.findings:
        yield from ("", "Why")
    for finding in row_trace.findings:
        yield from _finding(finding)
    if row_trace.rule_checks:
        yield from ("", "What the catalogue says, by rule")
    for check in row_trace.rule_checks:
        yield from _rule_lines(check)
        if check.name == "consents":
            yield from limited_lines(_consents(row_trace.consents))
        if check.name == "releases":
            yield from limited_lines(_release(line) for line in row_trace.releases)
    if row_trace.file is not None:
        yield from file_lines(row_trace.file, row_trace.row)


def _finding(finding: RuleFinding) -> Iterator[str]:
    info = finding.info
    yield from wrap(info.sentence, f"  {finding.reason}: ", "    ")
    evidence = [cut(text) for text in finding.evidence[:MAX_LINES]]
    if len(finding.evidence) > MAX_LINES:
        evidence.append(f"and {len(finding.evidence) - MAX_LINES} more")
    # Evidence from files and servers already names its location.
    said = info.stage is Stage.ENRICH and info.outcome is Outcome.REFUSED
    yield from wrap(
        "; ".join(evidence), f"    seen{'' if said else f' in {info.source}'}: ", "      "
    )
    yield from wrap(info.remedy, "    how to fix: ", "      ")


def _rule_lines(check: RuleCheck) -> Iterator[str]:
    verdict = ", ".join(check.reasons) or "ok"
    said = cut(check.said)
    head = f"  {check.rule:2} {check.name:<13}"
    line = f"{head}{said}"
    if len(line) < _VERDICT_COLUMN - 1 and _VERDICT_COLUMN + len(verdict) <= WIDTH:
        yield f"{line:<{_VERDICT_COLUMN}}{verdict}"
    elif len(line) + len(verdict) + 2 <= WIDTH:
        yield f"{line}{verdict:>{WIDTH - len(line)}}"
    else:
        yield from wrap(said, head, " " * len(head))
        yield from wrap(verdict, " " * (2 + len(head)), " " * (2 + len(head)))


def _consents(lines: Sequence[ConsentLine]) -> Iterator[str]:
    """Yields a line for each contributor and consent, joining purposes with the same consent."""
    for group in group_consents(lines):
        verdict = group.reason or ("ok" if group.needed else "not needed")
        yield f"{group.sentence}: {verdict}"
    if any(line.inexact and line.since for line in lines):
        yield (
            "(Of a day, or a time without a zone, a yes counts from the earliest and a no from the "
            "latest instant that it can be anywhere.)"
        )


def _release(line: ReleaseLine) -> str:
    facts = dict(line.facts)
    parts = [line.kind or "not in the releases table"]
    if "signed_at" in facts:
        parts.append(f"signed {facts['signed_at']}")
    if "shoot_from" in facts or "shoot_until" in facts:
        parts.append(f"shoot {facts.get('shoot_from', '?')} to {facts.get('shoot_until', '?')}")
    parts.append(f"until {facts['valid_until']}" if "valid_until" in facts else "no end")
    valid_text = "valid" if line.is_valid else "neither a model nor a property release"
    faults = "; ".join(f"{fault} ({_fault_evidence(line, fault)})" for fault in line.faults)
    return f"{line.release_id}  {', '.join(parts)}: {faults or valid_text}"


def _fault_evidence(line: ReleaseLine, fault: str) -> str:
    return line.evidence(fault).removeprefix(f"{line.release_id}: ")


def _run_lines(
    asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> Iterator[str]:
    if run is None:
        if combined_outcome(asset_trace.rows) == "cleared":
            yield from wrap(
                "What the profile needs, its size, measures and faces, duplicates and the deal's "
                "cap were not judged: they depend on models or on other assets. --out shows what a "
                "run decided."
            )
        return
    if not run.decisions:
        yield f"Run {run.delivery}: it has no decision on this asset."
    ours = {row_trace.decision.reasons for row_trace in asset_trace.rows if row_trace.decision}
    for decision in run.decisions[:2]:
        yield from wrap(
            _decision_text(decision, decision.reasons in ours), f"Run {run.original}: ", "  "
        )
    if run.is_removed:
        yield f"  It was removed since: {run.delivery} does not have it."
    elif run.original != run.delivery and run.decisions:
        yield f"  {run.delivery} continues from that run, without what was removed since."
    for warning in run_warnings(asset_trace, inputs, run):
        yield from wrap(warning, "  warning: ", "    ")


def _decision_text(decision: Decision, same: bool) -> str:
    if decision.shard:
        return f"delivered in shard {decision.shard} under the key {decision.key}"
    failed = decision.outcome == Outcome.FAILED
    outcome = (
        f"{'failed asset' if failed else decision.outcome} in the step {STEP_NAMES[decision.stage]}"
    )
    if same:
        return f"{outcome}, for the same reason{'' if len(decision.reasons) == 1 else 's'}"
    return f"{outcome}: {', '.join(decision.reasons)} ({cut(one_line(decision.detail))})"
