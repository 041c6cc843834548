"""A contributor's statement as JSON and CSV."""

from __future__ import annotations

import orjson

from pipelines.ledger.csv_cells import CSV_END, csv_cell
from pipelines.statements.account import Account

#: Columns of the CSV: one row per line, with its delivery.
CSV_COLUMNS = (
    *("contributor_id", "date", "deal_id", "delivery", "asset_id", "share_bp", "weight"),
    *("amount_minor", "amount", "currency", "entry_index", "shard", "key", "media_sha256"),
    "leaf_hash",
)


def account_json(account: Account) -> bytes:
    """Returns a statement as readable JSON: indented, keys in fixed order, a final newline."""
    return orjson.dumps(account, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def account_csv(account: Account) -> bytes:
    """Returns a statement's lines as CSV, safe to open in a spreadsheet.

    `amount_minor` may be summed for each currency.
    """
    person = csv_cell(account["contributor_id"])
    rows = [",".join(CSV_COLUMNS)]
    for item in account["deliveries"]:
        start = f"{person},{item['date']},{csv_cell(item['deal_id'])},{csv_cell(item['delivery'])}"
        rows.extend(
            f"{start},{csv_cell(line['asset_id'])},{line['share_bp']},{line['weight']},"
            f"{line['amount_minor']},{line['amount']},{item['currency']},{line['entry_index']},"
            f"{csv_cell(line['shard'])},{csv_cell(line['key'])},{line['media_sha256']},"
            f"{line['leaf_hash']}"
            for line in item["lines"]
        )
    return "".join(row + CSV_END for row in rows).encode()
