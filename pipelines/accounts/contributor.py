"""Makes a contributor's statement of a period from all published versions of an output."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from pipelines.accounts.logged import LoggedDeliveries
from pipelines.accounts.money import MoneyOfBooks
from pipelines.accounts.period import Period
from pipelines.accounts.published import find_versions
from pipelines.accounts.statement import PublishedAccounts
from pipelines.statements.account import NO_PAYEE, Account, AccountPayee, make_account
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import InputError, RunError, counted


def open_accounts(store: Store, deal_id: str = "") -> list[PublishedAccounts]:
    """Returns the accounts of all published versions, by deal and number.

    Patched versions are left out: they have no pool of their own.

    Args:
        store: The output.
        deal_id: Only this deal; empty for all.

    Raises:
        InputError: If there is no published version.
        RunError: If a version replaces one that is not published before it.
    """
    found: dict[str, PublishedAccounts] = {}
    log = LoggedDeliveries(store)
    with_pool = []
    for published in find_versions(store, deal_id):
        key, name = f"{published.agency}/{layout.REPLACES}", ""
        if store.exists(key):
            name = str(read_json(store, key)["replaces"])
            if name not in found:
                raise RunError(
                    "A version replaces one that is not published before it",
                    f"{store.uri}/{key}: {name[:80]!a}",
                    "Restore the replaced version from a backup.",
                )
        accounts = PublishedAccounts(store, published, log, found.get(name))
        found[published.manifest.delivery] = accounts
        if published.manifest.patches is None:
            with_pool.append(accounts)
    return with_pool


def contributor_account(
    accounts: Sequence[PublishedAccounts],
    contributor_id: str,
    period: Period,
    books: MoneyOfBooks | None = None,
) -> Account:
    """Returns a contributor's statement over versions of the period.

    Args:
        accounts: All versions, in order.
        contributor_id: The contributor.
        period: The period that the statement names; a version counts if its day is in it.
        books: The agency's books, if the statement is to show them.

    Raises:
        InputError: If the contributor has no line in them, and the books have nothing either.
    """
    included = [one for one in accounts if period.includes(one.published.day)]
    found = [item for one in included if (item := one.delivery_of(contributor_id)) is not None]
    money = None if books is None else books.of(contributor_id, found)
    if not found and (money is None or not money["balances"]):
        raise InputError(
            "The contributor has no line in the period",
            f"{contributor_id!a} in "[:250]
            + f"{counted(len(included), 'delivery', 'deliveries')} of {period.name}",
            "Check the id and the period; a delivery's date is its run's as_of.",
        )
    first, last = (day.isoformat() if day else "" for day in (period.first, period.last))
    until = [one for one in accounts if period.last is None or one.published.day <= period.last]
    payee = _latest_payee(until, contributor_id)
    return make_account(contributor_id, first, last, found, money, payee)


def _latest_payee(accounts: Iterable[PublishedAccounts], contributor_id: str) -> AccountPayee:
    """Returns the payee as the newest version in which they have a line names it."""
    newest_first = sorted(accounts, key=lambda one: one.published.day, reverse=True)
    named = (one.payee_of(contributor_id) for one in newest_first)
    return next((payee for payee in named if payee is not None), NO_PAYEE)
