"""What a file states of people, property, source and owners, against the catalogue.

Rules 17 to 20 of docs/rights.md: each compares one kind of claim with one column, and a
contradiction refuses and names both sides.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

from pipelines.rights.lines import one_line
from pipelines.signals.file.legacy import same_owner
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, DIGITAL_SOURCE_TYPES
from schemas.signal import Claim, ClaimKind

Row = dict[str, Any]
_Conflict = tuple[Reason, str]

_MINOR_AGES = frozenset({"AG-U14", "AG-A15", "AG-A16", "AG-A17"})
_ADULT_AGES = frozenset(f"AG-A{age}" for age in range(18, 26))
_UNKNOWN_AGE = "AG-UNK"


def claim_conflicts(row: Row, claims: Sequence[Claim], deal: Deal) -> Iterator[_Conflict]:
    """Every contradiction between a file's claims and its catalogue row, with a note each."""
    if not claims:
        return  # most files state nothing
    if row["licence_class"] != "editorial":  # which needs no releases
        yield from _release_conflicts(row, claims)  # 17
    yield from _minor_conflicts(row, claims)  # 18
    yield from _source_conflicts(row, claims, deal)  # 19
    if deal.rights.copyright_conflicts == "refuse":
        yield from _copyright_conflicts(claims)  # 20


def file_source_types(claims: Iterable[Claim]) -> list[str]:
    """The digital source types that a file states: generated ones first, else in their order."""
    terms = [claim.value for claim in claims if claim.kind is ClaimKind.SOURCE_TYPE]
    return sorted(dict.fromkeys(terms), key=lambda term: not is_generated(term))


def is_generated(term: str) -> bool:
    """Whether a term names generated media; one that nobody knows may."""
    return DIGITAL_SOURCE_TYPES.get(term.removeprefix(DIGITAL_SOURCE_TYPE_PREFIX), True)


def _release_conflicts(row: Row, claims: Sequence[Claim]) -> Iterator[_Conflict]:
    people = row["people_count"]
    shown = None if people is None or people < 0 else people > 0
    held = set(row["release_ids"] or ())
    for claim in claims:
        note = f"{claim.where}={one_line(claim.value)}"
        if claim.kind is ClaimKind.MODEL_RELEASE and not _fits(claim.value, "M", shown):
            yield Reason.CONFLICT_MODEL_RELEASE, f"{note}, people_count={people}"
        if claim.kind is ClaimKind.PROPERTY_RELEASE and not _fits(
            claim.value, "P", row["property"]
        ):
            yield Reason.CONFLICT_PROPERTY_RELEASE, f"{note}, property={row['property']}"
        named = claim.kind in (ClaimKind.MODEL_RELEASE_ID, ClaimKind.PROPERTY_RELEASE_ID)
        if named and claim.value not in held:
            yield Reason.CONFLICT_RELEASE_IDS, f"{note}, release_ids={one_line(sorted(held))}"


def _fits(status: str, letter: str, shown: bool | None) -> bool:
    """Whether a release status agrees with what is shown; `shown` is None where nobody knows.

    An asset that shows people or property came this far by its releases, so a file that has none,
    or limited ones, contradicts the catalogue.
    """
    agrees = {
        f"{letter}R-U{letter}R": shown is not False,  # unlimited releases
        f"{letter}R-NAP": shown is not True,  # not applicable
        f"{letter}R-NON": shown is False,  # none
        f"{letter}R-L{letter}R": False,  # limited or incomplete
    }
    return agrees.get(status, False)


def _minor_conflicts(row: Row, claims: Sequence[Claim]) -> Iterator[_Conflict]:
    for claim in claims:
        if claim.kind is not ClaimKind.MINOR_AGE or claim.value == _UNKNOWN_AGE:
            continue
        # An age that is neither agrees with nothing.
        if claim.value not in (_MINOR_AGES if row["minors"] else _ADULT_AGES):
            note = f"{claim.where}={one_line(claim.value)}, minors={row['minors']}"
            yield Reason.CONFLICT_MINORS, note


def _source_conflicts(row: Row, claims: Sequence[Claim], deal: Deal) -> Iterator[_Conflict]:
    stated = row["digital_source_type"]
    for claim in claims:
        if claim.kind is not ClaimKind.SOURCE_TYPE:
            continue
        note = f"{claim.where}={one_line(claim.value)}"
        generated = is_generated(claim.value)
        if generated and deal.rights.ai_generated == "refuse":
            yield Reason.FILE_AI_GENERATED, note
        if stated is not None and is_generated(stated) != generated:
            yield Reason.CONFLICT_SOURCE, f"{note}, digital_source_type={one_line(stated)}"


def _copyright_conflicts(claims: Sequence[Claim]) -> Iterator[_Conflict]:
    """Between EXIF, IIM and XMP: no notice of the one names an owner that the other names."""
    notices: dict[str, list[Claim]] = defaultdict(list)
    for claim in claims:
        if claim.kind is ClaimKind.COPYRIGHT:
            notices[claim.where.split()[0]].append(claim)
    for one, other in combinations(sorted(notices), 2):
        pairs = product(notices[one], notices[other])
        if not any(same_owner(a.value, b.value) for a, b in pairs):
            sides = (notices[one][0], notices[other][0])
            note = ", ".join(f"{claim.where}={one_line(claim.value)}" for claim in sides)
            yield Reason.CONFLICT_COPYRIGHT, note
