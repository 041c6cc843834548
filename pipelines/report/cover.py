"""Shows a choice of assets that covers a catalogue, within 80 columns, and writes it as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.quote.cover import Cover
from pipelines.quote.looks import LooksReach
from pipelines.quote.quote import Quote
from pipelines.quote.spending import Limits
from pipelines.report.wrapped import print_wrapped
from schemas.errors import counted
from schemas.money import format_amount

_KINDS = {"contributor": "contributors", "category": "categories", "keyword": "keywords"}
_LEGEND = "random, first: as many assets, drawn at random or the first in the catalogue."
_NEAREST = "cosine: of an asset and the chosen one that is nearest to it."
_MEDIA = {"image": ("picture", "pictures"), "video": ("film", "films")}


def cover_json(cover: Cover) -> dict[str, object]:
    """Returns a choice as JSON."""
    return {
        "assets": list(cover.assets),
        "candidates": cover.candidates,
        "by_media": cover.by_media,
        "cost_minor": cover.cost_minor,
        "share": cover.share,
        "random_share": cover.random_share,
        "first_share": cover.first_share,
        "labels": {kind: vars(reach) for kind, reach in cover.reach.items()},
        "embeddings": None if cover.looks is None else vars(cover.looks),
    }


def show_cover(console: Console, cover: Cover, quote: Quote, limits: Limits, path: str) -> None:
    """Prints a choice.

    Args:
        console: Where to.
        cover: The choice.
        quote: The quote of the assets of which they were chosen.
        limits: What was asked for.
        path: Where it was written, or "".
    """
    for line in _lines(cover, quote, limits):
        print_wrapped(console, line)
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "in all", "chosen", "random", "first"):
        table.add_column(name, justify="right" if name else "left")
    for kind, reach in cover.reach.items():
        table.add_row(_KINDS[kind], *(f"{n:,}" for n in vars(reach).values()))
    shares = (cover.share, cover.random_share, cover.first_share)
    table.add_row("coverage of labels", "", *(f"{100 * share:.1f} %" for share in shares))
    if cover.looks is not None:
        _add_looks(table, cover.looks)
    console.print(table)
    print_wrapped(console, _LEGEND if cover.looks is None else f"{_LEGEND} {_NEAREST}")
    if path and cover.assets:
        print_wrapped(console, f'The list is in {path}; deal key: select.only = "{path}"')


def _lines(cover: Cover, quote: Quote, limits: Limits) -> list[str]:
    price, cleared = quote.deal.price, quote.tally.cleared.assets
    what = "labels" if cover.looks is None else "looks"
    lines = [f"Chosen to cover the most {what}: {counted(len(cover.assets), 'asset')}"]
    if limits.budget_minor is None and len(cover.assets) < limits.count:
        why = "are cleared" if cover.looks is None else "are cleared and have an embedding"
        lines.append(f"  {limits.count:,} were asked for, but no more {why}")
    if cover.candidates < cleared:
        drawn = "" if cover.looks is None else ", of those that have an embedding"
        lines.append(f"  chosen among {cover.candidates:,} of {cleared:,} cleared assets{drawn}")
    if cover.looks is not None:
        lines.append(f"  compared by stored embeddings of {cover.looks.model.partition('@')[0]}")
    if cover.cost_minor is not None and limits.budget_minor is not None:
        cost, budget = (
            format_amount(minor, price.currency)
            for minor in (cover.cost_minor, limits.budget_minor)
        )
        lines.append(f"  they cost {cost} of {budget} {price.currency}:")
        lines += [f"    {text}" for text in _items(cover, limits, price.currency)]
        if cover.cost_minor != price.pool_minor:
            pool = format_amount(price.pool_minor, price.currency)
            lines.append(f'  the deal\'s price.pool is "{pool}"; for these, "{cost}"')
    return lines


def _items(cover: Cover, limits: Limits, currency: str) -> Sequence[str]:
    return [
        f"{counted(count, *_MEDIA[media])} at {format_amount(limits.prices[media], currency)}"
        for media, count in cover.by_media.items()
    ]


def _add_looks(table: Table, looks: LooksReach) -> None:
    means = (looks.chosen, looks.random, looks.first)
    tenths = (looks.far, looks.random_far, looks.first_far)
    table.add_row("cosine, mean", "", *(f"{value:.3f}" for value in means))
    table.add_row("cosine, lowest tenth", "", *(f"{value:.3f}" for value in tenths))
