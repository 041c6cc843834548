"""Shows why a run ended without a delivery: counts per step, reasons, and the costliest rules."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.report.funnel import show_counts
from pipelines.run.job import Job
from pipelines.run.undelivered import Cost, Undelivered, UndeliveredError
from schemas.deal import Deal
from schemas.deal_keys import allowed_values, deal_value, toml_text
from schemas.errors import counted
from schemas.reason_info import Outcome, Stage

_TITLES = ("", "The rule that excluded most assets", "The two rules that excluded most assets")
_MOST = "The three rules that excluded most assets"


def undelivered_json(job: Job, error: UndeliveredError) -> dict[str, object]:
    """Returns the same as JSON data."""
    return {
        "made": False,
        "error": {"what": error.what, "which": error.which, "remedy": error.remedy},
        **error.undelivered.to_json(job.deal),
    }


def show_undelivered(
    console: Console, deal: Deal, undelivered: Undelivered, with_costliest: bool = True
) -> None:
    """Prints the counts and, if asked for, rules; the command line prints the error itself."""
    show_counts(console, undelivered.steps)
    costs = undelivered.costliest() if with_costliest else []
    if not costs:
        return
    title = _TITLES[len(costs)] if len(costs) < len(_TITLES) else _MOST
    table = Table(title=title, box=None, show_header=False, title_justify="left")
    table.add_column(justify="right")
    table.add_column(overflow="fold")
    for number, cost in enumerate(costs, start=1):
        table.add_row("", "")
        lines = _lines(cost, deal)
        table.add_row(f"{number}.", Text("\n".join(lines)))
    console.print(table)
    console.print()


def _lines(cost: Cost, deal: Deal) -> list[str]:
    info = cost.info
    lines = [f"{cost.reason}: {_how_many(cost)}", info.sentence]
    for key in info.governed_by:
        value = deal_value(deal, key)
        others = [toml_text(word) for word in allowed_values(key) if word != value]
        also = f"  (or {', '.join(others)})" if others else ""
        lines.append(f"Deal key: {key} = {toml_text(value)}{also}")
    if not info.governed_by:
        where = "the catalogue" if info.stage in (Stage.READ, Stage.SCREEN) else "the asset's file"
        lines.append(f"No deal key: {where} decides ({info.source})")
    return [*lines, f"How to fix it: {info.remedy}"]


def _how_many(cost: Cost) -> str:
    assets = counted(cost.assets, "asset")
    if cost.info.outcome is Outcome.FAILED:
        return f"{assets} that could not be read"
    if cost.alone is None:
        return f"{assets} refused"
    return f"{assets} refused, {cost.alone:,} by this rule alone"
