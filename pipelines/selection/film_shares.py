"""Refuses films that are black, frozen or silent for too long, by the deal's `[select]`."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.selection.perceptual_index import Indices
from schemas.deal_terms import SelectTerms
from schemas.reasons import Reason

#: Of a candidate: the share of a film's length that is so, in ten-thousandths; 0 for pictures.
SHARE_COLUMNS = ("black_bp", "frozen_bp", "silent_bp")
#: In place of a share of silence: the film has sound that cannot be decoded.
UNREAD = -1
_WHOLE_BP = 10_000


@dataclass(frozen=True)
class ShareRule:
    """One rule: which share of a candidate, the deal's key for the most, the reason, and a word."""

    column: str
    key: str
    reason: Reason
    word: str


SHARE_RULES = (
    ShareRule("black_bp", "max_black_share", Reason.SELECT_TOO_BLACK, "black"),
    ShareRule("frozen_bp", "max_frozen_share", Reason.SELECT_TOO_FROZEN, "frozen"),
    ShareRule("silent_bp", "max_silent_share", Reason.SELECT_TOO_SILENT, "silent"),
)


def film_shares(rows: pa.Table) -> dict[str, pa.Array[pa.Int32Scalar]]:
    """Returns the share columns of a unit's assets (schemas.unit.UNIT_SCHEMA)."""
    length_ms = np.maximum(rows["film_ms"].to_numpy(), 1)
    shares = {}
    for name in SHARE_COLUMNS:
        part_ms = rows[name.replace("_bp", "_ms")].to_numpy()
        shares[name] = np.minimum(_WHOLE_BP, _WHOLE_BP * part_ms // length_ms)
    unread = pc.equal(rows["sound"], pa.scalar("unread")).to_numpy()
    shares["silent_bp"] = np.where(unread, UNREAD, shares["silent_bp"])
    return {name: pa.array(values, pa.int32()) for name, values in shares.items()}


def refused_by(
    rule: ShareRule, candidates: pa.Table, ranked: Indices, terms: SelectTerms
) -> tuple[npt.NDArray[np.bool_], list[str]]:
    """Returns which of the ranked candidates a rule refuses, and the details of these.

    Args:
        rule: One of `SHARE_RULES`.
        candidates: All candidates (CANDIDATES_SCHEMA).
        ranked: Indices of those that are left.
        terms: The deal's selection terms.
    """
    most: Decimal = getattr(terms, rule.key)
    shares = candidates[rule.column].to_numpy()[ranked]
    refused = shares > int(most * _WHOLE_BP)
    if most < 1:
        refused |= shares == UNREAD
    return refused, [_detail(share, rule.word, most) for share in shares[refused].tolist()]


def _detail(share: int, word: str, most: Decimal) -> str:
    if share == UNREAD:
        return f"its sound cannot be decoded; at most {most} of it may be {word}"
    return f"{share / 100:.2f} % of it is {word}; the deal accepts a share of {most}"
