"""The sections about money, for the agency: who is credited, and what the versions cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.report.pages.money import VersionLine, VersionMoney
from pipelines.report.pages.parts import (
    Column,
    amount,
    bar,
    code,
    note,
    percent,
    section,
    table,
    text,
)
from schemas.errors import counted

_MOST_PAYOUTS = 100


def payout_section(money: VersionMoney | None) -> str:
    """Returns what became of the pool, and what each contributor is credited; "" without money."""
    if money is None:
        return ""
    paid = sum(one.minor for one in money.payouts)
    pieces = [
        ("Pool", money.gross_minor),
        *money.deductions,
        ("Agency", money.agency_minor),
        ("Rounding", money.rounding_minor),
        ("Contributors, for delivered assets", paid),
        ("Contributors, for assets considered and not delivered", money.contributors_minor - paid),
    ]
    return section(
        "contributors",
        "Contributors and payouts",
        table(
            "What became of the pool",
            (Column("part"), Column("amount", True), Column("of the pool", True)),
            (
                (text(name), amount(minor, money.currency), percent(minor, money.gross_minor))
                for name, minor in pieces
                if minor or name in ("Pool", "Agency")
            ),
        ),
        note(_spread(money)),
        table(
            f"Credited to {counted(len(money.payouts), 'contributor')}, the largest amount first",
            (
                Column("contributor"),
                Column("assets", True),
                Column("amount", True),
                Column("share", True),
                Column(""),
            ),
            _payout_rows(money, paid),
        ),
    )


def _payout_rows(money: VersionMoney, paid: int) -> list[tuple[str, ...]]:
    """Returns the rows of the largest payouts, and one of all others."""
    currency = money.currency
    most = max([one.minor for one in money.payouts], default=0)
    listed = money.payouts[:_MOST_PAYOUTS]
    rest = money.payouts[_MOST_PAYOUTS:]
    rows: list[tuple[str, ...]] = [
        (
            code(one.contributor_id),
            f"{one.assets:,}",
            amount(one.minor, currency),
            percent(one.minor, paid),
            bar(("passed", one.minor), most=most),
        )
        for one in listed
    ]
    if rest:
        left = sum(one.minor for one in rest)
        rows.append(
            (
                text(f"{len(rest):,} others"),
                f"{sum(one.assets for one in rest):,}",
                amount(left, currency),
                percent(left, paid),
                "",
            )
        )
    return rows


def _spread(money: VersionMoney) -> str:
    amounts = sorted(one.minor for one in money.payouts)
    if not amounts:
        return "Nobody is credited."
    places = (len(amounts) - 1, (len(amounts) - 1) // 2, 0)
    most, middle, least = (amount(amounts[at], money.currency) for at in places)
    return (
        f"The largest amount is {most}, the median {middle}, the smallest {least}. These are "
        "credits; fairshard payout pays them."
    )


def version_section(versions: Sequence[VersionLine]) -> str:
    """Returns all published versions of the deal with their money; "" without any."""
    if not versions:
        return ""
    replaced = {one.replaces: one.name for one in versions if one.replaces}
    return section(
        "versions",
        "Versions of this deal",
        note(
            "A version that replaces another owes the difference only; one with a pool of its own "
            "is paid in full."
        ),
        table(
            counted(len(versions), "published version"),
            (
                Column("version"),
                Column("rights as of"),
                Column("samples", True),
                Column("pool"),
                Column("amount", True),
                Column("agency", True),
                Column("contributors", True),
                Column("compared with the version before"),
                Column("replaced by"),
            ),
            (tuple(_version_cells(one, replaced.get(one.name, ""))) for one in versions),
        ),
    )


def _version_cells(one: VersionLine, replaced_by: str) -> Iterator[str]:
    yield text(one.name)
    yield text(one.as_of or "unknown")
    yield "" if one.samples is None else f"{one.samples:,}"
    yield text(one.pool)
    for minor in (one.gross_minor, one.agency_minor, one.contributors_minor):
        yield "" if minor is None else amount(minor, one.currency)
    yield text(version_change(one))
    yield text(replaced_by)


def version_change(one: VersionLine) -> str:
    """Returns what changed since the version that one replaces, for people; "" without one."""
    if one.patches:
        return f"made from {one.patches} by a removal; its pool goes on"
    if not one.replaces:
        return ""
    if one.added is None or one.removed is None:
        return f"replaces {one.replaces}"
    sign = "+" if one.difference_minor > 0 else ""
    return (
        f"replaces {one.replaces}: {counted(one.added, 'asset')} added, {one.removed:,} removed; "
        f"more to {counted(one.more, 'contributor')}, less to {one.less:,}, together "
        f"{sign}{amount(one.difference_minor, one.currency)}"
    )
