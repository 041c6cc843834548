"""Licences: rule 3 of docs/rights.md over a batch of assets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
from license_expression import ExpressionError, Licensing, get_spdx_licensing

from pipelines.rights.arrow import (
    BoolArray,
    as_bools,
    as_integers,
    column,
    distinct_texts,
    equals,
    is_present,
    list_column,
    one_of,
)
from pipelines.rights.releases import epoch_days
from schemas.catalogue import LICENCE_CLASSES, LICENCE_MODELS
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Purpose

_MAX_INT64 = int(np.iinfo(np.int64).max)
# Parts of SPDX identifiers: CC-BY-NC-4.0, NCGL-UK-2.0, PolyForm-Noncommercial-1.0.0.
_LICENCE_PARTS = {
    Reason.LICENCE_NON_COMMERCIAL: frozenset({"NC", "NCGL", "NONCOMMERCIAL"}),
    Reason.LICENCE_NO_DERIVATIVES: frozenset({"ND"}),
    Reason.LICENCE_SHARE_ALIKE: frozenset({"SA"}),
}


@lru_cache(maxsize=1)
def _licensing() -> Licensing:
    return get_spdx_licensing()


@lru_cache(maxsize=4096)
def licence_reasons(code: str) -> tuple[Reason, ...]:
    """Reasons against an SPDX expression; the expression is parsed by license-expression."""
    try:
        parsed = _licensing().parse(code, validate=True, strict=True)
    except (ExpressionError, RecursionError):
        return (Reason.LICENCE_UNKNOWN_CODE,)
    # An exception is no licence by itself, only behind a WITH.
    if parsed is None or any(getattr(term, "is_exception", False) for term in parsed.symbols):
        return (Reason.LICENCE_UNKNOWN_CODE,)
    # A licence with an exception is one symbol of two; apart, each has a key.
    parts = _licensing().license_symbols(parsed, decompose=True)
    terms = {term for part in parts for term in part.key.upper().split("-")}
    return tuple(reason for reason, parts in _LICENCE_PARTS.items() if terms & parts)


def screen_licence(
    add_reason: Callable[[Reason, BoolArray], None], assets: pa.Table, deal: Deal
) -> None:
    """Adds the reasons that model, class, exclusivity and licence code give against assets."""
    licence_class = column(assets, "licence_class")
    known = one_of(licence_class, list(LICENCE_CLASSES))
    known &= one_of(column(assets, "licence_model"), list(LICENCE_MODELS))
    add_reason(Reason.CLASS_UNKNOWN, ~known)
    if deal.rights.editorial == "refuse":
        add_reason(Reason.CLASS_EDITORIAL, equals(licence_class, "editorial"))
    add_reason(Reason.LICENCE_EXCLUSIVE, _licensed_elsewhere(assets, deal))
    terms = deal.rights
    accepted = {
        Reason.LICENCE_NON_COMMERCIAL: terms.non_commercial == "accept",
        Reason.LICENCE_NO_DERIVATIVES: terms.no_derivatives == "accept",
        Reason.LICENCE_SHARE_ALIKE: terms.share_alike == "accept",
    }
    codes = distinct_texts(column(assets, "licence_code"))
    for reason in (Reason.LICENCE_UNKNOWN_CODE, *_LICENCE_PARTS):
        if not accepted.get(reason, False):
            add_reason(reason, codes.where(partial(_gives_reason, reason)))


def _gives_reason(reason: Reason, code: str) -> bool:
    return reason in licence_reasons(code)


def _licensed_elsewhere(assets: pa.Table, deal: Deal) -> BoolArray:
    """Where somebody else has the asset alone, for a purpose and a time that the deal is about."""
    exclusive = column(assets, "exclusive")
    purposes = list_column(column(assets, "exclusive_purposes"))
    first, last = column(assets, "exclusive_from"), column(assets, "exclusive_until")
    # Who gives a purpose or a day of it means it, unless `exclusive` says no.
    implied = (purposes.lengths > 0) | is_present(first) | is_present(last)
    is_exclusive = as_bools(exclusive) | (implied & ~is_present(exclusive))
    other_purposes = [purpose.value for purpose in Purpose if purpose not in deal.needed_purposes]
    purpose_affected = (purposes.lengths == 0) | purposes.any(
        ~one_of(purposes.values, other_purposes)
    )
    overlaps = (as_integers(first, -_MAX_INT64) <= epoch_days(deal.ends)) & (
        as_integers(last, _MAX_INT64) >= epoch_days(deal.starts)
    )
    return np.asarray(is_exclusive & purpose_affected & overlaps)
