"""A trace for people: one screen of plain lines.

Values come from catalogues and files that may be hostile: each is one printable line already, and
lines are printed as text, so that neither markup nor an escape sequence in them does anything.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator

from rich.console import Console
from rich.text import Text

from pipelines.explain.asset import Explained, Inquiry
from pipelines.explain.consents import ConsentLine, group_consents
from pipelines.explain.file import FileTrace, Row, Statement
from pipelines.explain.published import RunAnswer, Told
from pipelines.explain.record import run_warnings
from pipelines.explain.releases import ReleaseLine
from pipelines.explain.rules import Step
from pipelines.explain.trace import Finding, RowTrace, verdict_of
from pipelines.rights.lines import one_line
from schemas.reasons import Outcome, Reason, Stage
from schemas.signal import ClaimKind, Origin

WIDTH = 100
_LONGEST = 240  # characters of a line's text before it is cut: --json has it whole
_MOST = 8  # lines of one kind
_MOST_ROWS = 3  # of one id
_VERDICT_AT = 76  # the column of a rule's verdict, where it fits
_VERDICTS = {
    "cleared": ("CLEARED", "bold green"),
    "refused": ("REFUSED", "bold red"),
    "dead_letter": ("CANNOT BE READ", "bold red"),
}
_CARRIED = frozenset({ClaimKind.ALTERATION, ClaimKind.FILE_CONSTRAINT, ClaimKind.DUPLICATION})
_UNREAD = ("CLEARED SO FAR", "bold yellow")


def show_explained(
    console: Console, explained: Explained, inquiry: Inquiry, run: RunAnswer | None
) -> None:
    """Prints a trace."""
    word, style = _headword(explained)
    lines = explained_lines(explained, inquiry, run)
    first = Text(next(lines))
    first.stylize(style, 0, len(word))
    console.print(first, soft_wrap=True)
    for line in lines:
        console.print(Text(line), soft_wrap=True)


def explained_lines(explained: Explained, inquiry: Inquiry, run: RunAnswer | None) -> Iterator[str]:
    """The lines of a trace."""
    deal = inquiry.deal
    title = next((trace.row["title"] for trace in explained.rows if trace.row.get("title")), None)
    head = f"{_headword(explained)[0]}  {_cut(one_line(explained.asset_id), 60)}"
    room = min(50, WIDTH - len(head) - len('  "…"'))
    yield head + (f'  "{_cut(one_line(title), room)}"' if title else "")
    yield f"deal {deal.deal_id}, rights as of {inquiry.as_of.isoformat().replace('+00:00', 'Z')}"
    for warning in explained.warnings:
        yield from _wrap(_cut(" ".join(warning.split()), 2 * _LONGEST), "warning: ", "  ")
    if explained.count > 1:
        yield f"{explained.count} rows of the catalogue have this asset_id; each is refused."
    if verdict_of(explained.rows) == "cleared":
        yield from _wrap(_clear(explained))
    if explained.count == 1:
        yield from _row(explained.rows[0])
    else:
        yield from _several(explained)
    if explained.why_no_file:
        yield from ("", *_wrap(explained.why_no_file))
    decided = list(_run(explained, inquiry, run))
    if decided:
        yield from ("", *decided)


def _headword(explained: Explained) -> tuple[str, str]:
    return _UNREAD if explained.unread else _VERDICTS[verdict_of(explained.rows)]


def _clear(explained: Explained) -> str:
    if explained.unread:
        return "Nothing in the catalogue is against it."
    if any(trace.file and trace.file.overridden for trace in explained.rows):
        return "Nothing is against it but what a signed agreement overrides."
    return "Nothing in the catalogue, in the file or on its server is against it."


def _several(explained: Explained) -> Iterator[str]:
    """Rows of one id: their reasons alone, since no row is cleared."""
    for number, trace in enumerate(explained.rows[:_MOST_ROWS], 1):
        uri = trace.row.get("media_uri")
        named = f": {_cut(one_line(uri), 70)}" if uri else ""
        yield from ("", f"Row {number} of {explained.count}{named}")
        for finding in trace.findings:
            yield from _finding(finding)
    if explained.count > _MOST_ROWS:
        yield from ("", f"and {explained.count - _MOST_ROWS} more rows")


def _row(trace: RowTrace) -> Iterator[str]:
    if trace.findings:
        yield from ("", "Why")
    for finding in trace.findings:
        yield from _finding(finding)
    if trace.steps:
        yield from ("", "What the catalogue says, by rule")
    for step in trace.steps:
        yield from _step(step)
        if step.name == "consents":
            yield from _limited(_consents(trace.consents))
        if step.name == "releases":
            yield from _limited(_release(line) for line in trace.releases)
    if trace.file is not None:
        yield from _file(trace.file, trace.row)


def _finding(finding: Finding) -> Iterator[str]:
    info = finding.reason.info
    yield from _wrap(info.sentence, f"  {finding.reason}: ", "    ")
    seen = [_cut(text) for text in finding.seen[:_MOST]]
    if len(finding.seen) > _MOST:
        seen.append(f"and {len(finding.seen) - _MOST} more")
    # What files and servers say is seen with the place where it stands.
    said = info.stage is Stage.ENRICH and info.outcome is Outcome.REFUSED
    yield from _wrap("; ".join(seen), f"    seen{'' if said else f' in {info.source}'}: ", "      ")
    yield from _wrap(info.cure, "    cure: ", "      ")


def _step(step: Step) -> Iterator[str]:
    verdict = ", ".join(step.reasons) or "ok"
    said = _cut(step.said)
    head = f"  {step.rule:2} {step.name:<13}"
    line = f"{head}{said}"
    if len(line) < _VERDICT_AT - 1 and _VERDICT_AT + len(verdict) <= WIDTH:
        yield f"{line:<{_VERDICT_AT}}{verdict}"
    elif len(line) + len(verdict) + 2 <= WIDTH:
        yield f"{line}{verdict:>{WIDTH - len(line)}}"
    else:
        yield from _wrap(said, head, " " * len(head))
        yield from _wrap(verdict, " " * (2 + len(head)), " " * (2 + len(head)))


def _consents(lines: Iterable[ConsentLine]) -> Iterator[str]:
    """A line for each contributor and what they say, whatever of."""
    for group in group_consents(lines):
        verdict = group.reason or ("ok" if group.needed else "not needed")
        yield f"{group.sentence}: {verdict}"


def _release(line: ReleaseLine) -> str:
    facts = dict(line.facts)
    told = [line.kind or "not in the releases table"]
    if "signed_at" in facts:
        told.append(f"signed {facts['signed_at']}")
    if "shoot_from" in facts or "shoot_until" in facts:
        told.append(f"shoot {facts.get('shoot_from', '?')} to {facts.get('shoot_until', '?')}")
    told.append(f"until {facts['valid_until']}" if "valid_until" in facts else "no end")
    counts = "valid" if line.counts else "counts as neither"
    faults = "; ".join(f"{fault} ({_at_fault(line, fault)})" for fault in line.faults)
    return f"{line.release_id}  {', '.join(told)}: {faults or counts}"


def _at_fault(line: ReleaseLine, fault: Reason) -> str:
    return line.seen(fault).removeprefix(f"{line.release_id}: ")


def _file(file: FileTrace, row: Row) -> Iterator[str]:
    digest = f", sha256 {file.media_sha256[:12]}…" if file.media_sha256 else ""
    end = digest or "; nothing was read of it"
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
            yield from _limited(_statements(said), "    ")
        elif origin is Origin.FILE:
            yield "  It says nothing of rights."
    yield from _travels(file, row)


def _statements(said: Iterable[Statement]) -> Iterator[str]:
    """A line for each thing that was said, with all purposes that it is read into."""
    alike: dict[tuple[str, str], list[str]] = {}
    for item in sorted(said, key=_rank):
        alike.setdefault((item.source, _effect(item)), []).append(
            f"{item.purpose} {item.value}" if item.purpose else ""
        )
    for (source, effect), read in alike.items():
        means = ", ".join(text for text in read if text)
        yield f"{source}{f' ({means})' if means else ''}: {effect}"


def _rank(item: Statement) -> int:
    """What decides comes first, then what was meant to, then the rest."""
    if item.reasons or item.overridden_by:
        return 0
    return 1 if item.purpose or item.kind in _CARRIED else 2


def _effect(item: Statement) -> str:
    """What a statement does to the decision."""
    if item.reasons:
        sides = "; ".join(dict.fromkeys(ours for _, ours in item.conflicts))
        return f"{', '.join(item.reasons)}{f'; the catalogue has {sides}' if sides else ''}"
    if item.overridden_by:
        return f"overridden by the signed agreement {item.overridden_by}"
    if item.kind in _CARRIED:
        return "travels with the sample"
    return "changes nothing" if item.needed else "not asked for by the deal"


def _travels(file: FileTrace, row: Row) -> Iterator[str]:
    """What is delivered with the asset, or left out, because of its rights."""
    told = []
    if not file.inference:
        told.append("no caption and no embedding: inference is not allowed")
    if row.get("usable_until"):
        told.append(f"usable until {row['usable_until']}")
    told += [f"{kind} {', '.join(codes)}" for kind, codes in file.constraints]
    if told:
        yield from _wrap("; ".join(told), "  With the sample: ", "    ")


def _run(explained: Explained, inquiry: Inquiry, run: RunAnswer | None) -> Iterator[str]:
    if run is None:
        if verdict_of(explained.rows) == "cleared":
            yield from _wrap(
                "What the profile needs, its size, duplicates and the deal's cap were not judged: "
                "they depend on models or on other assets. --out shows what a run decided."
            )
        return
    if not run.decisions:
        yield f"Run {run.delivery}: it has no decision on this asset."
    ours = {trace.decision.reasons for trace in explained.rows if trace.decision}
    for told in run.decisions[:2]:
        yield from _wrap(_told(told, told.reasons in ours), f"Run {run.delivery}: ", "  ")
    for warning in run_warnings(explained, inquiry, run):
        yield from _wrap(warning, "  warning: ", "    ")


def _told(told: Told, same: bool) -> str:
    if told.place:
        return f"delivered in shard {told.place.get('shard')} under the key {told.place.get('key')}"
    outcome = f"{told.outcome.replace('_', ' ')} at {told.stage}"
    if same:
        return f"{outcome}, for the same reason{'' if len(told.reasons) == 1 else 's'}"
    return f"{outcome}: {', '.join(told.reasons)} ({_cut(one_line(told.detail))})"


def _limited(lines: Iterable[str], indent: str = " " * 7) -> Iterator[str]:
    every = list(lines)
    for line in every[:_MOST]:
        yield from _wrap(_cut(line), indent, f"{indent}  ")
    if len(every) > _MOST:
        yield f"{indent}and {len(every) - _MOST} more (--json has all)"


def _cut(text: str, most: int = _LONGEST) -> str:
    return text if len(text) <= most else f"{text[:most]}…"


def _wrap(text: str, first: str = "", rest: str = "") -> list[str]:
    """Lines of at most `WIDTH`, printable ones; the words of `first` are wrapped with the text."""
    head = first.lstrip(" ")
    indent = first[: len(first) - len(head)]
    if not text.isprintable():
        text = text.encode("unicode_escape").decode()
    return textwrap.wrap(
        head + text, WIDTH, initial_indent=indent, subsequent_indent=rest, break_on_hyphens=False
    )
