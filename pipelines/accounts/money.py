"""Makes the money of a contributor's statement from the books, with proofs from the log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import date

from pipelines.accounts.money_out import held_of, payouts_of
from pipelines.accounts.movements import Movements
from pipelines.accounts.period import Period
from pipelines.accounts.pools import BookedPool, held_by_deals, lines_of, replaced_by
from pipelines.accounts.sums import CreditTree, recorded_tree
from pipelines.ledger.ed25519 import to_base64
from pipelines.ledger.pool import fraction_text
from pipelines.ledger.record import Record
from pipelines.statements.account import AccountDelivery
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
    CreditProof,
    LogEntry,
    PaymentPart,
    ReplacedCredit,
)
from schemas.money import format_amount


class MoneyOfBooks:
    """Makes the money of statements of one period.

    Args:
        movements: The books.
        period: The statements' period.
    """

    def __init__(self, movements: Movements, period: Period) -> None:
        self._movements = movements
        self._period = period
        self._log = movements.log
        self._held = held_by_deals(movements.log, period.last)
        self._trees: dict[int, CreditTree | None] = {}

    def people(self) -> set[str]:
        """Returns who has a movement in the period, or is owed something at its end."""
        return self._movements.people(self._period)

    def of(self, contributor_id: str, deliveries: Sequence[AccountDelivery]) -> AccountMoney:
        """Returns a contributor's money.

        Args:
            contributor_id: The contributor.
            deliveries: The deliveries of the period that the statement has lines of.

        Raises:
            RunError: If the books are damaged.
        """
        credits = self._movements.credits(contributor_id)
        inside = [(pool, minor) for pool, minor in credits if self._period.includes(pool.day)]
        payouts = payouts_of(self._movements, contributor_id, self._entry)
        balances = self._balances(contributor_id, credits, payouts, deliveries)
        return AccountMoney(
            vkey=self._log.vkey,
            checkpoint=self._log.checkpoint,
            balances=balances,
            payments=[
                self._payment(contributor_id, pool, minor)
                for pool, minor in inside
                if not pool.is_price and pool.corrects is None
            ],
            adjustments=self._adjustments(contributor_id, inside, deliveries),
            payouts=[one for one in payouts if self._includes(one)],
            held=held_of(self._movements, contributor_id, self._period.last, self._held, balances),
        )

    def _includes(self, payout: AccountPayout) -> bool:
        return self._period.includes(date.fromisoformat(payout["date"]))

    def _balances(
        self,
        contributor_id: str,
        credits: Iterable[tuple[BookedPool, int]],
        payouts: Iterable[AccountPayout],
        deliveries: Iterable[AccountDelivery],
    ) -> list[Balance]:
        first, last = self._period.first, self._period.last
        own = {item["currency"] for item in deliveries}
        own |= {pool.currency for pool, _ in credits if self._period.includes(pool.day)}
        before_earned_paid = {currency: [0, 0, 0] for currency in own}
        sums = defaultdict(lambda: [0, 0, 0], before_earned_paid)
        for pool, minor in credits:
            if last is None or pool.day <= last:
                sums[pool.currency][0 if first is not None and pool.day < first else 1] += minor
        for payout in payouts:
            day = date.fromisoformat(payout["date"])
            before = first is not None and day < first
            for part in payout["parts"]:
                if before:
                    sums[part["currency"]][0] -= part["amount_minor"]
                elif self._period.includes(day):
                    sums[part["currency"]][2] += part["amount_minor"]
        made = []
        for currency, found in sorted(sums.items()):
            if not any(found) and currency not in own:
                continue
            carried = self._movements.carried(contributor_id, currency, last)
            opening, earned, paid = found
            made.append(_balance(currency, opening, earned, paid, fraction_text(carried)))
        return made

    def _adjustments(
        self,
        contributor_id: str,
        credits: Iterable[tuple[BookedPool, int]],
        deliveries: Iterable[AccountDelivery],
    ) -> list[Adjustment]:
        """Returns what the books credit for deliveries beyond the statement's lines, by date."""
        published = {item["delivery"]: item for item in deliveries}
        found, seen = [], set()
        for pool, minor in credits:
            if pool.corrects is not None:
                found.append(_adjustment(pool, minor, REMOVAL))
            elif pool.is_price:
                seen.add(pool.delivery)
                item = published.get(pool.delivery)
                taken = self._taken_before(contributor_id, pool)
                found.append(_adjustment(pool, taken, REMOVAL_REPLACED))
                is_considered = pool.fields["rule"].get("base") == "considered"
                reason = CONSIDERED if is_considered else NOT_IN_OUTPUT
                rest = minor - taken - (item["credited_minor"] if item else 0)
                found.append(_adjustment(pool, rest, reason))
        for name, item in published.items():
            if name not in seen:
                found.append(_not_in_books(item))
        return sorted(
            (one for one in found if one["minor"]), key=lambda one: (one["date"], one["delivery"])
        )

    def _taken_before(self, contributor_id: str, pool: BookedPool) -> int:
        """Returns what removals had taken back of the version that a pool replaces."""
        _, *corrections = self._movements.replaced(pool) or [pool]
        totals = (self._movements.total(contributor_id, one.index) for one in corrections)
        return -sum(total or 0 for total in totals)

    def _payment(self, contributor_id: str, pool: BookedPool, minor: int) -> AccountPayment:
        currency, fields = pool.currency, pool.fields
        total = self._movements.total(contributor_id, pool.index)
        parts = [(str(fields["deal_id"]), minor)]
        if "parts" in fields:
            parts = self._movements.parts(contributor_id, pool.index)
        before = replaced_by(pool, self._movements.pools.values())
        return AccountPayment(
            record=pool.index,
            date=pool.day.isoformat(),
            kind=str(pool.record.kind),
            name=str(fields["name"]),
            source=str(fields["source"] or ""),
            period=str(fields["period"] or ""),
            source_country=pool.source_country,
            currency=currency,
            total_minor=total or 0,
            total=format_amount(total or 0, currency),
            replaces=None if before is None else self._replaced(contributor_id, before),
            credited_minor=minor,
            credited=format_amount(minor, currency),
            parts=[
                PaymentPart(deal_id=deal, minor=part, amount=format_amount(part, currency))
                for deal, part in parts
            ],
            entry=self._entry(pool.record),
            sum=None if total is None else self._proof(contributor_id, pool),
        )

    def _replaced(self, contributor_id: str, pool: BookedPool) -> ReplacedCredit:
        total = self._movements.total(contributor_id, pool.index)
        return ReplacedCredit(
            record=pool.index,
            total_minor=total or 0,
            total=format_amount(total or 0, pool.currency),
            entry=self._entry(pool.record),
            sum=None if total is None else self._proof(contributor_id, pool),
        )

    def _proof(self, contributor_id: str, pool: BookedPool) -> CreditProof | None:
        tree = self._tree(pool.index)
        return None if tree is None else tree.prove(contributor_id)

    def _tree(self, index: int) -> CreditTree | None:
        if index not in self._trees:
            pool = self._movements.pools[index]
            lines, gross = lines_of(self._log, pool), pool.fields["gross_minor"]
            self._trees[index] = recorded_tree(self._log.salt, pool.record, lines, gross)
        return self._trees[index]

    def _entry(self, record: Record) -> LogEntry:
        published = self._log.published()
        path = [to_base64(value) for value in published.path(record.index)]
        return LogEntry(leaf=published.leaf(record.index).decode(), path=path)


def _adjustment(pool: BookedPool, minor: int, reason: str) -> Adjustment:
    return Adjustment(
        date=pool.day.isoformat(),
        deal_id=str(pool.fields["deal_id"]),
        delivery=pool.delivery,
        currency=pool.currency,
        minor=minor,
        amount=format_amount(minor, pool.currency),
        reason=reason,
    )


def _not_in_books(item: AccountDelivery) -> Adjustment:
    minor, currency = -item["credited_minor"], item["currency"]
    return Adjustment(
        date=item["date"],
        deal_id=item["deal_id"],
        delivery=item["delivery"],
        currency=currency,
        minor=minor,
        amount=format_amount(minor, currency),
        reason=NOT_IN_BOOKS,
    )


def _balance(currency: str, opening: int, earned: int, paid: int, carried: str) -> Balance:
    closing = opening + earned - paid
    return Balance(
        currency=currency,
        opening_minor=opening,
        opening=format_amount(opening, currency),
        earned_minor=earned,
        earned=format_amount(earned, currency),
        paid_minor=paid,
        paid=format_amount(paid, currency),
        closing_minor=closing,
        closing=format_amount(closing, currency),
        carried=carried,
    )
