"""Finds agreements that consents name without effect: not listed, or not in force."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.catalogue.consent_basis import SILENCE, consent_bases
from pipelines.rights.arrow import as_integers, column, equals, is_present
from pipelines.rights.formatting import one_line
from pipelines.rights.index import RightsIndex
from pipelines.storage.columns import values_of
from schemas.rights import ALL_PURPOSES, Permission, Purpose

NamedAgreement = tuple[str, str, str]  # contributor, purpose, agreement


def void_agreements(
    who: str | None, purpose: Purpose, index: RightsIndex, named: Sequence[NamedAgreement]
) -> Iterator[str]:
    """Yields a note on each agreement that a contributor's consent names without effect.

    There is none if an agreement of the deal covers the contributor for the purpose.
    """
    someone = pa.array([who], pa.string())
    if index.agreements[purpose].agreement_of(someone)[0] >= 0:
        return
    refs = {ref for by, about, ref in named if by == who and about in (purpose, ALL_PURPOSES)}
    for ref in sorted(refs):
        found = index.listed.find(pa.array([ref], pa.string()), someone)
        if found[0] < 0:
            yield f"agreement {one_line(ref)} lifts nothing: it is not listed for them"
        elif not index.listed.cover(found, purpose)[0]:
            yield f"agreement {one_line(ref)} lifts nothing: it is not in force"


def named_agreements(events: pa.Table, as_of_us: int) -> list[NamedAgreement]:
    """Returns the agreements that consents name, of events up to the instant.

    A yes by silence signs none, so it is left out.
    """
    chosen = is_present(column(events, "agreement_ref"))
    chosen &= equals(column(events, "value"), Permission.ALLOW.value)
    chosen &= as_integers(column(events, "given_at"), as_of_us + 1) <= as_of_us
    chosen &= consent_bases(events).codes != SILENCE
    found = events.filter(pa.array(chosen))
    names = ("contributor_id", "purpose", "agreement_ref")
    return list(zip(*(values_of(column(found, name), str) for name in names), strict=True))
