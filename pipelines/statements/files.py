"""A contributor's statement as JSON and CSV."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import orjson

from pipelines.ledger.csv_cells import CSV_END, csv_cell
from pipelines.statements.account import Account
from pipelines.statements.money import AccountMoney, AccountPayment
from schemas.errors import InputError

#: Columns of the CSV: one row for each line, and for each other movement of money.
CSV_COLUMNS = (
    *("contributor_id", "date", "deal_id", "delivery", "asset_id", "share_bp", "weight"),
    *("amount_minor", "amount", "currency", "entry_index", "shard", "key", "media_sha256"),
    *("leaf_hash", "kind", "record", "name", "source", "period"),
    *("paid_currency", "gross", "withheld", "net"),
    *("display_name", "country", "payee_currency", "payee_ref"),
)


def account_json(account: Account) -> bytes:
    """Returns a statement as readable JSON: indented, keys in fixed order, a final newline.

    Raises:
        InputError: If a number in it is beyond 2^53, which not every reader of JSON has exactly.
    """
    form = orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE | orjson.OPT_STRICT_INTEGER
    try:
        return orjson.dumps(account, option=form)
    except orjson.JSONEncodeError as error:
        raise InputError(
            "An amount is too large for a statement",
            f"contributor {account['contributor_id']!r}: {error}",
            "Make statements of shorter periods with --period, or of one deal with --deal.",
        ) from error


def account_csv(account: Account) -> bytes:
    """Returns a statement's movements as CSV, safe to open in a spreadsheet.

    For each currency, `amount_minor` may be summed: with the balance at the start and the payouts,
    which are negative, it is the balance at the end.
    """
    payee = account["payee"]
    same = {
        "contributor_id": csv_cell(account["contributor_id"]),
        "display_name": csv_cell(payee["display_name"]),
        "country": csv_cell(payee["country"]),
        "payee_currency": csv_cell(payee["payee_currency"]),
        "payee_ref": csv_cell(payee["payee_ref"]),
    }
    rows = [",".join(CSV_COLUMNS)]
    for cells in _rows(account):
        row = {**cells, **same}
        rows.append(",".join(row.get(name, "") for name in CSV_COLUMNS))
    return "".join(row + CSV_END for row in rows).encode()


def _rows(account: Account) -> Iterator[Mapping[str, str]]:
    """Yields the rows' cells by column; an absent one is empty."""
    money = account["money"]
    for balance in money["balances"] if money else ():
        if balance["opening_minor"]:
            amounts = _amounts(balance["opening_minor"], balance["opening"], balance["currency"])
            yield {"kind": "opening", "date": account["first"], **amounts}
    for item in account["deliveries"]:
        head = {
            "date": item["date"],
            "deal_id": csv_cell(item["deal_id"]),
            "delivery": csv_cell(item["delivery"]),
        }
        for line in item["lines"]:
            yield {
                **head,
                "kind": "line",
                **_amounts(line["amount_minor"], line["amount"], item["currency"]),
                "asset_id": csv_cell(line["asset_id"]),
                "share_bp": str(line["share_bp"]),
                "weight": str(line["weight"]),
                "entry_index": str(line["entry_index"]),
                "shard": csv_cell(line["shard"]),
                "key": csv_cell(line["key"]),
                "media_sha256": line["media_sha256"],
                "leaf_hash": line["leaf_hash"],
            }
        before = item["replaces"]
        if before is not None and before["total_minor"]:
            amounts = _amounts(-before["total_minor"], _negative(before["total"]), item["currency"])
            yield {**head, "kind": "replaced", "name": csv_cell(before["delivery"]), **amounts}
    if money:
        yield from _money_rows(money)


def _money_rows(money: AccountMoney) -> Iterator[Mapping[str, str]]:
    for one in money["adjustments"]:
        yield {
            "kind": one["reason"],
            "date": one["date"],
            "deal_id": csv_cell(one["deal_id"]),
            "delivery": csv_cell(one["delivery"]),
            **_amounts(one["minor"], one["amount"], one["currency"]),
        }
    for payment in money["payments"]:
        yield from _payment_rows(payment)
    for payout in money["payouts"]:
        for part in payout["parts"]:
            yield {
                "kind": "payout",
                "date": payout["date"],
                "record": str(payout["record"]),
                "name": csv_cell(payout["name"]),
                **_amounts(-part["amount_minor"], _negative(part["amount"]), part["currency"]),
                "paid_currency": payout["currency"],
                "gross": part["gross"],
                "withheld": part["withheld"],
                "net": part["net"],
            }


def _payment_rows(payment: AccountPayment) -> Iterator[Mapping[str, str]]:
    """Yields a row for each deal that a credit comes from."""
    for part in payment["parts"]:
        yield {
            "kind": payment["kind"],
            "date": payment["date"],
            "deal_id": csv_cell(part["deal_id"]),
            "record": str(payment["record"]),
            "name": csv_cell(payment["name"]),
            "source": csv_cell(payment["source"]),
            "period": csv_cell(payment["period"]),
            **_amounts(part["minor"], part["amount"], payment["currency"]),
        }


def _amounts(minor: int, amount: str, currency: str) -> dict[str, str]:
    return {"amount_minor": str(minor), "amount": amount, "currency": currency}


def _negative(amount: str) -> str:
    return amount.removeprefix("-") if amount.startswith("-") else f"-{amount}"
