"""Rule 6: no grant of the catalogue denies a purpose that the deal needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray
from pipelines.rights.formatting import text_or
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.rule import NEEDED_GRANTS, Rule, Topic, TracedRow
from schemas.catalogue import ASSETS_SCHEMA, grant_column
from schemas.reason_info import AGREEMENT_KEYS
from schemas.rights import Permission

_KNOWN_VALUES = [value.value for value in Permission]


@dataclass(frozen=True)
class _Grants:
    """Where a needed purpose is denied, on a condition or unreadable, and no agreement of the deal
    covers it, [rows].
    """

    denied: BoolArray
    conditional: BoolArray
    unreadable: BoolArray


def _grants(batch: AssetBatch) -> _Grants:
    found = _Grants(*(np.zeros(len(batch), np.bool_) for _ in range(3)))
    for purpose in batch.deal.needed_purposes:
        grant = batch.texts(grant_column(purpose))
        denied = grant.where(Permission.DENY.value.__eq__)
        conditional = grant.where(Permission.CONDITIONAL.value.__eq__)
        unreadable = grant.where(lambda text: text not in _KNOWN_VALUES)
        if batch.deal.agreements:
            # What cannot be read is at worst a denial, so that it gives way to the same.
            affected = np.flatnonzero(denied | conditional | unreadable)
            subset = batch.assets.select(["contributors"]).take(affected)
            overridden = affected[batch.index.agreements[purpose].covers(subset)]
            for states in (denied, conditional, unreadable):
                states[overridden] = False
        found.denied[denied] = True
        found.conditional[conditional] = True
        found.unreadable[unreadable] = True
    return found


def _where(state: Callable[[_Grants], BoolArray]) -> Callable[[AssetBatch], BoolArray]:
    return lambda batch: state(batch.shared(_grants))


def _said(traced: TracedRow) -> str:
    kind = ASSETS_SCHEMA.field("contributors").type
    asset = pa.table({"contributors": pa.array([traced.row["contributors"]], kind)})
    parts = []
    for purpose in traced.deal.judged_purposes:
        text = f"{purpose} {text_or(traced.row[grant_column(purpose)], 'not stated')}"
        if traced.index.agreements[purpose].covers(asset)[0]:
            text += " (an agreement of the deal covers it)"
        parts.append(text)
    return ", ".join(parts)


_GRANTS = Topic(6, "grants", _said)

RULES = (
    Rule(
        code="grant.denied",
        topic=_GRANTS,
        where=_where(lambda grants: grants.denied),
        columns=(NEEDED_GRANTS,),
        sentence="The catalogue denies a purpose that the deal needs.",
        remedy="Get a grant for the purpose.",
        governed_by=AGREEMENT_KEYS,
    ),
    Rule(
        code="grant.conditional",
        topic=_GRANTS,
        where=_where(lambda grants: grants.conditional),
        columns=(NEEDED_GRANTS,),
        sentence="The catalogue's grant for a needed purpose is conditional.",
        remedy="Settle the condition and record a grant.",
        governed_by=AGREEMENT_KEYS,
    ),
    Rule(
        code="grant.unreadable",
        topic=_GRANTS,
        where=_where(lambda grants: grants.unreadable),
        columns=(NEEDED_GRANTS,),
        sentence="A needed grant is none of allow, deny, conditional, unknown.",
        remedy="Use one of the four values.",
        governed_by=AGREEMENT_KEYS,
    ),
)
