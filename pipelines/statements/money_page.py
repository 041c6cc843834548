"""Renders the money of a statement for its page: balances, later revenue, payouts, holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from operator import itemgetter

from pipelines.statements.money import (
    CONSIDERED,
    NOT_IN_BOOKS,
    NOT_IN_OUTPUT,
    REMOVAL,
    REMOVAL_REPLACED,
    AccountMoney,
    AccountPayment,
    AccountPayout,
    Adjustment,
    Balance,
    Held,
    PaidPart,
)
from pipelines.statements.text import amount_cell, cell, escape, number_cell

#: Why a credit is in no line, in words that the script knows too.
REASONS = {
    CONSIDERED: "for assets that were considered and not delivered",
    NOT_IN_BOOKS: "not in the agency's books yet",
    NOT_IN_OUTPUT: "its lines are not in this output",
    REMOVAL: "taken back for assets that were removed",
    REMOVAL_REPLACED: "given back: it was taken from the version that this one replaces",
}
#: Why a balance was not paid, in words.
UNPAID = {
    "below_threshold": "below the threshold",
    "negative_balance": "less than zero",
    "held": "held",
    "no_exchange_rate": "no exchange rate",
    "no_withholding_rule": "no rule for withholding",
}


def balance_parts(money: AccountMoney) -> Iterator[str]:
    """Yields the table of balances, which belongs near the top of the page."""
    if not money["balances"]:
        return
    heads = ("At the start", "Earned", "Paid out", "At the end")
    yield "<h2>Your balance</h2>\n" + _head(("",), heads, "balance")
    for number, row in enumerate(money["balances"]):
        yield _balance(number, row)
    yield "</tbody>\n</table>\n"


def money_parts(money: AccountMoney) -> Iterator[str]:
    """Yields the tables of later revenue, other credits, payouts and holds, those with rows."""
    if money["payments"] or money["adjustments"]:
        yield "<h2>Later revenue and other credits</h2>\n"
        yield _head(("Date", "What"), ("Check", "Amount"), "money")
        rows = [(row["date"], _payment(at, row)) for at, row in enumerate(money["payments"])]
        rows += [(row["date"], _adjustment(at, row)) for at, row in enumerate(money["adjustments"])]
        yield from (text for _, text in sorted(rows, key=itemgetter(0)))
        yield "</tbody>\n</table>\n"
    if money["payouts"]:
        yield "<h2>Payouts</h2>\n"
        yield _head(("Date", "What"), ("Check", "Gross", "Withheld", "Net"), "money")
        for number, payout in enumerate(money["payouts"]):
            yield _payout(number, payout)
        yield "</tbody>\n</table>\n"
    if money["held"]:
        yield "<h2>Not paid yet</h2>\n" + _head(("Date", "Why"), ("Amount",), "money")
        for number, held in enumerate(money["held"]):
            yield _held(number, held)
        yield "</tbody>\n</table>\n"


def _head(texts: Sequence[str], numbers: Sequence[str], kind: str) -> str:
    cells = "".join(f"<th>{text}</th>" for text in texts)
    cells += "".join(f'<th class="number">{text}</th>' for text in numbers)
    return f'<table class="{kind}">\n<thead><tr>{cells}</tr></thead>\n<tbody>\n'


def _balance(number: int, row: Balance) -> str:
    name = f"balance-{number}"
    amounts = "".join(
        number_cell(f"{name}-{key}", text)
        for key, text in (
            ("opening", row["opening"]),
            ("earned", row["earned"]),
            ("paid", row["paid"]),
            ("closing", row["closing"]),
        )
    )
    about = cell(f"{name}-about", hundredths(Fraction(row["carried"])))
    below = f'<tr class="below"><td colspan="5" class="soft">and {about} of the smallest unit '
    below += f"(exactly {cell(f'{name}-carried', row['carried'])}), carried on to the next pool"
    below += "</td></tr>\n"
    return (
        f"<tr><td>{cell(f'{name}-currency', row['currency'])}</td>{amounts}</tr>\n"
        f"{below if row['carried'] != '0/1' else ''}"
    )


def hundredths(part: Fraction) -> str:
    """Returns a fraction of a minor unit, cut off after two decimals."""
    digits = f"{abs(part.numerator) * 100 // part.denominator:03d}"
    return f"{'-' if part < 0 else ''}{digits[:-2]}.{digits[-2:]}"


def _payment(number: int, row: AccountPayment) -> str:
    name = f"payment-{number}"
    notes = [f"{cell(f'{name}-source', row['source'])}, {cell(f'{name}-period', row['period'])}"]
    if row["source_country"]:
        notes.append(f"income from {cell(f'{name}-country', row['source_country'])}")
    notes += [
        f"{cell(f'{name}-part-{at}', part['amount'])} from "
        f"{cell(f'{name}-part-{at}-deal', part['deal_id'])}"
        for at, part in enumerate(row["parts"])
    ]
    if row["replaces"] is not None:
        notes.append(
            f"{cell(f'{name}-total', row['total'])} in place of "
            f"{cell(f'{name}-before', row['replaces']['total'])}"
        )
    return (
        f'<tr data-money="{name}"><td class="date">{cell(f"{name}-date", row["date"])}</td>'
        f"<td>{cell(f'{name}-name', row['name'])}<br>"
        f'<span class="soft">{"; ".join(notes)}</span></td><td class="mark">not checked</td>'
        f'<td class="number">{amount_cell(f"{name}-amount", row["credited"], row["currency"])}'
        "</td></tr>\n"
    )


def _adjustment(number: int, row: Adjustment) -> str:
    name = f"adjustment-{number}"
    return (
        f'<tr data-money="{name}"><td class="date">{cell(f"{name}-date", row["date"])}</td>'
        f"<td>{cell(f'{name}-name', row['delivery'])}<br>"
        f'<span class="soft">{cell(f"{name}-reason", REASONS[row["reason"]])}</span></td>'
        f'<td class="mark">not checked</td><td class="number">'
        f"{amount_cell(f'{name}-amount', row['amount'], row['currency'])}</td></tr>\n"
    )


def _payout(number: int, row: AccountPayout) -> str:
    name = f"payout-{number}"
    details = "".join(
        f'<br><span class="soft">{_paid(f"{name}-{at}", part, row["currency"])}</span>'
        for at, part in enumerate(row["parts"])
        if part["currency"] != row["currency"] or part["withheld_minor"] or len(row["parts"]) > 1
    )
    amounts = "".join(
        f'<td class="number" data-name="{head}">'
        f"{amount_cell(f'{name}-{head.lower()}', text, row['currency'])}</td>"
        for head, text in (
            ("Gross", row["gross"]),
            ("Withheld", row["withheld"]),
            ("Net", row["net"]),
        )
    )
    return (
        f'<tr data-money="{name}"><td class="date">{cell(f"{name}-date", row["date"])}</td>'
        f"<td>payout {cell(f'{name}-name', row['name'])}{details}</td>"
        f'<td class="mark">not checked</td>{amounts}</tr>\n'
    )


def _paid(name: str, part: PaidPart, currency: str) -> str:
    """Describes one balance that was settled: conversion and withholding."""
    said = [amount_cell(f"{name}-amount", part["amount"], part["currency"])]
    if part["source_country"]:
        said.append(f" from {cell(f'{name}-country', part['source_country'])}")
    if part["currency"] != currency:
        said.append(
            f" at {cell(f'{name}-rate', part['rate'])} "
            f"({cell(f'{name}-rate-source', part['rate_source'])}): "
            f"{amount_cell(f'{name}-gross', part['gross'], currency)}"
        )
    if part["withheld_minor"]:
        said.append(
            f"; withheld at {cell(f'{name}-tax', part['withholding_rate'])} "
            f"({cell(f'{name}-tax-source', part['withholding_source'])}): "
            f"{amount_cell(f'{name}-withheld', part['withheld'], currency)}"
        )
    return "".join(said)


def _held(number: int, row: Held) -> str:
    name = f"held-{number}"
    reason = UNPAID.get(row["reason"], row["reason"])
    return (
        f'<tr><td class="date">{cell(f"{name}-date", row["date"])}</td><td>{escape(reason)}: '
        f'{cell(f"{name}-detail", row["detail"])}</td><td class="number">'
        f"{amount_cell(f'{name}-amount', row['amount'], row['currency'])}</td></tr>\n"
    )
