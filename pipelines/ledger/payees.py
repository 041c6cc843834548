"""What the catalogue says about payees: used for their statements, or refused; never ignored."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from functools import lru_cache

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.ledger.statement_form import Payee
from pipelines.storage.columns import rows_of, values_of
from schemas.catalogue import ContributorRow
from schemas.errors import InputError, counted
from schemas.money import EXPONENTS
from schemas.price_terms import PriceTerms

_MAX_NAMED = 5
_SHARE = re.compile(r"(0[.,][0-9]{1,12}|0)")
_NUMBER = r"([0-9]{1,3}(?:[.,][0-9]{1,12})?)"
# Turkish and Basque write the sign before the number.
_PERCENT = re.compile(rf"{_NUMBER}[ \u00a0\u202f]?%|%[ \u00a0\u202f]?{_NUMBER}")


def read_payees(contributors: pa.Table) -> dict[str, Payee]:
    """Returns what a table of contributors says about each of them.

    Args:
        contributors: Rows of CONTRIBUTORS_SCHEMA that `check_payees` accepts.
    """
    names = ("contributor_id", "display_name", "country", "currency", "payee_ref", "agency_share")
    # By columns, as a row's dictionary takes longer than all else.
    rows = zip(*(contributors.column(name).to_pylist() for name in names), strict=True)
    return {
        who: Payee(
            display_name or "",
            country or "",
            (currency or "").upper(),
            payee_ref or "",
            parse_agency_share(share) if share else None,
        )
        for who, display_name, country, currency, payee_ref, share in rows
    }


def own_agency_shares(payees: Mapping[str, Payee]) -> dict[str, Fraction]:
    """Returns the agency shares of contributors that are used instead of the deal's, by id."""
    return {
        who: payee.agency_share for who, payee in payees.items() if payee.agency_share is not None
    }


@lru_cache(maxsize=4_096)  # few texts stand for many contributors
def parse_agency_share(text: str) -> Fraction:
    """Reads an agency share exactly: a decimal below 1, or a percentage.

    A whole number but 0 is refused: `1` and `1.0` may be meant as 1 % or as everything.

    Raises:
        ValueError: If it is neither.

    Example:
        >>> parse_agency_share("0.35") == parse_agency_share("35 %")
        True
    """
    percent = _PERCENT.fullmatch(text)
    share = percent or _SHARE.fullmatch(text)
    if share is None:
        raise ValueError("neither a share nor a percentage")
    value = Fraction(share[share.lastindex or 1].replace(",", ".")) / (100 if percent else 1)
    if value > 1:
        raise ValueError("more than the whole")
    return value


def _check_agency_shares(contributors: pa.Table) -> None:
    wrong = {}
    given = pc.is_valid(contributors.column("agency_share"))
    for row in rows_of(contributors.filter(given), ContributorRow):
        try:
            parse_agency_share(row["agency_share"] or "0.0")
        except ValueError:
            wrong[row["contributor_id"]] = row["agency_share"] or ""
    if wrong:
        raise InputError(
            "The agency share of a contributor is neither a share nor a percentage",
            _named(wrong),
            'Write the agency\'s part as "0.35" or "35 %"; "100 %" is everything. It is not '
            "what the contributor gets.",
        )


def check_payees(price: PriceTerms, contributors: pa.Table) -> None:
    """Checks that every contributor can be paid as the deal says.

    Raises:
        InputError: If an agency share or a currency cannot be read, a currency is another one than
            the deal's and the deal refuses that, or a level lists a contributor who has no row.
    """
    _check_agency_shares(contributors)
    payees = read_payees(contributors.filter(pc.is_valid(contributors.column("currency"))))
    listed = {name: level.name for level in price.levels for name in level.contributors}
    known = set(values_of(contributors.column("contributor_id"), str)) if listed else set()
    if missing := {name: level for name, level in listed.items() if name not in known}:
        raise InputError(
            "price.levels lists a contributor whom the catalogue does not have",
            _named(missing),
            "Correct the id, or remove it: a misspelt id would change somebody's share.",
        )
    unknown = {
        name: payee.currency
        for name, payee in payees.items()
        if payee.currency and payee.currency not in EXPONENTS
    }
    if unknown:
        raise InputError(
            "The currency of a contributor is unknown",
            _named(unknown),
            "Use ISO 4217 codes, such as USD, or map the values in mapping.toml: "
            "[mapping.contributors.values.currency].",
        )
    other = {name: payees[name].currency for name in _with_other_currency(price, payees)}
    if other and price.other_currencies == "refuse":
        raise InputError(
            f"Contributors are paid in another currency than the deal's, {price.currency}",
            _named(other),
            'price.other_currencies = "convert" credits them in '
            f"{price.currency}, which fairshard payout converts; "
            '"hold" marks the money as held as well.',
        )


def other_currencies(
    price: PriceTerms, payees: Mapping[str, Payee], credited: Iterable[str]
) -> dict[str, int]:
    """Returns how many credited contributors have another currency than the deal's, by currency."""
    other = set(_with_other_currency(price, payees)).intersection(credited)
    return dict(sorted(Counter(payees[name].currency for name in other).items()))


def held_payees(price: PriceTerms, payees: Mapping[str, Payee]) -> dict[str, str]:
    """Returns why the money of contributors is held, by id; empty if the deal holds none."""
    if price.other_currencies != "hold":
        return {}
    return {
        name: f"paid in {payees[name].currency}, credited in {price.currency}"
        for name in _with_other_currency(price, payees)
    }


def _with_other_currency(price: PriceTerms, payees: Mapping[str, Payee]) -> Iterator[str]:
    for name, payee in payees.items():
        if payee.currency not in ("", price.currency):
            yield name


def _named(values: Mapping[str, str]) -> str:
    """Returns how many contributors there are, and the first ones with their values."""
    names = sorted(values)
    shown = ", ".join(f"{name!r} ({values[name]!r})" for name in names[:_MAX_NAMED])
    more = f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else ""
    return f"{counted(len(names), 'contributor')}: {shown}{more}"
