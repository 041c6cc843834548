"""What SPDX identifiers say: their parts, and which licences ask for the same licence in return.

The library that parses them is imported only for that: the base install has the rules' texts.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from schemas.licences import is_known_share_alike

if TYPE_CHECKING:
    from license_expression import LicenseSymbol, Licensing

_SHARE_ALIKE_CATEGORIES = ("Copyleft", "Copyleft Limited")


@lru_cache(maxsize=1)
def _licensing() -> Licensing:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@lru_cache(maxsize=1)
def _copyleft_keys() -> frozenset[str]:
    """Identifiers, in capitals, of the licences that ScanCode's index calls copyleft."""
    from license_expression import get_license_index

    return frozenset(
        key.upper()
        for licence in get_license_index()
        if licence.get("category") in _SHARE_ALIKE_CATEGORIES and not licence.get("is_exception")
        for key in (licence.get("spdx_license_key"), *licence.get("other_spdx_license_keys", ()))
        if key
    )


def _symbols(code: str) -> list[LicenseSymbol] | None:
    from license_expression import ExpressionError

    try:
        parsed = _licensing().parse(code, validate=True, strict=True)
    except (ExpressionError, RecursionError):
        return None
    # An exception is no licence by itself, only behind a WITH.
    if parsed is None or any(getattr(term, "is_exception", False) for term in parsed.symbols):
        return None
    # A licence with an exception is one symbol of two; apart, each has a key.
    return list(_licensing().license_symbols(parsed, decompose=True))


@lru_cache(maxsize=4096)
def licence_ids(code: str) -> frozenset[str] | None:
    """The identifiers in an SPDX expression, in capitals; None if it is none."""
    symbols = _symbols(code)
    return None if symbols is None else frozenset(symbol.key.upper() for symbol in symbols)


@lru_cache(maxsize=4096)
def licence_parts(code: str) -> frozenset[str] | None:
    """The parts, in capitals, of the identifiers in an SPDX expression; None if it is none.

    CC-BY-NC-4.0 has the parts CC, BY, NC and 4.0. The expression is parsed by license-expression.
    """
    ids = licence_ids(code)
    return None if ids is None else frozenset(part for one in ids for part in one.split("-"))


@lru_cache(maxsize=4096)
def is_share_alike(code: str) -> bool:
    """Whether a licence in an expression asks that what is made of the work be shared alike.

    SPDX has no such fact. It is one if the table in `schemas.licences` says so, or ScanCode's index
    of the same identifiers: copyleft, limited or not (GPL, LGPL, AGPL, MPL, EUPL, OSL, GFDL, ODbL,
    CDLA-Sharing, CC BY-SA, LAL). So a release of the index that drops one changes nothing.
    """
    ids = licence_ids(code)
    if ids is None:
        return False
    return any(map(is_known_share_alike, ids)) or bool(ids & _copyleft_keys())
