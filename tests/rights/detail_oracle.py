"""The details of refusals once more, row by row: the slow and plain way of saying them."""

from __future__ import annotations

from collections import defaultdict

import pyarrow as pa

from pipelines.rights.arrow import column, list_column
from pipelines.rights.consents import ALLOW, CONDITIONAL, DENY, MISSING, UNKNOWN
from pipelines.rights.detail import _GRANT_REASONS, _REASON_COLUMNS
from pipelines.rights.formatting import one_line
from pipelines.rights.screen import ReasonMask, RightsIndex, missing_consent_passes, reasons_of
from pipelines.storage.columns import struct_field
from schemas.catalogue import grant_column
from schemas.deal import Deal

_STATE_NAMES = {MISSING: "none", UNKNOWN: "unknown", CONDITIONAL: "conditional", DENY: "deny"}


def expected_details(
    assets: pa.Table, mask: ReasonMask, index: RightsIndex, deal: Deal
) -> list[str]:
    """One line of detail for each asset of a batch that was refused.

    Args:
        assets: The refused rows alone.
        mask: Their masks.
        index: What they were screened with.
        deal: The deal.
    """
    consents = _consent_notes(assets, index, deal)
    names = sorted({name for columns in _REASON_COLUMNS.values() for name in columns})
    names += [grant_column(purpose) for purpose in deal.needed_purposes]
    rows = assets.select(names).to_pylist()
    texts = []
    for position, (row, bits) in enumerate(zip(rows, mask, strict=True)):
        notes: dict[str, None] = {}
        for reason in reasons_of(int(bits)):
            columns = _REASON_COLUMNS.get(reason, ())
            if reason in _GRANT_REASONS:
                columns = tuple(grant_column(purpose) for purpose in deal.needed_purposes)
            if reason.startswith("release."):
                columns = columns or ("release_ids",)
            for name in columns:
                notes[f"{name}={one_line(row[name])}"] = None
            if reason.startswith("consent."):
                notes["; ".join(consents[position])] = None
        texts.append("; ".join(notes))
    return texts


def _consent_notes(assets: pa.Table, index: RightsIndex, deal: Deal) -> dict[int, list[str]]:
    """For each row, which contributor's consent falls short for which purpose."""
    shares = list_column(column(assets, "contributors"))
    who = struct_field(shares.values, "contributor_id")
    ids = column(assets, "asset_id").take(shares.rows)
    notes: dict[int, list[str]] = defaultdict(list)
    for purpose in deal.needed_purposes:
        answer = index.consents.states(purpose, ids, who)
        state, withdrawn = answer.state, answer.withdrawn
        short = state != ALLOW
        if missing_consent_passes(deal, purpose):
            short = short & (state != MISSING)
        for item in short.nonzero()[0]:
            said = "withdrawn" if withdrawn[item] else _STATE_NAMES[int(state[item])]
            name = one_line(who[int(item)].as_py())
            notes[int(shares.rows[item])].append(f"consent {purpose} of {name}: {said}")
    return notes
