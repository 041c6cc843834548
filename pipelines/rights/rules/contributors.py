"""Rules 7 and 8: contributors are known, share the whole, and consent."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from pipelines.rights.arrow import BoolArray, ListColumn, as_integers, list_column
from pipelines.rights.consent_verdicts import ConsentVerdict, VerdictBits, merge_narrowed
from pipelines.rights.consents import ConsentPositions
from pipelines.rights.formatting import one_line
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import CONSENT_NOTES, Rule, Topic, TracedRow
from pipelines.storage.columns import struct_field
from schemas.ledger import FULL_SPLIT_BP
from schemas.reason_info import NEEDED_PURPOSE_KEYS


@dataclass(frozen=True)
class MadeBy:
    """Who made the assets of a batch, and where their consents are found."""

    shares: ListColumn
    positions: ConsentPositions


def contributors_of(batch: AssetBatch) -> MadeBy:
    """Finds who made the assets of a batch."""
    shares = list_column(batch.column("contributors"))
    contributor_ids = struct_field(shares.values, "contributor_id")
    positions = batch.index.consents.locate(batch.column("asset_id"), contributor_ids, shares.rows)
    return MadeBy(shares, positions)


def _unknown_contributor(batch: AssetBatch) -> BoolArray:
    made_by = batch.shared(contributors_of)
    position, listed_count = made_by.positions.contributor, batch.index.consents.listed_count
    return made_by.shares.any((position < 0) | (position >= listed_count))


def _not_whole(batch: AssetBatch) -> BoolArray:
    shares = batch.shared(contributors_of).shares
    shares_bp = as_integers(struct_field(shares.values, "share_bp"), 0)
    total = np.bincount(shares.rows, weights=shares_bp, minlength=len(batch)).astype(np.int64)
    return np.asarray((total != FULL_SPLIT_BP) | shares.any(shares_bp <= 0))


def _verdicts(batch: AssetBatch) -> VerdictBits:
    """The verdicts on all contributors of each asset together, [rows]."""
    made_by, index = batch.shared(contributors_of), batch.index
    bits = merge_narrowed(index.verdicts, index.consents, made_by.positions, batch.deal)
    found = np.zeros(len(batch), np.uint8)
    affected = np.flatnonzero(bits)
    np.bitwise_or.at(found, made_by.shares.rows[affected], bits[affected])
    return found


def _where(verdict: ConsentVerdict) -> Callable[[AssetBatch], BoolArray]:
    return lambda batch: np.asarray(batch.shared(_verdicts) & np.uint8(verdict.bit) != 0)


def _contributors_said(traced: TracedRow) -> str:
    shares = (
        f"{one_line(share['contributor_id'])} {_percent(share['share_bp'])}"
        for share in traced.row["contributors"] or ()
    )
    return ", ".join(shares) or "none"


def _percent(share_bp: int | None) -> str:
    return "no share" if share_bp is None else f"{share_bp / 100:g} %"


def _consents_said(traced: TracedRow) -> str:
    return f"of every contributor, for {', '.join(traced.deal.needed_purposes)}"


_CONTRIBUTORS = Topic(7, "contributors", _contributors_said)
CONSENTS = Topic(8, "consents", _consents_said)

RULES = (
    Rule(
        code="contributor.unknown",
        topic=_CONTRIBUTORS,
        where=_unknown_contributor,
        columns=("contributors",),
        sentence="A contributor of the asset is not in the contributors table.",
        remedy="Add the contributor.",
    ),
    Rule(
        code="splits.not_whole",
        topic=_CONTRIBUTORS,
        where=_not_whole,
        columns=("contributors",),
        sentence="The contributors' shares are not positive or do not sum to 10000.",
        remedy="Correct the shares.",
    ),
    Rule(
        code="consent.missing",
        topic=CONSENTS,
        where=_where(ConsentVerdict.MISSING),
        columns=(CONSENT_NOTES,),
        sentence="A contributor has not consented to a purpose that is needed.",
        source="consents",
        remedy="Ask for consent, or state the contract that all have agreed to as "
        "[mapping.consents.default] in mapping.toml.",
        governed_by=NEEDED_PURPOSE_KEYS,
    ),
    Rule(
        code="consent.denied",
        topic=CONSENTS,
        where=_where(ConsentVerdict.DENIED),
        columns=(CONSENT_NOTES,),
        sentence="A contributor said no to a purpose that is needed.",
        source="consents",
        remedy="None without the contributor's change of mind.",
        governed_by=NEEDED_PURPOSE_KEYS,
    ),
    Rule(
        code="consent.withdrawn",
        topic=CONSENTS,
        where=_where(ConsentVerdict.WITHDRAWN),
        columns=(CONSENT_NOTES,),
        sentence="A contributor withdrew consent to a purpose that is needed.",
        source="consents",
        remedy="None without a new consent.",
        governed_by=NEEDED_PURPOSE_KEYS,
    ),
    Rule(
        code="consent.conditional",
        topic=CONSENTS,
        where=_where(ConsentVerdict.CONDITIONAL),
        columns=(CONSENT_NOTES,),
        sentence="A contributor's consent to a needed purpose is conditional.",
        source="consents",
        remedy="Settle the condition and record a consent.",
        governed_by=NEEDED_PURPOSE_KEYS,
    ),
    Rule(
        code="consent.not_explicit",
        topic=CONSENTS,
        where=_where(ConsentVerdict.NOT_EXPLICIT),
        applies=lambda deal: deal.rights.demands_explicit,
        columns=(CONSENT_NOTES,),
        sentence="A contributor's yes to a needed purpose is not explicit, as the deal demands.",
        source="consents.basis",
        remedy='Ask for explicit consent, or use a deal with rights.consent_basis = "any".',
        governed_by=("rights.consent_basis",),
    ),
)
