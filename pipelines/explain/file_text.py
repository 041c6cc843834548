"""Formats what a file and its server state about rights as lines, for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from pipelines.explain.file import FileStatement, FileTrace
from pipelines.explain.fitting import cut, limited_lines, wrap
from pipelines.rights.formatting import one_line
from schemas.signal import AssertionKind, Origin

_CARRIED_KINDS = frozenset(
    {AssertionKind.ALTERATION, AssertionKind.FILE_CONSTRAINT, AssertionKind.DUPLICATION}
)


def file_lines(file: FileTrace, row: Mapping[str, object]) -> Iterator[str]:
    """Yields what is known about an asset's file, and what is delivered because of it."""
    digest = f", sha256 {file.media_sha256[:12]}…" if file.media_sha256 else ""
    end = digest or "; nothing was read from it"
    yield from ("", *wrap(f"{cut(one_line(row['media_uri']), 80)}{end}", "The file: ", "  "))
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
            yield from limited_lines(_statements(said), "    ")
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
        yield from wrap("; ".join(parts), "  With the sample: ", "    ")
