"""Renders a statement as one HTML page that needs no server and checks itself in the browser.

Everything is inline: styles, the script, the chart and the record that the script checks.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.ledger.pool_sums import open_sum
from pipelines.ledger.signed_note import open_checkpoint
from pipelines.statements.account import (
    Account,
    AccountDelivery,
    AccountPayee,
    LoggedSum,
    ReplacedTotal,
)
from pipelines.statements.chart import bars
from pipelines.statements.inline import embedded_json, inline_file, page_head
from pipelines.statements.money_page import REASONS, balance_parts, money_parts
from pipelines.statements.text import escape, shown
from schemas.money import EXPONENTS, format_amount

_MAX_BARS = 24
_PACKAGE = "pipelines.statements"
_SCRIPTS = ("proofs.js", "money.js", "page.js")


_MONEY_NOTE = (
    "<p>Later revenue marked as proved is in the agency's own log, as a part of a pool whose sum "
    "the log has. A payout marked as logged is there with its day and number, but not its amount: "
    "that, withheld tax, what is not paid yet, and the balance at the start are the agency's "
    "word.</p>\n"
)


def account_page(account: Account) -> bytes:
    """Returns the page, UTF-8."""
    return "".join(_parts(account)).encode()


def _parts(account: Account) -> Iterator[str]:
    style = inline_file(_PACKAGE, "page.css")
    script = "".join(inline_file(_PACKAGE, name) for name in _SCRIPTS)
    yield page_head(f"Statement of earnings, {_period(account)}", style, script, verdict="none")
    yield from _summary(account)
    if account["money"] is not None:
        yield from money_parts(account["money"])
    if account["deliveries"]:
        yield '<section class="lines-part">\n<h2>Lines</h2>\n'
        for number, delivery in enumerate(account["deliveries"]):
            yield from _delivery(number, delivery)
        yield "</section>\n"
    yield from _about(account)
    yield "</main>\n"
    yield f'<script type="application/json" id="account">{embedded_json(account)}</script>\n'
    yield f'<script type="application/json" id="decimals">{embedded_json(EXPONENTS)}</script>\n'
    yield f'<script type="application/json" id="reasons">{embedded_json(REASONS)}</script>\n'
    yield f"<script>{script}</script>\n</body>\n</html>\n"


def _summary(account: Account) -> Iterator[str]:
    yield (
        "<header>\n<h1>Statement of earnings</h1>\n"
        f'<p class="id who"><bdi data-cell="who">{_text(account["contributor_id"])}</bdi></p>\n'
        f"{_payee(account['payee'])}"
        f'<p class="soft"><span data-cell="period">{escape(_period(account))}</span>; a delivery '
        "counts on the day as of which its rights were checked.</p>\n</header>\n"
        '<main>\n<ul class="amounts">\n'
    )
    for number, total in enumerate(account["totals"]):
        yield f"<li>{_amount(f'all-{number}', total['total'], total['currency'])}</li>\n"
    yield (
        '</ul>\n<div id="verdict" role="status"><strong>This page has not been checked yet.'
        "</strong>Open it in a browser with scripts switched on.</div>\n"
    )
    if account["money"] is not None:
        yield from balance_parts(account["money"])
    yield '<div class="charts">\n'
    for total in account["totals"]:
        yield from _charts(account, total["currency"])
    yield "</div>\n"
    if not account["totals"]:
        return
    yield '<div class="half">\n'
    yield _table(
        "month",
        ("Month",),
        [((row["month"],), row["total"], row["currency"]) for row in account["by_month"]],
    )
    yield _table(
        "deal",
        ("Deal", "Lines"),
        [
            ((row["deal_id"], str(row["lines"])), row["total"], row["currency"])
            for row in account["by_deal"]
        ],
    )
    yield "</div>\n"


def _payee(payee: AccountPayee) -> str:
    """Returns who is paid, or nothing if no statement of a delivery says it."""
    rows = (
        ("name", "Name", payee["display_name"]),
        ("country", "Country", payee["country"]),
        ("currency", "Currency of payment", payee["payee_currency"]),
        ("account", "Paid to", payee["payee_ref"]),
    )
    return "".join(
        f'<p class="payee"><span class="soft">{label}</span> '
        f'<bdi class="id" data-cell="payee-{name}">{_text(value)}</bdi></p>\n'
        for name, label, value in rows
        if value
    )


def _charts(account: Account, currency: str) -> Iterator[str]:
    """Yields the chart of a currency's months, and of its deals if there are several."""
    months = [
        (row["month"], row["total_minor"], row["total"])
        for row in account["by_month"]
        if row["currency"] == currency
    ]
    caption = f"Earnings by month, {currency}"
    if len(months) > _MAX_BARS:
        caption += f", the last {_MAX_BARS} months"
    yield _figure(f"chart-month-{currency}", caption, months[-_MAX_BARS:])
    deals = [
        (row["deal_id"], row["total_minor"], row["total"])
        for row in account["by_deal"]
        if row["currency"] == currency
    ]
    if len(deals) > 1:
        ordered = sorted(deals, key=lambda item: -item[1])
        chart = _with_others(ordered, currency)
        yield _figure(f"chart-deal-{currency}", f"Earnings by deal, {currency}", chart)


def _figure(name: str, caption: str, items: Sequence[tuple[str, int, str]]) -> str:
    head = f'<figcaption class="soft">{escape(caption)}</figcaption>'
    return f"<figure>\n{head}\n{bars(name, caption, items)}\n</figure>\n"


def _with_others(items: list[tuple[str, int, str]], currency: str) -> list[tuple[str, int, str]]:
    if len(items) <= _MAX_BARS:
        return items
    rest = sum(item[1] for item in items[_MAX_BARS - 1 :])
    others = f"{len(items) - _MAX_BARS + 1} others"
    return [*items[: _MAX_BARS - 1], (others, rest, format_amount(rest, currency))]


def _table(name: str, heads: tuple[str, ...], rows: list[tuple[tuple[str, ...], str, str]]) -> str:
    first, *numbers = heads
    head = f"<th>{first}</th>" + "".join(f'<th class="number">{text}</th>' for text in numbers)
    body = []
    for at, ((label, *values), amount, currency) in enumerate(rows):
        cell = f"{name}-{at}"
        middle = "".join(
            f'<td class="number" data-cell="{cell}-lines">{escape(value)}</td>' for value in values
        )
        body.append(
            f'<tr><td><bdi class="id" data-cell="{cell}-name">{_text(label)}</bdi></td>{middle}'
            f'<td class="number">{_amount(cell, amount, currency)}</td></tr>\n'
        )
    return (
        f"<div>\n<h2>By {name}</h2>\n<table>\n<thead><tr>{head}"
        f'<th class="number">Amount</th></tr></thead>\n<tbody>\n{"".join(body)}</tbody>\n'
        "</table>\n</div>\n"
    )


def _amount(cell: str, amount: str, currency: str) -> str:
    return f'<span data-cell="{cell}">{escape(amount)} {escape(currency)}</span>'


def _delivery(number: int, item: AccountDelivery) -> Iterator[str]:
    currency, notes = item["currency"], []
    if item["sum"] is not None:
        signed = open_sum(item["sum"]["note"], item["vkey"])
        pool = _amount(f"{number}-pool", format_amount(signed.root.minor, currency), currency)
        notes.append(f"The pool of this delivery is {pool}.")
    if item["logged"] is not None:
        notes.append(_logged(number, item["logged"]))
    if item["replaces"] is not None:
        notes.append(_replaced(number, item, item["replaces"]))
    yield (
        f'<h3><bdi data-cell="{number}-name">{_text(item["delivery"])}</bdi>, '
        f'<span data-cell="{number}-date">{escape(item["date"])}</span></h3>\n'
        f'<p class="soft">{" ".join(notes)}</p>\n'
        '<table class="lines">\n<thead><tr><th>Asset</th><th class="number">Share</th>'
        '<th class="number">Weight</th><th>Check</th>'
        f'<th class="number" data-cell="{number}-currency">{escape(currency)}</th></tr></thead>\n'
        "<tbody>\n"
    )
    for at, line in enumerate(item["lines"]):
        cell = f"{number}-{at}"
        yield (
            f'<tr data-line="{cell}"><td><bdi class="id" data-cell="{cell}-asset">'
            f"{_text(line['asset_id'])}</bdi></td>"
            f'<td class="number" data-name="Share" data-cell="{cell}-share">'
            f"{_percent(line['share_bp'])}</td>"
            f'<td class="number" data-name="Weight" data-cell="{cell}-weight">{line["weight"]}</td>'
            f'<td class="mark">not checked</td><td class="number amount" '
            f'data-cell="{cell}-amount">{escape(line["amount"])}</td></tr>\n'
        )
    yield (
        f'</tbody>\n<tfoot><tr><td colspan="4">Total</td><td class="number amount" '
        f'data-cell="{number}-total">{escape(item["total"])}</td></tr></tfoot>\n</table>\n'
    )


def _replaced(number: int, item: AccountDelivery, replaced: ReplacedTotal) -> str:
    currency = item["currency"]
    before = _amount(f"{number}-before", replaced["total"], currency)
    adds = _amount(f"{number}-credited", item["credited"], currency)
    return (
        f'It replaces <bdi data-cell="{number}-replaces">{_text(replaced["delivery"])}</bdi>, with '
        f"which you were credited {before}. The difference is {adds}."
    )


def _logged(number: int, logged: LoggedSum) -> str:
    _, size, root = open_checkpoint(logged["checkpoint"], logged["vkey"])
    return (
        "It is in the agency's log as of the checkpoint with "
        f'<span class="root" data-cell="{number}-log">{size} records, root {root.hex()}</span>.'
    )


def _about(account: Account) -> Iterator[str]:
    yield (
        "<section>\n<h2>How this page is checked</h2>\n"
        "<p>The page contains the salts that open your lines in the ledger, and proofs that each "
        "line is in the log that the agency signed for its buyer. Your browser computes all of "
        "it again, without the network. The proof that your total is part of the pool contains "
        "sums of other contributors' amounts and parts of the agency's, but no names. The agency's "
        "log has one record of each delivery with the root of its sums. If somebody else's page "
        "or a witness has the log with the same number of records, its root must be the same.</p>\n"
        f"{_MONEY_NOTE if account['money'] is not None else ''}"
        "<p>A page can only be as honest as the key below. Compare it with the key that the "
        "agency publishes elsewhere:</p>\n"
    )
    vkeys: dict[str, None] = {}
    for item in account["deliveries"]:
        for part in (item, item["replaces"]):
            if part is not None:
                vkeys[part["vkey"]] = None
                if part["logged"] is not None:
                    vkeys[part["logged"]["vkey"]] = None
    if account["money"] is not None:
        vkeys[account["money"]["vkey"]] = None
    for number, vkey in enumerate(vkeys):
        yield f'<p><code data-cell="key-{number}">{escape(vkey)}</code></p>\n'
    yield "</section>\n"


def _period(account: Account) -> str:
    if not account["first"]:
        return "all time"
    return f"{account['first']} to {account['last']}"


def _percent(share_bp: int) -> str:
    """Returns basis points as a percentage, as JavaScript writes the number."""
    whole, rest = divmod(share_bp, 100)
    return f"{whole}.{rest:02d}".rstrip("0").rstrip(".") + " %"


def _text(text: str) -> str:
    return escape(shown(text))
