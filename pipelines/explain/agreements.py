"""Tells which agreements an asset's contributors name in vain: they lift nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pyarrow as pa

from pipelines.rights.arrow import as_integers, column, equals, is_present, one_of
from pipelines.rights.formatting import one_line
from pipelines.rights.index import RightsIndex
from pipelines.storage.columns import values_of
from schemas.rights import ALL_PURPOSES, Permission, Purpose

NamedAgreement = tuple[str, str, str]  # contributor, purpose, agreement


def void_agreements(
    who: str | None, purpose: Purpose, index: RightsIndex, named: Sequence[NamedAgreement]
) -> Iterator[str]:
    """Yields the agreements that a contributor's yes names and that lift nothing.

    It yields none where an agreement of the deal covers the contributor.
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


def named_agreements(
    consents: pa.Table, who: list[str | None], asset_id: str, as_of_us: int
) -> list[NamedAgreement]:
    """Returns the agreements that the contributors' yeses name, up to the instant."""
    ref = column(consents, "agreement_ref")
    chosen = is_present(ref) & equals(column(consents, "value"), Permission.ALLOW.value)
    chosen &= as_integers(column(consents, "given_at"), as_of_us + 1) <= as_of_us
    chosen &= one_of(column(consents, "contributor_id"), [name for name in who if name])
    asset = column(consents, "asset_id")
    chosen &= ~is_present(asset) | one_of(asset, [asset_id])
    found = consents.filter(pa.array(chosen))
    names = ("contributor_id", "purpose", "agreement_ref")
    return list(zip(*(values_of(column(found, name), str) for name in names), strict=True))
