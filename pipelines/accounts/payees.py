"""What the catalogue says about contributors as payees, checked before anybody is paid."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import date

import pyarrow as pa

from pipelines.ledger.payout_plan import Payee
from pipelines.storage.columns import values_of
from schemas.errors import InputError
from schemas.money import EXPONENTS
from schemas.payout_terms import PayoutTerms
from schemas.territory import COUNTRIES

_MAX_NAMED = 5


def read_payees(contributors: pa.Table) -> dict[str, Payee]:
    """Returns payees by their ids.

    Args:
        contributors: The catalogue's table.

    Raises:
        InputError: If a contributor has several rows, of which one would decide by chance.
    """
    counts = Counter(values_of(contributors["contributor_id"], str))
    if repeated := {who: f"{count} rows" for who, count in counts.items() if count > 1}:
        raise InputError(
            "A contributor has several rows in the table contributors",
            _named(repeated),
            "Nothing was recorded. Keep one row for each contributor.",
        )
    columns = ("contributor_id", "display_name", "country", "currency", "payee_ref")
    return {
        row["contributor_id"]: replace(
            Payee(*(row[name] or "" for name in columns)), currency=(row["currency"] or "").upper()
        )
        for row in contributors.select(columns).to_pylist()
    }


def check_named(terms: PayoutTerms, known: Collection[str]) -> None:
    """Refuses terms that name a contributor who is in neither the books nor the catalogue.

    Raises:
        InputError: If there is such a contributor.
    """
    named = terms.named_contributors()
    if missing := {who: key for who, key in named.items() if who not in known}:
        raise InputError(
            "The payout terms name a contributor who is in neither the books nor the catalogue",
            _named(missing),
            "Nothing was recorded. Correct the id, or remove the entry.",
        )


def check_payees(payees: Mapping[str, Payee], terms: PayoutTerms, day: date) -> None:
    """Refuses what would make terms miss the contributor they are meant for.

    Raises:
        InputError: If a currency is unknown, or withholding depends on countries and one is no
            ISO 3166-1 code.
    """
    unknown = {who: one.currency for who, one in payees.items() if one.currency}
    if wrong := {who: code for who, code in unknown.items() if code not in EXPONENTS}:
        raise InputError(
            "The currency of a contributor is unknown",
            _named(wrong),
            "Nothing was recorded. Use ISO 4217 codes, such as USD, or map the values in "
            "mapping.toml: [mapping.contributors.values.currency].",
        )
    if any(rule.countries and rule.holds_on(day) for rule in terms.withholding):
        countries = {who: one.country for who, one in payees.items() if one.country}
        if wrong := {who: code for who, code in countries.items() if code not in COUNTRIES}:
            raise InputError(
                "Withholding depends on the country, and that of a contributor is unknown",
                _named(wrong),
                "Nothing was recorded. Use ISO 3166-1 codes, such as DE, or map the values in "
                "mapping.toml: [mapping.contributors.values.country].",
            )


def _named(values: Mapping[str, str]) -> str:
    names = sorted(values)
    shown = ", ".join(f"{name!r} ({values[name]!r})" for name in names[:_MAX_NAMED])
    return shown + (f" and {len(names) - _MAX_NAMED:,} more" if len(names) > _MAX_NAMED else "")
