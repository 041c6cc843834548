"""What the catalogue says about payees: used for their statements, or refused; never ignored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

import pyarrow as pa

from pipelines.ledger.statement_form import Payee
from pipelines.storage.columns import rows_of
from schemas.catalogue import ContributorRow
from schemas.errors import InputError
from schemas.money import EXPONENTS
from schemas.price_terms import PriceTerms

_MAX_NAMED = 5


def read_payees(contributors: pa.Table) -> dict[str, Payee]:
    """Returns what a table of contributors says about each of them.

    Args:
        contributors: Rows of CONTRIBUTORS_SCHEMA that `check_payees` accepts.
    """
    return {
        row["contributor_id"]: Payee(
            row["display_name"] or "",
            row["country"] or "",
            (row["currency"] or "").upper(),
            row["payee_ref"] or "",
        )
        for row in rows_of(contributors, ContributorRow)
    }


def check_payees(price: PriceTerms, contributors: pa.Table) -> None:
    """Checks that every contributor can be paid as the deal says.

    Raises:
        InputError: If a currency is unknown, or another one than the deal's and the deal refuses
            that.
    """
    payees = read_payees(contributors)
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
    return f"{len(names):,} contributor{'' if len(names) == 1 else 's'}: {shown}{more}"
