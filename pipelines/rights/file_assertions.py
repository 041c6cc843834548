"""Compares a file's claims about people, property, source and owners with the catalogue.

Rules 17 to 20, 22 and 25 of docs/rights.md: each compares one kind of claim with one column, and a
contradiction refuses and names both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product

from pipelines.rights.formatting import one_line
from pipelines.signals.file.owners import NOT_UTF8, same_owner, without_guesses
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES
from schemas.signal import AssertionKind, FileAssertion
from schemas.unit import ClearedRow

_Conflict = tuple[Reason, str]

_MINOR_AGES = frozenset({"AG-U14", "AG-A15", "AG-A16", "AG-A17"})
_ADULT_AGES = frozenset(f"AG-A{age}" for age in range(18, 26))
_UNKNOWN_AGE = "AG-UNK"
_ADULT_YEARS = 18


def assertion_conflicts(
    row: ClearedRow, assertions: Sequence[FileAssertion], deal: Deal
) -> Iterator[_Conflict]:
    """Every contradiction between a file's claims and its catalogue row, with a note each."""
    if not assertions:
        return  # most files state nothing
    if row["licence_class"] != "editorial":  # which needs no releases
        yield from _release_conflicts(row, assertions)  # 17
    yield from _minor_conflicts(row, assertions)  # 18
    yield from _source_conflicts(row, assertions, deal)  # 19
    if deal.rights.copyright_conflicts == "refuse":
        yield from _copyright_conflicts(assertions)  # 20
    if deal.rights.unjudged_content == "refuse":
        yield from _unjudged_content(assertions)  # 22
    yield from _personal_data(assertions, deal)  # 25


def file_source_types(assertions: Iterable[FileAssertion]) -> list[str]:
    """The digital source types that a file states: generated ones first, else in their order."""
    terms = [
        assertion.value for assertion in assertions if assertion.kind is AssertionKind.SOURCE_TYPE
    ]
    return sorted(dict.fromkeys(terms), key=lambda term: not is_generated(term))


def is_generated(term: str) -> bool:
    """Whether a term names generated media; an unknown term counts as generated."""
    return DIGITAL_SOURCE_TYPES.get(term.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX), True)


def _release_conflicts(row: ClearedRow, assertions: Sequence[FileAssertion]) -> Iterator[_Conflict]:
    people = row["people_count"]
    is_shown = None if people is None or people < 0 else people > 0
    release_ids = set(row["release_ids"] or ())
    for assertion in assertions:
        note = f"{assertion.where}={one_line(assertion.value)}"
        if assertion.kind is AssertionKind.MODEL_RELEASE and not _fits(
            assertion.value, "M", is_shown
        ):
            yield Reason.CONFLICT_MODEL_RELEASE, f"{note}, people_count={people}"
        if assertion.kind is AssertionKind.PROPERTY_RELEASE and not _fits(
            assertion.value, "P", row["property"]
        ):
            yield Reason.CONFLICT_PROPERTY_RELEASE, f"{note}, property={row['property']}"
        is_release_id = assertion.kind in (
            AssertionKind.MODEL_RELEASE_ID,
            AssertionKind.PROPERTY_RELEASE_ID,
        )
        if is_release_id and assertion.value not in release_ids:
            yield (
                Reason.CONFLICT_RELEASE_IDS,
                f"{note}, release_ids={one_line(sorted(release_ids))}",
            )


def _fits(status: str, letter: str, is_shown: bool | None) -> bool:
    """Whether a release status agrees with what is shown; `is_shown` is None where nobody knows.

    An asset that shows people or property came this far by its releases, so a file that has none,
    or limited ones, contradicts the catalogue.
    """
    agrees = {
        f"{letter}R-U{letter}R": is_shown is not False,  # unlimited releases
        f"{letter}R-NAP": is_shown is not True,  # not applicable
        f"{letter}R-NON": is_shown is False,  # none
        f"{letter}R-L{letter}R": False,  # limited or incomplete
    }
    return agrees.get(status, False)


def _minor_conflicts(row: ClearedRow, assertions: Sequence[FileAssertion]) -> Iterator[_Conflict]:
    yield from _people_conflicts(row, assertions)
    for assertion in assertions:
        if assertion.kind is not AssertionKind.MINOR_AGE or assertion.value == _UNKNOWN_AGE:
            continue
        # An age value that means neither adult nor minor agrees with nothing.
        if assertion.value not in (_MINOR_AGES if row["minors"] else _ADULT_AGES):
            note = f"{assertion.where}={one_line(assertion.value)}, minors={row['minors']}"
            yield Reason.CONFLICT_MINORS, note


def _people_conflicts(row: ClearedRow, assertions: Sequence[FileAssertion]) -> Iterator[_Conflict]:
    """Ages under 18, and more people than the catalogue counts; an unknown count is none."""
    counted = max(row["people_count"] or 0, 0)
    for assertion in assertions:
        note = f"{assertion.where}={one_line(assertion.value)}"
        if assertion.kind is AssertionKind.MODEL_AGE and not row["minors"]:
            is_adult = assertion.value.isdecimal() and int(assertion.value) >= _ADULT_YEARS
            if not is_adult:
                yield Reason.CONFLICT_MINORS, f"{note}, minors={row['minors']}"
        if assertion.kind is AssertionKind.PEOPLE_SHOWN:
            shown = int(assertion.value) if assertion.value.isdecimal() else counted + 1
            if shown > counted:
                yield Reason.CONFLICT_PEOPLE, f"{note}, people_count={row['people_count']}"


def _unjudged_content(assertions: Sequence[FileAssertion]) -> Iterator[_Conflict]:
    for assertion in assertions:
        if assertion.kind is AssertionKind.UNJUDGED:
            yield Reason.FILE_UNJUDGED, f"{assertion.where}: {one_line(assertion.value)}"


def _personal_data(assertions: Sequence[FileAssertion], deal: Deal) -> Iterator[_Conflict]:
    """Personal data, where the deal refuses it; a file that must keep the metadata it removes."""
    for assertion in assertions:
        note = f"{assertion.where}: {one_line(assertion.value)}"
        if assertion.kind is AssertionKind.PERSONAL and deal.rights.personal_data == "refuse":
            yield Reason.FILE_PERSONAL_DATA, note
        keeps = assertion.kind is AssertionKind.FILE_CONSTRAINT and assertion.value == "IF-MMD"
        if keeps and deal.rights.strips_metadata:
            yield Reason.CONFLICT_KEEP_METADATA, note


def _source_conflicts(
    row: ClearedRow, assertions: Sequence[FileAssertion], deal: Deal
) -> Iterator[_Conflict]:
    stated = row["digital_source_type"]
    for assertion in assertions:
        if assertion.kind is not AssertionKind.SOURCE_TYPE:
            continue
        note = f"{assertion.where}={one_line(assertion.value)}"
        generated = is_generated(assertion.value)
        if generated and deal.rights.ai_generated == "refuse":
            yield Reason.FILE_AI_GENERATED, note
        if stated is not None and is_generated(stated) != generated:
            yield Reason.CONFLICT_SOURCE, f"{note}, digital_source_type={one_line(stated)}"


def _copyright_conflicts(assertions: Sequence[FileAssertion]) -> Iterator[_Conflict]:
    """Conflicts between EXIF, IIM and XMP notices that have no named owner in common."""
    notices: dict[str, list[FileAssertion]] = defaultdict(list)
    for assertion in assertions:
        if assertion.kind is AssertionKind.COPYRIGHT:
            notices[assertion.where.split()[0]].append(assertion)
    for first, second in combinations(sorted(notices), 2):
        pairs = product(notices[first], notices[second])
        if not any(same_owner(_notice(a), _notice(b)) for a, b in pairs):
            sides = (notices[first][0], notices[second][0])
            note = ", ".join(
                f"{assertion.where}={one_line(assertion.value)}" for assertion in sides
            )
            yield Reason.CONFLICT_COPYRIGHT, note


def _notice(assertion: FileAssertion) -> str:
    is_guessed = f"({NOT_UTF8})" in assertion.where
    return without_guesses(assertion.value) if is_guessed else assertion.value
