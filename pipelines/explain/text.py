"""Formats a trace as plain lines that fit on one screen, for people.

Values come from catalogues and files that may be hostile: each is already one printable line, and
lines are printed as text, so that markup or escape sequences in them have no effect.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import cast

from rich.console import Console
from rich.text import Text

from pipelines.explain.asset import AssetTrace, DecisionInputs
from pipelines.explain.consents import ConsentLine, group_consents
from pipelines.explain.file import FileStatement, FileTrace
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
from schemas.signal import AssertionKind, Origin

WIDTH = 100
_MAX_CHARS = 240  # characters after which a line's text is cut; --json has all of it
_MAX_LINES = 8  # lines of one kind
_MAX_ROWS = 3  # of one id
_VERDICT_COLUMN = 76  # the column of a rule's verdict, if it fits
_OUTCOME_LABELS = {
    "cleared": ("CLEARED", "bold green"),
    "refused": ("REFUSED", "bold red"),
    "dead_letter": ("CANNOT BE READ", "bold red"),
}
_CARRIED_KINDS = frozenset(
    {AssertionKind.ALTERATION, AssertionKind.FILE_CONSTRAINT, AssertionKind.DUPLICATION}
)
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
    head = f"{_outcome_label(asset_trace, run)[0]}  {_cut(one_line(asset_trace.asset_id), 60)}"
    title_chars = min(50, WIDTH - len(head) - len('  "…"'))
    yield head + (f'  "{_cut(one_line(title), title_chars)}"' if title else "")
    yield f"deal {deal.deal_id}, rights as of {inputs.as_of.isoformat().replace('+00:00', 'Z')}"
    for warning in asset_trace.warnings:
        yield from _wrap(_cut(" ".join(warning.split()), 2 * _MAX_CHARS), "warning: ", "  ")
    for found in asset_trace.reported:
        yield from _wrap(_cut(_reported(found)), "reported: ", "  ")
    if asset_trace.row_count > 1:
        yield f"{asset_trace.row_count} rows of the catalogue have this asset_id; all are refused."
    if combined_outcome(asset_trace.rows) == "cleared":
        yield from _wrap(_cleared_sentence(asset_trace))
    run_lines = list(_run_lines(asset_trace, inputs, run))
    if _is_left_out(asset_trace, run):  # the run's decision is what matters then
        yield from run_lines
        run_lines = []
    if asset_trace.row_count == 1:
        yield from _row(asset_trace.rows[0])
    else:
        yield from _duplicate_rows(asset_trace)
    if asset_trace.no_file_reason:
        yield from ("", *_wrap(asset_trace.no_file_reason))
    if run_lines:
        yield from ("", *run_lines)


def _reported(found: Mapping[str, object]) -> str:
    """Returns a rule on references that failed in the catalogue and does not stop the run."""
    named = ", ".join(map(one_line, cast("list[str]", found["examples"])))
    return f"{found['rule']} failed {found['failed']} times, which does not stop a run: {named}"


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
        named = f": {_cut(one_line(uri), 70)}" if uri else ""
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
            yield from _limited_lines(_consents(row_trace.consents))
        if check.name == "releases":
            yield from _limited_lines(_release(line) for line in row_trace.releases)
    if row_trace.file is not None:
        yield from _file(row_trace.file, row_trace.row)


def _finding(finding: RuleFinding) -> Iterator[str]:
    info = finding.info
    yield from _wrap(info.sentence, f"  {finding.reason}: ", "    ")
    evidence = [_cut(text) for text in finding.evidence[:_MAX_LINES]]
    if len(finding.evidence) > _MAX_LINES:
        evidence.append(f"and {len(finding.evidence) - _MAX_LINES} more")
    # Evidence from files and servers already names its location.
    said = info.stage is Stage.ENRICH and info.outcome is Outcome.REFUSED
    yield from _wrap(
        "; ".join(evidence), f"    seen{'' if said else f' in {info.source}'}: ", "      "
    )
    yield from _wrap(info.remedy, "    how to fix: ", "      ")


def _rule_lines(check: RuleCheck) -> Iterator[str]:
    verdict = ", ".join(check.reasons) or "ok"
    said = _cut(check.said)
    head = f"  {check.rule:2} {check.name:<13}"
    line = f"{head}{said}"
    if len(line) < _VERDICT_COLUMN - 1 and _VERDICT_COLUMN + len(verdict) <= WIDTH:
        yield f"{line:<{_VERDICT_COLUMN}}{verdict}"
    elif len(line) + len(verdict) + 2 <= WIDTH:
        yield f"{line}{verdict:>{WIDTH - len(line)}}"
    else:
        yield from _wrap(said, head, " " * len(head))
        yield from _wrap(verdict, " " * (2 + len(head)), " " * (2 + len(head)))


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


def _file(file: FileTrace, row: Mapping[str, object]) -> Iterator[str]:
    digest = f", sha256 {file.media_sha256[:12]}…" if file.media_sha256 else ""
    end = digest or "; nothing was read from it"
    yield from ("", *_wrap(f"{_cut(one_line(row['media_uri']), 80)}{end}", "The file: ", "  "))
    if not file.media_sha256:
        return
    for origin, name in (
        (Origin.FILE, "The file says"),
        (Origin.SERVER, "Its server says"),
        (Origin.CATALOGUE, "Overridden in the catalogue"),
    ):
        said = [item for item in file.statements if item.origin is origin]
        if said:
            yield f"  {name}"
            yield from _limited_lines(_statements(said), "    ")
        elif origin is Origin.FILE:
            yield "  It says nothing about rights."
    yield from _sample_conditions(file, row)


def _statements(said: Iterable[FileStatement]) -> Iterator[str]:
    """Yields a line for each statement, with all purposes that it applies to."""
    meanings_by_effect: dict[tuple[str, str], list[str]] = {}
    for item in sorted(said, key=_rank):
        meanings_by_effect.setdefault((item.source, _effect(item)), []).append(
            f"{item.purpose} {item.value}" if item.purpose else ""
        )
    for (source, effect), meanings in meanings_by_effect.items():
        meaning_text = ", ".join(text for text in meanings if text)
        yield f"{source}{f' ({meaning_text})' if meaning_text else ''}: {effect}"


def _rank(item: FileStatement) -> int:
    """Sorts deciding and overridden statements first, then others about use, then the rest."""
    if item.reasons or item.overridden_by:
        return 0
    return 1 if item.purpose or item.kind in _CARRIED_KINDS else 2


def _effect(item: FileStatement) -> str:
    """Returns a statement's effect on the decision."""
    if item.reasons:
        conflicts = "; ".join(dict.fromkeys(ours for _, ours in item.conflicts))
        return f"{', '.join(item.reasons)}{f'; the catalogue has {conflicts}' if conflicts else ''}"
    if item.overridden_by:
        return f"overridden by the signed agreement {item.overridden_by}"
    if item.kind in _CARRIED_KINDS:
        return "travels with the sample"
    if item.kind is AssertionKind.PERSONAL:
        return "personal data"
    return "changes nothing" if item.needed else "not required by the deal"


def _sample_conditions(file: FileTrace, row: Mapping[str, object]) -> Iterator[str]:
    """Yields what is delivered with the sample or omitted from it because of its rights."""
    parts = []
    if not file.inference:
        parts.append("no caption and no embedding: inference is not allowed")
    if row.get("usable_until"):
        parts.append(f"usable until {row['usable_until']}")
    parts += [f"{kind} {', '.join(codes)}" for kind, codes in file.constraints]
    if parts:
        yield from _wrap("; ".join(parts), "  With the sample: ", "    ")


def _run_lines(
    asset_trace: AssetTrace, inputs: DecisionInputs, run: RunLookup | None
) -> Iterator[str]:
    if run is None:
        if combined_outcome(asset_trace.rows) == "cleared":
            yield from _wrap(
                "What the profile needs, its size, measures and faces, duplicates and the deal's "
                "cap were not judged: they depend on models or on other assets. --out shows what a "
                "run decided."
            )
        return
    if not run.decisions:
        yield f"Run {run.delivery}: it has no decision on this asset."
    ours = {row_trace.decision.reasons for row_trace in asset_trace.rows if row_trace.decision}
    for decision in run.decisions[:2]:
        yield from _wrap(
            _decision_text(decision, decision.reasons in ours), f"Run {run.original}: ", "  "
        )
    if run.is_removed:
        yield f"  It was removed since: {run.delivery} does not have it."
    elif run.original != run.delivery and run.decisions:
        yield f"  {run.delivery} goes on from that run, less what was removed since."
    for warning in run_warnings(asset_trace, inputs, run):
        yield from _wrap(warning, "  warning: ", "    ")


def _decision_text(decision: Decision, same: bool) -> str:
    if decision.shard:
        return f"delivered in shard {decision.shard} under the key {decision.key}"
    failed = decision.outcome == Outcome.FAILED
    outcome = (
        f"{'failed asset' if failed else decision.outcome} in the step {STEP_NAMES[decision.stage]}"
    )
    if same:
        return f"{outcome}, for the same reason{'' if len(decision.reasons) == 1 else 's'}"
    return f"{outcome}: {', '.join(decision.reasons)} ({_cut(one_line(decision.detail))})"


def _limited_lines(lines: Iterable[str], indent: str = " " * 7) -> Iterator[str]:
    all_lines = list(lines)
    for line in all_lines[:_MAX_LINES]:
        yield from _wrap(_cut(line), indent, f"{indent}  ")
    if len(all_lines) > _MAX_LINES:
        yield f"{indent}and {len(all_lines) - _MAX_LINES} more (--json has all)"


def _cut(text: str, max_chars: int = _MAX_CHARS) -> str:
    return text if len(text) <= max_chars else f"{text[:max_chars]}…"


def _wrap(text: str, first: str = "", rest: str = "") -> list[str]:
    """Returns printable lines of at most `WIDTH`; words of `first` are wrapped with the text."""
    head = first.lstrip(" ")
    indent = first[: len(first) - len(head)]
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return textwrap.wrap(
        head + text, WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False
    )
