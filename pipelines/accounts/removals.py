"""The removals in the books: what notices name, and what they do to a delivery's weights."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from typing import cast

from pipelines.accounts.asked import Asked
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.period import parse_period
from pipelines.accounts.pools import BookedPool, lines_of
from pipelines.accounts.reader import ReadableLog
from pipelines.ledger.record import Kind, Record
from pipelines.ledger.rules import SHARE
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.errors import InputError
from schemas.ledger import POOL_POINTS_SCHEMA

#: The reason of notices that say nothing about other deals: a term ended there.
OF_ONE_DEAL = "expiry"
#: The private field of a notice's record with the digest of the document with the removed files.
FILES_SHA256 = "files_sha256"
_HALF_YEAR = re.compile(r"(\d{4})-H([12])")


@dataclass(frozen=True)
class RecordedNotice:
    """A notice of removal in the books.

    Attributes:
        record: Its record.
    """

    record: Record

    @property
    def notice_id(self) -> str:
        """Its id, by which the buyer knows it."""
        return str(self.record.public["notice"])

    @property
    def sequence(self) -> int:
        """Its number among all notices of the agency, from 1."""
        return int(str(self.record.public["sequence"]))

    @property
    def sha256(self) -> str:
        """Digest of its file, hex."""
        return str(self.record.public["notice_sha256"])

    @property
    def deal_id(self) -> str:
        """The deal whose buyer gets it."""
        return str(self.record.public["deal_id"])

    @property
    def assets(self) -> dict[str, list[str]]:
        """The ids of the removed assets, by delivery that has them."""
        return cast(dict[str, list[str]], self.record.private["assets"])

    @property
    def asked(self) -> Asked:
        """What the removal asked for; notices of earlier releases do not tell it."""
        return Asked.from_json(self.record.private.get("asked", {}))

    @property
    def files_sha256(self) -> str:
        """Digest of the document with the removed files, hex; "" in earlier releases' notices."""
        return str(self.record.private.get(FILES_SHA256, ""))

    @property
    def only_deal(self) -> str:
        """The only deal in which it was to be removed; empty for all."""
        return str(self.record.private.get("only_deal", ""))

    @property
    def has_buyer(self) -> bool:
        """Whether it was written for a buyer; otherwise, no delivery had anything of it."""
        return "notice_sha256" in self.record.public

    def counts_in(self, deal_id: str) -> bool:
        """Returns whether a deal may not deliver what it names: each deal, unless a term ended."""
        return self.term("reason") != OF_ONE_DEAL or self.deal_id == deal_id

    @property
    def effective_at(self) -> date:
        """The day from which the assets may not be used."""
        return date.fromisoformat(str(self.record.private["effective_at"]))

    @property
    def deadline(self) -> date:
        """The day by which the buyer must have deleted them."""
        return date.fromisoformat(str(self.record.private["deadline"]))

    def term(self, name: str) -> str:
        """Returns its `reason`, `way`, `money` or `recurring`."""
        return str(self.record.private[name])


def recorded_notices(log: ReadableLog) -> list[RecordedNotice]:
    """Returns all notices that were written for buyers, in the order of their records.

    Raises:
        RunError: If a record is missing, changed, or the log is damaged.
    """
    return [notice for notice in all_notices(log) if notice.has_buyer]


def all_notices(log: ReadableLog) -> list[RecordedNotice]:
    """Returns all notices of removal in the order of their records, those without a buyer, too.

    Raises:
        RunError: If a record is missing, changed, or the log is damaged.
    """
    records = (log.record(index) for index in range(log.size))
    return [
        RecordedNotice(record)
        for record in records
        if record.kind is Kind.NOTICE
        and ("notice_sha256" in record.public or "asked" in record.private)
    ]


def patched_deliveries(log: AgencyLog) -> dict[str, str]:
    """Returns, by patched delivery, the delivery that it was made from.

    Raises:
        RunError: If a record is missing, changed, or the log is damaged.
    """
    records = (log.record(index) for index in range(log.size))
    return {
        str(record.public["delivery"]): str(record.public["patches"])
        for record in records
        if record.kind is Kind.DELIVERY and record.public.get("patches")
    }


def pool_holder(delivery: str, patched: Mapping[str, str]) -> str:
    """Returns the delivery whose pool counts for a delivery: itself, unless it is a patch."""
    seen = set()
    while delivery in patched and delivery not in seen:
        seen.add(delivery)
        delivery = patched[delivery]
    return delivery


def ledger_points(
    store: Store, delivery: str, secrets: Collection[Opener], assets: Collection[str]
) -> tuple[dict[str, int], dict[str, int]]:
    """Returns what each contributor's lines count in a delivery: all of them, and those of assets.

    Args:
        store: The output store.
        delivery: Its id.
        secrets: The agency's secrets, by which the ledger is checked.
        assets: Ids of assets.

    Raises:
        RunError: If the ledger is not the one that was signed.
    """
    deal_id, _, version = delivery.partition("/")
    names = ("asset_id", "contributor_id", "share_bp", "weight")
    table = read_ledger_rows(store, deal_id, version, secrets, names)
    ids, people = values_of(table["asset_id"], str), values_of(table["contributor_id"], str)
    shares, weights = values_of(table["share_bp"], int), values_of(table["weight"], int)
    whole: dict[str, int] = defaultdict(int)
    part: dict[str, int] = defaultdict(int)
    chosen = frozenset(assets)
    for asset, who, share, weight in zip(ids, people, shares, weights, strict=True):
        whole[who] += share * weight
        if asset in chosen:
            part[who] += share * weight
    return dict(whole), dict(part)


def removed_parts(
    log: AgencyLog,
    store: Store,
    pool: BookedPool,
    assets: Collection[str],
    gone: Collection[str] = (),
) -> dict[str, Fraction]:
    """Returns which part of each contributor's share of a price is for assets of its delivery.

    Args:
        log: The agency's log.
        store: The output store.
        pool: What was paid for the delivery.
        assets: Ids of assets.
        gone: Contributors whose part is not asked for, since all of their weight goes.

    Returns:
        The part from 0 to 1 by contributor; those who have none of the assets are left out.

    Raises:
        InputError: If the pool does not tell what a contributor's assets count.
        RunError: If the books or the delivery's ledger are damaged.
    """
    whole, part = ledger_points(store, pool.delivery, log.openers, assets)
    part = {who: points for who, points in part.items() if points and who not in gone}
    if pool.fields["rule"].get("base") == "considered":  # lines go beyond the ledger's entries
        lines, column = lines_of(log, pool), "weight"
        if set(values_of(lines["basis"], str)) == {SHARE}:
            pass  # then lines have what is counted
        elif "points_sha256" in pool.fields:
            digest = pool.fields["points_sha256"]
            lines, column = log.books.read_lines(digest, POOL_POINTS_SCHEMA), "points"
        elif part:
            raise InputError(
                "The price considers assets that were not delivered, within a minimum or a cap",
                f"{pool.delivery}: what the removed assets count in it is not known",
                "Nothing was recorded. Remove assets of this delivery with --money keep and "
                "--recurring keep.",
            )
        people, weights = values_of(lines["contributor_id"], str), values_of(lines[column], str)
        whole = dict(zip(people, map(int, weights), strict=True))
    return {who: Fraction(points, whole[who]) for who, points in part.items()}


def stopped_assets(
    notices: Iterable[RecordedNotice], delivery: str, day: date, period: str
) -> set[str]:
    """Returns the assets of a delivery that no longer share in a payment.

    Args:
        notices: All notices.
        delivery: Id of the delivery whose pool holds the weights.
        day: The day of the payment.
        period: When it was earned.

    Raises:
        InputError: If it depends on the period when assets stop, and it is not a calendar period.
    """
    stopped: set[str] = set()
    for notice in notices:
        assets = notice.assets.get(delivery, [])
        if assets and has_stopped(notice, notice.term("recurring"), day, period):
            stopped.update(assets)
    return stopped


def has_stopped(notice: RecordedNotice, recurring: str, day: date, period: str) -> bool:
    """Returns whether what a notice removes no longer shares in a payment.

    Args:
        notice: The notice.
        recurring: Its effect on later revenue.
        day: The day of the payment.
        period: When it was earned.

    Raises:
        InputError: If it depends on the period, and it is not a calendar period.
    """
    if recurring == "keep":
        return False
    first = day if recurring == "stop" else _first_day(period, notice)
    # "stop": from the effective day on. "stop-next-period": periods that begin after it.
    return first > notice.effective_at or (recurring == "stop" and first == notice.effective_at)


def _first_day(period: str, notice: RecordedNotice) -> date:
    half = _HALF_YEAR.fullmatch(period)
    try:
        if half is not None:
            return date(int(half[1]), 1 if half[2] == "1" else 7, 1)
        first = parse_period(period).first
    except (InputError, ValueError):
        first = None
    if first is None:
        raise InputError(
            "It is not known whether removed assets share in this revenue",
            f"--period {period!a}; notice {notice.notice_id} stops them with the period after "
            f"{notice.effective_at}"[:200],
            "Nothing was recorded. Write the period as 2026, 2026-H2, 2026-Q3, 2026-07 or "
            "2026-07-01..2026-09-15.",
        )
    return first


def without_parts(weights: Mapping[str, int], parts: Mapping[str, Fraction]) -> dict[str, int]:
    """Returns weights less parts of them, as whole numbers in the exact proportions.

    Example:
        >>> without_parts({"ada": 3, "bo": 2}, {"ada": Fraction(1, 2)})
        {'ada': 3, 'bo': 4}
    """
    left = {who: weight * (1 - parts.get(who, Fraction(0))) for who, weight in weights.items()}
    common = math.lcm(*(Fraction(one).denominator for one in left.values()))
    return {who: int(one * common) for who, one in left.items()}
