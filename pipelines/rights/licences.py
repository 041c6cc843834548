"""Licences: rule 3 of docs/rights.md over a batch of assets."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, partial

import numpy as np
import pyarrow as pa
from license_expression import ExpressionError, Licensing, get_spdx_licensing

from pipelines.rights.arrow import (
    Bools,
    bools,
    column,
    equals,
    integers,
    lists,
    one_of,
    present,
    texts,
)
from pipelines.rights.releases import days
from schemas.catalogue import LICENCE_CLASSES, LICENCE_MODELS
from schemas.deal import Deal
from schemas.reasons import Reason
from schemas.rights import Purpose

_FAR = int(np.iinfo(np.int64).max)
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
def licence_faults(code: str) -> tuple[Reason, ...]:
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
    return tuple(fault for fault, parts in _LICENCE_PARTS.items() if terms & parts)


def screen_licence(add: Callable[[Reason, Bools], None], assets: pa.Table, deal: Deal) -> None:
    """Adds the reasons that model, class, exclusivity and licence code give against assets."""
    licence_class = column(assets, "licence_class")
    known = one_of(licence_class, list(LICENCE_CLASSES))
    known &= one_of(column(assets, "licence_model"), list(LICENCE_MODELS))
    add(Reason.CLASS_UNKNOWN, ~known)
    if deal.rights.editorial == "refuse":
        add(Reason.CLASS_EDITORIAL, equals(licence_class, "editorial"))
    add(Reason.LICENCE_EXCLUSIVE, _licensed_elsewhere(assets, deal))
    terms = deal.rights
    accepted = {
        Reason.LICENCE_NON_COMMERCIAL: terms.non_commercial == "accept",
        Reason.LICENCE_NO_DERIVATIVES: terms.no_derivatives == "accept",
        Reason.LICENCE_SHARE_ALIKE: terms.share_alike == "accept",
    }
    codes = texts(column(assets, "licence_code"))
    for fault in (Reason.LICENCE_UNKNOWN_CODE, *_LICENCE_PARTS):
        if not accepted.get(fault, False):
            add(fault, codes.where(partial(_has_fault, fault)))


def _has_fault(fault: Reason, code: str) -> bool:
    return fault in licence_faults(code)


def _licensed_elsewhere(assets: pa.Table, deal: Deal) -> Bools:
    """Where somebody else has the asset alone, for a purpose and a time that the deal is about."""
    exclusive = column(assets, "exclusive")
    purposes = lists(column(assets, "exclusive_purposes"))
    first, last = column(assets, "exclusive_from"), column(assets, "exclusive_until")
    # Who gives a purpose or a day of it means it, unless `exclusive` says no.
    meant = (purposes.lengths > 0) | present(first) | present(last)
    held = bools(exclusive) | (meant & ~present(exclusive))
    others = [purpose.value for purpose in Purpose if purpose not in deal.needed_purposes]
    touched = (purposes.lengths == 0) | purposes.any(~one_of(purposes.values, others))
    overlaps = (integers(first, -_FAR) <= days(deal.ends)) & (
        integers(last, _FAR) >= days(deal.starts)
    )
    return np.asarray(held & touched & overlaps)
