"""Shows a choice of assets that covers a catalogue, within 80 columns, and writes it as JSON."""

from __future__ import annotations

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.quote.cover import Cover
from schemas.errors import counted

_KINDS = {"contributor": "contributors", "category": "categories", "keyword": "keywords"}


def cover_json(cover: Cover) -> dict[str, object]:
    """Returns a choice as JSON."""
    return {
        "assets": list(cover.assets),
        "candidates": cover.candidates,
        "share": cover.share,
        "random_share": cover.random_share,
        "labels": {kind: vars(reach) for kind, reach in cover.reach.items()},
    }


def show_cover(console: Console, cover: Cover, wanted: int, cleared: int, path: str) -> None:
    """Prints a choice.

    Args:
        console: Where to.
        cover: The choice.
        wanted: How many assets were asked for.
        cleared: How many are cleared.
        path: Where it was written, or "".
    """
    lines = [f"Chosen to cover the most: {counted(len(cover.assets), 'asset')}"]
    if len(cover.assets) < wanted:
        lines.append(f"  {wanted:,} were asked for, but no more are cleared")
    if cover.candidates < cleared:
        lines.append(f"  chosen among {cover.candidates:,} assets drawn from {cleared:,}")
    lines.append(
        f"  coverage {100 * cover.share:.1f} %; of a random choice of the same size, "
        f"{100 * cover.random_share:.1f} %"
    )
    for line in lines:
        console.print(Text(line))
    table = Table(box=box.SIMPLE_HEAD)
    for name in ("", "in all", "chosen", "random"):
        table.add_column(name, justify="right" if name else "left")
    for kind, reach in cover.reach.items():
        table.add_row(_KINDS[kind], *(f"{n:,}" for n in vars(reach).values()))
    console.print(table)
    if path and cover.assets:
        console.print(Text(f'The list is in {path}; deal key: select.only = "{path}"'))
