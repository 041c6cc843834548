"""What a payout was planned from besides balances and terms, kept so that it can be replayed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import date
from typing import cast

from pipelines.ledger.payout_plan import Payee
from pipelines.ledger.record import read_canonical
from schemas.canonical import canonical_json
from schemas.payout_terms import PayoutTerms

#: Version of the document. Changing a field requires a new version.
INPUTS_VERSION = "fairshard/payout-inputs/v1"
_DATES = ("starts", "ends", "date")  # TOML has dates, and JSON has texts for them


def write_inputs(payees: Iterable[Payee], held: Mapping[tuple[str, str], str]) -> bytes:
    """Returns the document: canonical JSON. Private.

    Args:
        payees: What the catalogue said about the contributors who were owed something, by id.
        held: Why deals hold money, by contributor and currency.
    """
    holds = [
        {"contributor_id": who, "currency": currency, "reason": reason}
        for (who, currency), reason in sorted(held.items())
    ]
    people = [asdict(payee) for payee in payees]
    return canonical_json({"version": INPUTS_VERSION, "payees": people, "holds": holds})


def read_inputs(data: bytes) -> tuple[dict[str, Payee], dict[tuple[str, str], str]]:
    """Returns the payees by id, and why deals hold money.

    Raises:
        ProofError: If the document is not canonical JSON.
    """
    found = read_canonical(data, "the inputs of a payout")
    people = cast("list[dict[str, str]]", found["payees"])
    holds = cast("list[dict[str, str]]", found["holds"])
    return (
        {row["contributor_id"]: Payee(**row) for row in people},
        {(row["contributor_id"], row["currency"]): row["reason"] for row in holds},
    )


def read_terms(recorded: object) -> PayoutTerms:
    """Returns the terms of a payout as its record has them.

    Raises:
        ValueError: If they are not the terms of a payout.
    """
    return PayoutTerms.model_validate(_with_dates(recorded))


def _with_dates(value: object) -> object:
    if isinstance(value, list):
        return [_with_dates(item) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: date.fromisoformat(item)
        if name in _DATES and isinstance(item, str)
        else _with_dates(item)
        for name, item in value.items()
    }
