"""Shows how much of a delivery came from whom: a table of 80 columns, CSV, JSON."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipelines.accounts.share import Share, ShareRow, combine
from pipelines.ledger.csv_cells import CSV_END, csv_cell
from schemas.ledger import FULL_SPLIT_BP
from schemas.money import format_amount

CSV_COLUMNS = ("group", "assets", "bytes", "seconds", "amount_minor", "amount", "currency")
_MAX_NAME = 40


def share_json(share: Share, top: int) -> dict[str, object]:
    """Returns the result as JSON data. Quantities are exact decimals, as text."""
    signed = share.sums.signed
    return {
        "delivery": signed.delivery,
        "by": share.by.value,
        "currency": signed.currency,
        "rows": [_row_json(share, row) for row in _top(share, top)],
        "total": _row_json(share, share.total),
        "agency_minor": share.agency_minor,
        "pool_minor": signed.root.minor,
        "removed": _removed_json(share),
        "samples": share.published.manifest.end.samples,
        "unknown_assets": list(share.unknown_assets),
        "proof": {
            "sum_root": signed.root.hash.hex(),
            "leaves": signed.leaves,
            "note": share.sums.note,
            "vkey": share.published.manifest.vkey,
        },
    }


def share_csv(share: Share, top: int) -> Iterator[str]:
    """Yields the groups as CSV, safe to open in a spreadsheet; the sum of each column is exact.

    Control and direction marks are escaped, since it is printed; the JSON has names as they are.
    """
    yield ",".join(CSV_COLUMNS) + CSV_END
    for row in _top(share, top):
        numbers = [*_quantities(row), str(row.minor), _money(share, row.minor)]
        group = csv_cell(printable(row.group))
        yield ",".join([group, *numbers, share.sums.signed.currency]) + CSV_END


def show_share(console: Console, share: Share, top: int) -> None:
    """Prints the table, the totals, and how the total can be checked."""
    signed = share.sums.signed
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=True)
    table.add_column(share.by.value, no_wrap=True, overflow="ellipsis", min_width=6)
    for name in ("assets", "media bytes", "seconds", signed.currency):
        table.add_column(name, justify="right", no_wrap=True)
    for row in _top(share, top):
        table.add_row(Text(visible(row.group)), *_cells(share, row))
    table.add_section()
    table.add_row("all contributors", *_cells(share, share.total))
    table.add_row("agency and deductions", "", "", "", _grouped(_money(share, share.agency_minor)))
    for name, minor in _pool_rows(share):
        table.add_row(name, "", "", "", _grouped(_money(share, minor)))
    console.print(f"{signed.delivery} by {share.by.value}", highlight=False, markup=False)
    console.print(table, highlight=False)
    for line in (*_removed_lines(share), *_proof_lines(share)):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _removed_json(share: Share) -> dict[str, object] | None:
    """Returns what removals took out since the version was packaged; None if there were none."""
    patches, packaged = share.published.manifest.patches, share.packaged
    if patches is None:
        return None
    if packaged is None:
        return {"since": patches.original, "samples": None, "minor": None, "pool_minor": None}
    pool_minor = packaged.sums.signed.root.minor
    return {
        "since": patches.original,
        "samples": packaged.samples - share.published.manifest.end.samples,
        "minor": pool_minor - share.sums.signed.root.minor,
        "pool_minor": pool_minor,
    }


def _pool_rows(share: Share) -> Iterator[tuple[str, int]]:
    """Yields the pool; if samples were removed, what is left of it, what was removed, and it."""
    left_minor = share.sums.signed.root.minor
    if share.published.manifest.patches is None:
        yield "pool", left_minor
        return
    yield "left of the pool", left_minor
    if share.packaged is not None:
        pool_minor = share.packaged.sums.signed.root.minor
        yield "removed", pool_minor - left_minor
        yield "pool", pool_minor


def _removed_lines(share: Share) -> Iterator[str]:
    """Yields that the rows are about what removals left, and where to see what became of it."""
    found = _removed_json(share)
    if found is None:
        return
    samples = "samples" if found["samples"] is None else f"{found['samples']:,} samples"
    yield f"removed   {samples} since {found['since']}, which divided the pool once:"
    yield "          the rows are what is left of that. Whether contributors keep what was"
    yield "          credited for the rest is on their statements (fairshard statement)"


def printable(text: str) -> str:
    """Returns a text without control and direction marks, which are escaped."""
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape", "replace").decode()
        for letter in text
    )


def visible(text: str) -> str:
    """Returns a name as a terminal may show it: no control or direction marks, not too long."""
    shown = printable(text)
    return shown if len(shown) <= _MAX_NAME else f"{shown[: _MAX_NAME - 1]}…"


def _proof_lines(share: Share) -> Iterator[str]:
    signed, end = share.sums.signed, share.published.manifest.end
    yield (
        f"samples   {end.samples:,} in the signed manifest; the ledger divides each of them "
        "completely"
    )
    yield f"sum root  {signed.root.hash.hex()}, {signed.leaves:,} leaves"
    yield "          computed again from the leaves; signed by"
    yield f"          {share.published.manifest.vkey}"
    yield "to check  each page of fairshard statement leads from its total to this root"


def _top(share: Share, top: int) -> list[ShareRow]:
    """Returns the largest groups; the others are summed in one row."""
    if not top or len(share.rows) <= top:
        return list(share.rows)
    others = share.rows[top:]
    return [*share.rows[:top], combine(others, f"others ({len(others):,})")]


def _row_json(share: Share, row: ShareRow) -> dict[str, object]:
    assets, size, seconds = _quantities(row)
    return {
        "group": row.group,
        "assets": assets,
        "bytes": size,
        "seconds": seconds,
        "amount_minor": row.minor,
        "amount": _money(share, row.minor),
    }


def _money(share: Share, minor: int) -> str:
    return format_amount(minor, share.sums.signed.currency)


def _quantities(row: ShareRow) -> list[str]:
    return [
        _decimal(row.assets, FULL_SPLIT_BP),
        _decimal(row.bytes, FULL_SPLIT_BP),
        _decimal(row.ms, FULL_SPLIT_BP * 1_000),
    ]


def _cells(share: Share, row: ShareRow) -> list[str]:
    return [*(_grouped(text) for text in _quantities(row)), _grouped(_money(share, row.minor))]


def _decimal(parts: int, scale: int) -> str:
    """Returns parts of a power of ten as an exact decimal without needless zeros."""
    whole, rest = divmod(parts, scale)
    digits = str(rest).rjust(len(str(scale)) - 1, "0").rstrip("0")
    return f"{whole}.{digits}" if digits else str(whole)


def _grouped(number: str) -> str:
    whole, point, digits = number.partition(".")
    return f"{int(whole):,}{point}{digits}"
