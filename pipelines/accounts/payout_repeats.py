"""Refuses a payout under a recorded name that has other terms or payees than the recorded one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal

from pydantic import BaseModel

from pipelines.accounts.books import Books
from pipelines.accounts.payout_inputs import read_inputs, read_terms
from pipelines.ledger.payout_plan import Payee
from pipelines.ledger.record import Record
from schemas.errors import InputError
from schemas.payout_terms import PayoutTerms, Threshold

#: Why somebody is not paid whom a given catalogue does not have.
NOT_LISTED = "payee-unknown: the catalogue does not have this contributor"
_ANY_NOT_LISTED = (NOT_LISTED, "the catalogue does not have this contributor")  # an earlier text
_SECTIONS = ("thresholds", "holds", "withholding", "rates")
_PAYEE_FIELDS = ("display_name", "country", "currency", "payee_ref")


def check_same_payout(
    books: Books, record: Record, terms: PayoutTerms, payees: Mapping[str, Payee] | None
) -> None:
    """Compares what is asked for with what is recorded.

    Args:
        books: The agency's books.
        record: The recorded payout.
        terms: The terms that are given now.
        payees: The payees of the catalogue that is given now; None if none is: then nothing else
            is asked for than what is recorded.

    Raises:
        InputError: If the terms differ, or what the catalogue says about somebody who was owed
            something; it names the first difference.
    """
    different = _different_terms(read_terms(record.private["terms"]), terms)
    if not different and payees is not None and "inputs_sha256" in record.private:
        known, held = read_inputs(books.read_document(str(record.private["inputs_sha256"])))
        unlisted = {who for (who, _), why in held.items() if why in _ANY_NOT_LISTED}
        different = _different_payees(known, unlisted, payees)
    if different:
        raise InputError(
            "There is another payout with this name",
            f"{record.private['name']!r} of {record.private['day']}, record {record.index}: "
            f"{different}",
            "Nothing was recorded. To write its tables again, give the terms that it has, and "
            "leave out --catalogue or give the one that it has. To pay again, give the payout a "
            "name of its own with --name.",
        )


def _different_terms(recorded: PayoutTerms, given: PayoutTerms) -> str:
    for section in _SECTIONS:
        before, now = (Counter(map(_entry, getattr(one, section))) for one in (recorded, given))
        if missing := sorted((before - now).elements()):
            return f"{section} was recorded with {{ {missing[0]} }}, which --terms does not have"
        if added := sorted((now - before).elements()):
            return f"{section} was recorded without {{ {added[0]} }}, which --terms has"
    return ""


def _entry(one: BaseModel) -> str:
    """Returns an entry as text; equal values give equal texts, however they were written."""
    said: dict[str, object] = {name: value for name, value in one if value not in (None, [])}
    if isinstance(one, Threshold):
        said["amount"] = one.amount_minor
    return ", ".join(f"{name} = {_value(value)}" for name, value in said.items())


def _value(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(sorted(map(str, value)))}]"
    return f"{value.normalize():f}" if isinstance(value, Decimal) else str(value)


def _different_payees(
    known: Mapping[str, Payee], unlisted: set[str], given: Mapping[str, Payee]
) -> str:
    if not known and not unlisted:
        return "it was recorded without --catalogue"
    for who, payee in sorted(known.items()):
        if who not in given:
            return f"contributor {who!r} was in its catalogue, and --catalogue does not have them"
        for name in _PAYEE_FIELDS:
            before, now = getattr(payee, name), getattr(given[who], name)
            if before != now:
                return f"{name} of contributor {who!r} was {before!r}, --catalogue has {now!r}"
    if added := sorted(unlisted & given.keys()):
        return f"contributor {added[0]!r} was not in its catalogue, and --catalogue has them"
    return ""
