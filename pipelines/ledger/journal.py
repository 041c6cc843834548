"""The ledger as a double-entry journal in plain text, which hledger reads.

Every transaction balances in every currency. Amounts are signed minor units: a debit is positive.
Accounts:

assets:receivable:<buyer's deal>      what buyers owe
assets:bank                           what is paid out leaves from here
income:agency                         the agency's part
income:deductions:<name>              deductions before the split
liabilities:contributors:<id>         credited and not paid out
liabilities:withheld:<country>        withheld, and owed to a tax authority
equity:rounding                       units that no exact division could give to anybody
equity:conversion                     the two sides of an exchange
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from schemas.errors import RunError
from schemas.money import EXPONENTS, format_amount

_PLAIN = re.compile(r"[A-Za-z0-9._@+-]")


@dataclass(frozen=True, slots=True)
class Posting:
    """An amount on an account.

    Args:
        account: Its full name; parts that come from outside are made with `account_part`.
        amount_minor: Minor units; a debit is positive.
        currency: ISO 4217 code.
    """

    account: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class Transaction:
    """Postings of one day that balance.

    Args:
        day: The day.
        code: A short reference, such as the record's index; letters, digits and `-`.
        description: One line.
        postings: In the order in which they are written.
    """

    day: date
    code: str
    description: str
    postings: tuple[Posting, ...]


def account_part(text: str) -> str:
    """Returns a text as one part of an account's name; different texts give different parts.

    Everything but ASCII letters, digits and `._@+-` is percent-encoded as UTF-8: a colon would
    begin a sub-account, two blanks would end the name, and a semicolon begins a comment.
    """
    return "".join(
        c
        if _PLAIN.fullmatch(c)
        else "".join(f"%{byte:02X}" for byte in c.encode("utf-8", "surrogatepass"))
        for c in text
    )


def journal(transactions: Iterable[Transaction]) -> Iterator[str]:
    """Yields a journal, one transaction at a time, in the given order.

    Every account and currency is declared, so that `hledger check --strict` accepts it.

    Raises:
        RunError: If a transaction does not balance, has no postings, or its text would not be read
            as one transaction.
    """
    yield "; Double-entry journal of the ledger. Amounts have all decimals of their currency.\n"
    yield "decimal-mark .\n"
    declared: set[str] = set()
    for transaction in transactions:
        _check(transaction)
        for posting in transaction.postings:
            for directive in (_commodity(posting.currency), f"account {posting.account}\n"):
                if directive not in declared:
                    declared.add(directive)
                    yield directive
        yield "\n" + _text(transaction)


def _commodity(currency: str) -> str:
    decimals = EXPONENTS[currency]
    return f"commodity {currency} 1000.{'0' * decimals}\n"


def _check(transaction: Transaction) -> None:
    where = f"{transaction.day} ({transaction.code}) {transaction.description!r}"
    if not re.fullmatch(r"[A-Za-z0-9-]+", transaction.code) or not _is_one_line(transaction):
        raise RunError(
            "A transaction cannot be written to the journal",
            where,
            "This is a fault of the program; nothing was written.",
        )
    sums: dict[str, int] = defaultdict(int)
    for posting in transaction.postings:
        sums[posting.currency] += posting.amount_minor
    wrong = {currency: total for currency, total in sums.items() if total}
    if wrong or not transaction.postings:
        raise RunError(
            "A transaction does not balance",
            f"{where}: {wrong or 'no postings'}",
            "This is a fault of the program; nothing was written.",
        )


def _is_one_line(transaction: Transaction) -> bool:
    return transaction.description.isprintable() and not re.search(r"[;|]", transaction.description)


def _text(transaction: Transaction) -> str:
    lines = [f"{transaction.day.isoformat()} ({transaction.code}) {transaction.description}\n"]
    for posting in transaction.postings:
        amount = format_amount(posting.amount_minor, posting.currency)
        lines.append(f"    {posting.account}  {posting.currency} {amount}\n")
    return "".join(lines)
