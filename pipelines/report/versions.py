"""Shows, before a new version is made, what exists, what changed and what happens to the money."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.run.changes import KnownChanges
from pipelines.run.job import Job
from pipelines.run.pools import PastVersion
from pipelines.steps.settle import Settlement
from schemas.errors import counted
from schemas.money import format_amount


def show_versions(
    console: Console, job: Job, history: Sequence[PastVersion], changes: KnownChanges | None
) -> None:
    """Prints the published versions of a job's deal, and what its own version will owe.

    Args:
        console: Where to.
        job: The run that makes a new version.
        history: The published versions.
        changes: What changed since the version that is replaced, if one is.
    """
    if not history:
        return
    console.print(_versions_table(job, history))
    price = job.deal.price
    pool = f"{format_amount(price.pool_minor, price.currency)} {price.currency}"
    if changes is None:
        lines = [
            f"{job.version} divides a pool of its own, {job.pool}: {pool} in full, in addition to "
            "what was credited before. No earlier statement changes."
        ]
    else:
        known = "; ".join(changes.lines()) or "nothing that is known before the run"
        lines = [
            f"Changed since {job.replaces}: {known}.",
            f"{job.version} replaces {job.replaces}: the pool {job.pool} stays {pool}, and what is "
            f"owed for {job.version} is the difference to {job.replaces} only. If the buyer pays "
            "once more, stop, and name a separate pool with --new-pool NAME.",
        ]
        if any(version.name == job.replaces and version.patches for version in history):
            lines.append(
                f"{job.replaces} was made by a removal. {job.version} divides the whole pool among "
                "what it delivers: contributors lose what they were credited for removed assets, "
                "even if the notice lets them keep it."
            )
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def _versions_table(job: Job, history: Sequence[PastVersion]) -> Table:
    currency = job.deal.price.currency
    replaced_by = {version.replaces: version.name for version in history if version.replaces}
    table = Table(
        title=f"Published versions of {job.deal.deal_id}, amounts in {currency}",
        box=box.SIMPLE_HEAD,
        title_justify="left",
    )
    for name in ("version", "rights as of", "pool"):
        table.add_column(name, no_wrap=True)
    for name in ("amount", "agency", "contributors"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("replaced by")
    for version in history:
        people = "" if version.contributors is None else f" to {version.contributors:,}"
        table.add_row(
            version.name,
            version.as_of[:10] or "unknown",
            version.pool,
            format_amount(version.gross_minor, currency),
            "" if version.patches else _amount(version.agency_minor, currency),
            f"as {version.patches}"
            if version.patches
            else f"{_amount(version.contributors_minor, currency)}{people}",
            replaced_by.get(version.name, ""),
        )
    return table


def _amount(minor: int | None, currency: str) -> str:
    return "unknown" if minor is None else format_amount(minor, currency)


def versions_json(
    job: Job, history: Sequence[PastVersion], changes: KnownChanges | None
) -> dict[str, object]:
    """Returns the same as JSON data."""
    return {
        "pool": job.pool,
        "replaces": job.replaces,
        "published_before": [asdict(version) for version in history],
        "changes_known_before": None if changes is None else asdict(changes),
    }


def settlement_lines(settlement: Settlement, currency: str) -> list[str]:
    """Returns what a version owes beyond the one that it replaces, as lines for people."""
    totals, assets = settlement.totals, settlement.assets
    agency = format_amount(settlement.agency_difference_minor, currency)
    return [
        f"{settlement.replaces}, whose credits stand; owed now is only the difference: "
        f"{_signed(totals.added_minor, currency)} to {totals.more:,}, "
        f"{_signed(-totals.taken_minor, currency)} from {totals.less:,}, nothing to "
        f"{counted(totals.same, 'contributor')}; together "
        f"{format_amount(totals.difference_minor, currency)} {currency}, agency {agency}",
        f"{counted(totals.joined, 'contributor')} joined, {totals.left:,} left; "
        f"{counted(assets.added, 'asset')} "
        f"added, {assets.removed:,} removed, {assets.changed:,} with another file, "
        f"{assets.kept:,} kept",
    ]


def _signed(minor: int, currency: str) -> str:
    return f"{'+' if minor > 0 else ''}{format_amount(minor, currency)}"
