"""Shows a quote, within 80 columns, and writes it as JSON."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.quote.money import Spread, top_of
from pipelines.quote.quote import KeyLine, LabelLine, Quote, describe
from pipelines.quote.recorded import Recorded
from pipelines.quote.tally import DIMENSIONS, Sizes
from pipelines.report.wrapped import print_wrapped
from pipelines.rights.formatting import one_line
from schemas.deal_keys import json_value, toml_text
from schemas.errors import counted
from schemas.money import format_amount

_FEWEST_FOR_TENTHS = 10  # contributors
_HOUR_MS = 3_600_000
_TITLES = {
    "licence": "By licence",
    "territory": "By territory",
    "category": "By category",
    "media_type": "By media type",
    "contributor": "By contributor",
}
NOT_READ = (
    "No media were read: what files say about rights, damaged files, duplicates and the deal's "
    "selection by looks may exclude more. fairshard check --files all reads them."
)
_ALL_CLEARED = (
    "It is divided among all cleared assets here; a run divides it among those that it delivers."
)
_TIES = "Without the agency's key and books, single credits may differ by what earlier pools left."


def _recorded_text(recorded: Recorded) -> str:
    """Says what is known about files, and of which not."""
    what = (
        "what it found in files and chose is counted; files that are new since were not read"
        if recorded.same_terms
        else "its terms were others, so only damaged and missing files are counted as it found them"
    )
    return f"No media were read now. Of {recorded.version}, {what}."


def hours(film_ms: int) -> str:
    """Returns a length as hours with one decimal.

    Example:
        >>> hours(5_400_000)
        '1.5'
    """
    return f"{film_ms / _HOUR_MS:,.1f}"


def size_text(count: int) -> str:
    """Returns a number of bytes for people.

    Example:
        >>> size_text(999), size_text(1_500_000)
        ('999 B', '1.5 MB')
    """
    value = float(count)
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if value < 1_000 or unit == "TB":
            return f"{count} B" if unit == "B" else f"{value:,.1f} {unit}"
        value /= 1_000
    raise AssertionError


def quote_json(quote: Quote, top: int) -> dict[str, object]:
    """Returns a quote as JSON; labels and contributors are cut off after `top`."""
    tally, price = quote.tally, quote.deal.price
    pool, spread = quote.pool, quote.spread
    fault = quote.fault
    return {
        "deal_id": quote.deal.deal_id,
        "assets": tally.entered + tally.failed.total(),
        "failed": dict(sorted(tally.failed.items())),
        "cleared": tally.cleared.to_json(),
        "takes_at_most": quote.deal.select.max_assets,
        "refused": tally.entered - tally.cleared.assets,
        "refused_by_notice": dict(sorted(tally.notices.items())),
        "reasons": [
            {
                "reason": line.code,
                "assets": line.assets,
                "alone": line.alone.assets,
                "would_add": line.alone.to_json(),
                "example": line.example,
                "meaning": describe(line.code),
            }
            for line in quote.reasons()
        ],
        "keys": [
            {
                "key": line.key,
                "value": json_value(quote.deal, line.key),
                "others": list(line.others),
                "reasons": list(line.rules),
                "would_add": line.adds.to_json(),
            }
            for line in quote.keys_of_deal()
        ],
        "by": {
            **{name: [vars(line) for line in quote.labels(name)[:top]] for name in DIMENSIONS},
            "contributor": [vars(line) for line in quote.people[:top]],
        },
        "money": {
            "currency": price.currency,
            "pool_minor": price.pool_minor,
            "agency_minor": None if pool is None else pool.agency_minor,
            "contributors_minor": None if pool is None else pool.contributors_minor,
            "deductions_minor": 0 if pool is None else sum(minor for _, minor in pool.deductions),
            "spread": None if spread is None else vars(spread),
            "top": [{"contributor": who, "minor": minor} for who, minor in _top(quote, top)],
            "exact": quote.keys.known,
            "error": None if fault is None else str(fault),
        },
        "files": None
        if quote.recorded is None
        else {
            "version": quote.recorded.version,
            "same_terms": quote.recorded.same_terms,
            "excluded": tally.passed - tally.cleared.assets,
        },
    }


def show_quote(console: Console, quote: Quote, top: int) -> None:
    """Prints a quote."""
    tally, deal = quote.tally, quote.deal
    entered, cleared = tally.entered + tally.failed.total(), tally.cleared
    _line(console, f"Quote for deal {deal.deal_id}")
    _line(console, f"  {tally.passed:,} of {entered:,} assets are cleared by the catalogue")
    if quote.recorded is not None:
        left = f"{cleared.assets:,} are left after what {quote.recorded.version} found in files"
        _line(console, f"  {left}")
    if cleared.assets > deal.select.max_assets:
        most = counted(deal.select.max_assets, "asset")
        _line(console, f"  a run delivers at most {most} of these (select.max_assets)")
    for line in _size_lines(cleared):
        _line(console, f"  {line}")
    for notice, count in sorted(tally.notices.items()):
        _line(console, f"  refused under notice {notice}: {count:,}")
    _show_reasons(console, quote)
    _show_keys(console, quote.keys_of_deal(), top)
    for name in DIMENSIONS:
        _show_labels(console, _TITLES[name], quote.labels(name), top)
    _show_labels(console, _TITLES["contributor"], quote.people, top)
    _show_money(console, quote, top)
    _line(console, NOT_READ if quote.recorded is None else _recorded_text(quote.recorded))
    console.print()


def _line(console: Console, text: str) -> None:
    for line in text.splitlines():
        own = line.lstrip(" ")
        print_wrapped(console, own, " " * (len(line) - len(own)))


def _size_lines(sizes: Sizes) -> list[str]:
    lines = []
    stated = sizes.assets - sizes.without_bytes
    if stated:
        files = counted(stated, "file")
        lines.append(f"{size_text(sizes.bytes)} in {files} whose size is stated")
    if sizes.without_bytes:
        lines.append(f"{_has(sizes.without_bytes, 'file')} no size in the catalogue")
    if known := sizes.films - sizes.without_length:
        films = counted(known, "film")
        lines.append(f"{hours(sizes.film_ms)} hours in {films} whose length is stated")
    if sizes.without_length:
        lines.append(f"{_has(sizes.without_length, 'film')} no length in the catalogue")
    return lines


def _has(count: int, noun: str) -> str:
    return f"{counted(count, noun)} {'has' if count == 1 else 'have'}"


def _show_reasons(console: Console, quote: Quote) -> None:
    reasons = quote.reasons()
    if not reasons:
        return
    table = _table("Excluded assets, by reason")
    table.add_column("assets", justify="right")
    table.add_column("alone", justify="right")
    table.add_column("reason", no_wrap=True)
    table.add_column("example", overflow="fold")
    for line in reasons:
        cells = (f"{line.assets:,}", f"{line.alone.assets:,}", line.code)
        table.add_row(*cells, Text(one_line(line.example)))
    console.print(table)
    _line(console, "alone: excluded by nothing else, so this many would be added without the rule.")


def _show_keys(console: Console, keys: Sequence[KeyLine], top: int) -> None:
    shown = [line for line in keys if line.adds.assets][:top]
    if not shown:
        return
    table = _table("What the deal could relax")
    table.add_column("adds", justify="right")
    table.add_column("key", no_wrap=True)
    table.add_column("now", overflow="fold", max_width=18)
    table.add_column("or", overflow="fold", max_width=20)
    for line in shown:
        others = ", ".join(map(toml_text, line.others)) or "another value"
        now = toml_text(line.value)
        table.add_row(f"{line.adds.assets:,}", line.key, Text(now), Text(others))
    console.print(table)
    _line(console, "adds: at most this many, as another value may still exclude some of them.")


def _show_labels(console: Console, title: str, lines: Sequence[LabelLine], top: int) -> None:
    table = _table(title)
    table.add_column("cleared", justify="right")
    table.add_column("refused", justify="right")
    table.add_column("", overflow="fold", max_width=22)
    table.add_column("refused by one rule alone", overflow="fold")
    for line in lines[:top]:
        table.add_row(
            f"{line.cleared:,}", f"{line.refused:,}", Text(one_line(line.label)), _alone(line)
        )
    rest = len(lines) - top
    console.print(table)
    if rest > 0:
        _line(console, f"and {rest:,} more")


def _alone(line: LabelLine) -> Text:
    ordered = sorted(line.alone.items(), key=lambda item: (-item[1], item[0]))
    shown = ", ".join(f"{code} {count:,}" for code, count in ordered[:2])
    return Text(f"{shown}, …" if len(ordered) > 2 else shown)


def _show_money(console: Console, quote: Quote, top: int) -> None:
    pool, spread, currency = quote.pool, quote.spread, quote.deal.price.currency
    if quote.fault is not None:
        _line(console, f"Money: {quote.fault}")
    if pool is None or spread is None:
        return
    _line(
        console,
        f"Money: of {format_amount(pool.gross_minor, currency)} {currency} the agency has "
        f"{format_amount(pool.agency_minor, currency)}, and {_has(spread.people, 'contributor')} "
        f"{format_amount(pool.contributors_minor, currency)}",
    )
    if quote.tally.cleared.assets > quote.deal.select.max_assets and _pays_delivered(quote):
        _line(console, _ALL_CLEARED)
    table = _table(f"Money per contributor ({currency})")
    for name, _ in _steps(spread):
        table.add_column(name, justify="right")
    table.add_row(*(format_amount(minor, currency) for _, minor in _steps(spread)))
    console.print(table)
    mean = f"mean {format_amount(spread.mean, currency)}"
    if spread.people >= _FEWEST_FOR_TENTHS:
        share = f"{100 * spread.top_tenth_share:.0f} %"
        mean += f"; the tenth of contributors who get most get {share} of it all"
    _line(console, mean)
    best = _table(f"Who gets most ({currency})")
    best.add_column("amount", justify="right")
    best.add_column("contributor", overflow="fold")
    for who, minor in _top(quote, top):
        best.add_row(format_amount(minor, currency), Text(one_line(who)))
    console.print(best)
    if not quote.keys.known:
        _line(console, _TIES)


def _pays_delivered(quote: Quote) -> bool:
    return quote.deal.price.base == "delivered"


def _steps(spread: Spread) -> list[tuple[str, int]]:
    """Returns what the least, the median and so on get; no tenths of a few people."""
    every = [
        ("least", spread.least),
        ("a tenth", spread.tenth),
        ("a quarter", spread.quarter),
        ("median", spread.median),
        ("3 quarters", spread.three_quarters),
        ("9 tenths", spread.nine_tenths),
        ("most", spread.most),
    ]
    return every if spread.people >= _FEWEST_FOR_TENTHS else every[::3]


def _top(quote: Quote, count: int) -> list[tuple[str, int]]:
    return top_of(quote.credits, count)


def _table(title: str) -> Table:
    return Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", min_width=len(title))
