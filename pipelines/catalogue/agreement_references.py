"""Accounts for signed agreements: who names one that is not listed, and whose end would be lost.

Agreements are listed in the agreements table or in the deal. What is not listed lifts nothing, so
that it is only counted; a revocation that reaches nothing may be a no that is lost.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, time

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.identifiers import normalise_id
from pipelines.storage.columns import Column, join_text, values_of
from schemas.deal import Deal
from schemas.deal_terms import ALL_CONTRIBUTORS
from schemas.rights import Permission

# An agreement and a contributor.
Signature = tuple[str, str]

_JOINT = "\0"  # in no id: they are normalised


@dataclass(frozen=True)
class AgreementReferences:
    """What is wrong with references from and to agreements; no asset is needed to tell.

    Attributes:
        unlisted: Agreements that a contributor's yes names and that are not listed for them.
        lost_revocations: Revoked agreements that no consent of the contributor names, nor the deal.
        contradicted: Agreements of the deal that the table revokes or ends before the deal does.
        unknown_contributors: How many contributors agreements name who are in no table.
        listed: All agreements that are listed.
        named: All agreements that consents name.
    """

    unlisted: tuple[Signature, ...] = ()
    lost_revocations: tuple[Signature, ...] = ()
    contradicted: tuple[Signature, ...] = ()
    unknown_contributors: int = 0
    listed: tuple[str, ...] = ()
    named: tuple[str, ...] = ()


@dataclass(frozen=True)
class _DealAgreements:
    """The deal's agreements, by reference as ids are compared."""

    contributors: dict[str, frozenset[str]]

    def cover(self, ref: str, contributor_id: str) -> bool:
        """Whether the deal lists an agreement for a contributor."""
        return not self.contributors.get(ref, frozenset()).isdisjoint(
            (contributor_id, ALL_CONTRIBUTORS)
        )


def _deal_agreements(deal: Deal) -> _DealAgreements:
    found: dict[str, frozenset[str]] = {}
    for agreement in deal.agreements:
        ref = normalise_id(agreement.ref)
        found[ref] = found.get(ref, frozenset()) | set(agreement.contributors)
    return _DealAgreements(found)


def find_agreement_references(
    contributors: pa.Table, consents: pa.Table, agreements: pa.Table, deal: Deal
) -> AgreementReferences:
    """Compares the agreements that are named with those that are listed.

    Args:
        contributors: The contributors table.
        consents: The consents table.
        agreements: The agreements table.
        deal: The deal.
    """
    by_deal = _deal_agreements(deal)
    said_yes = pc.equal(consents.column("value"), pa.scalar(Permission.ALLOW.value))
    named = _signatures(consents)
    listed = _signatures(agreements)
    revoked = _signatures(agreements.filter(pc.is_valid(agreements.column("revoked_at"))))
    over = _signatures(agreements.filter(_ends_before(agreements, deal)))
    known = set(values_of(contributors.column("contributor_id").combine_chunks(), str))
    in_deal = {who for found in by_deal.contributors.values() for who in found} - {ALL_CONTRIBUTORS}
    return AgreementReferences(
        _sorted(
            pair
            for pair in _signatures(consents.filter(said_yes))
            if pair not in listed and not by_deal.cover(*pair)
        ),
        _sorted(pair for pair in revoked - named if not by_deal.cover(*pair)),
        _sorted(pair for pair in over if by_deal.cover(*pair)),
        len((in_deal | {who for _, who in listed}) - known),
        tuple(sorted({ref for ref, _ in listed} | by_deal.contributors.keys())),
        tuple(sorted({ref for ref, _ in named})),
    )


def _signatures(table: pa.Table) -> set[Signature]:
    """Returns the agreements of a table with the contributors beside them."""
    refs, ids = (
        table.column(name).combine_chunks() for name in ("agreement_ref", "contributor_id")
    )
    found = set()
    for text in values_of(pc.unique(join_text(refs, ids, _JOINT)).drop_null(), str):
        ref, _, contributor_id = text.partition(_JOINT)
        found.add((ref, contributor_id))
    return found


def _ends_before(agreements: pa.Table, deal: Deal) -> Column:
    """Returns where an agreement is revoked or ends before the deal's last day is over."""
    last = pa.scalar(datetime.combine(deal.ends, time.max, UTC), pa.timestamp("us", "UTC"))
    revoked_at, valid_until = (
        agreements.column(name).combine_chunks() for name in ("revoked_at", "valid_until")
    )
    revoked = pc.less_equal(revoked_at, last)
    over: Column = pc.or_kleene(revoked, pc.less(valid_until, pa.scalar(deal.ends)))
    return over


def _sorted(pairs: Iterable[Signature]) -> tuple[Signature, ...]:
    return tuple(sorted(pairs))
