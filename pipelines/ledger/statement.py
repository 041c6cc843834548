"""Renders statements: what one contributor earned in one delivery, with the salts to check it.

A statement contains the lines of one contributor only. Each line has the salts that open its
commitments, so that the public leaf can be rebuilt and found in the log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice

import orjson
import pyarrow as pa

from pipelines.ledger.csv_cells import CSV_END, csv_cell
from pipelines.ledger.statement_form import (
    CSV_COLUMNS,
    FIRST_CREDIT,
    HEAD_KEYS,
    STATEMENT_VERSION,
    UNNAMED,
    Credit,
    Opening,
    Payee,
    StatementHead,
    StatementLine,
)
from schemas.money import format_amount

_ENTRY_COLUMNS = (
    *("asset_id", "entry_index", "key", "shard", "share_bp", "weight", "amount_minor", "currency"),
    *("leaf_hash", "media_sha256", "decision_sha256", "terms_sha256"),
    *("asset_salt", "contributor_salt", "amount_salt"),
)
_CHUNK_LINES = 256
# Columns with computed numbers, which must stay numbers even if they are negative.
_NUMBERS = frozenset(
    ("total_minor", "total", "previous_minor", "previous", "difference_minor", "difference")
)
_LINE_CELLS = len(CSV_COLUMNS) - len(HEAD_KEYS[1:])


def statement_head(
    contributor_id: str,
    total_minor: int,
    currency: str,
    delivery: str,
    deal_id: str,
    payee: Payee = UNNAMED,
    credit: Credit = FIRST_CREDIT,
) -> StatementHead:
    """Returns a statement's fields other than its lines, which sum to `total_minor`."""
    difference_minor = total_minor - credit.previous_minor
    return StatementHead(
        version=STATEMENT_VERSION,
        contributor_id=contributor_id,
        currency=currency,
        total_minor=total_minor,
        total=format_amount(total_minor, currency),
        delivery=delivery,
        deal_id=deal_id,
        display_name=payee.display_name,
        country=payee.country,
        payee_currency=payee.currency,
        payee_ref=payee.payee_ref,
        pool=credit.pool,
        replaces=credit.replaces,
        previous_minor=credit.previous_minor,
        previous=format_amount(credit.previous_minor, currency),
        difference_minor=difference_minor,
        difference=format_amount(difference_minor, currency),
        held=credit.held,
    )


def statement_lines(entries: pa.Table) -> Iterator[StatementLine]:
    """Yields the lines of entries (`pipelines.ledger.entries.SEALED_SCHEMA`) in order."""
    columns = (entries[name].to_pylist() for name in _ENTRY_COLUMNS)
    for row in zip(*columns, strict=True):
        asset, index, key, shard, share, weight, minor, currency, leaf, media, decision = row[:11]
        yield StatementLine(
            asset_id=asset,
            entry_index=index,
            key=key,
            shard=shard,
            share_bp=share,
            weight=weight,
            amount_minor=minor,
            amount=format_amount(minor, currency),
            leaf_hash=leaf,
            media_sha256=media,
            decision_sha256=decision,
            terms_sha256=row[11],
            opening=Opening(
                asset_salt=row[12].hex(), contributor_salt=row[13].hex(), amount_salt=row[14].hex()
            ),
        )


def statement_json(head: StatementHead, lines: Iterable[StatementLine]) -> Iterator[bytes]:
    """Yields a statement as readable JSON: indented, keys in fixed order, a final newline.

    Yields:
        Its text, up to 256 lines at a time.
    """
    start = orjson.dumps(head, option=orjson.OPT_INDENT_2).removesuffix(b"\n}") + b',\n  "lines": ['
    end = b"]\n}\n"
    for chunk in _chunks(lines):
        items = orjson.dumps(chunk, option=orjson.OPT_INDENT_2)[len(b"[") : -len(b"\n]")]
        # Line breaks in texts are escaped, so these are only layout.
        yield start + items.replace(b"\n", b"\n  ")
        start, end = b",", b"\n  ]\n}\n"
    yield end if start == b"," else start + end


def statement_csv(head: StatementHead, lines: Iterable[StatementLine]) -> Iterator[bytes]:
    """Yields a statement as CSV, one row per line, safe to open in a spreadsheet.

    Text that a spreadsheet would run as a formula gets apostrophes, as `csv_cells` says; the JSON
    has it unchanged. The statement's own fields, such as `total_minor`, are repeated in every row
    and must not be summed; `amount_minor` may be. A statement without lines has one row, in which
    the line's cells are empty.

    Yields:
        Its text, up to 256 rows at a time.
    """
    head_cells = ",".join(_cell(name, value) for name, value in head.items() if name in CSV_COLUMNS)
    yield (",".join(CSV_COLUMNS) + CSV_END).encode()
    is_empty = True
    for chunk in _chunks(lines):
        is_empty = False
        yield "".join([_csv_line(head_cells, line) for line in chunk]).encode()
    if is_empty:
        yield (head_cells + "," * _LINE_CELLS + CSV_END).encode()


def _csv_line(head_cells: str, line: StatementLine) -> str:
    opening = line["opening"]
    return (
        f"{head_cells},{csv_cell(line['asset_id'])},{line['entry_index']},"
        f"{csv_cell(line['key'])},{csv_cell(line['shard'])},{line['share_bp']},"
        f"{line['weight']},{line['amount_minor']},{line['amount']},{line['leaf_hash']},"
        f"{line['media_sha256']},{line['decision_sha256']},{line['terms_sha256']},"
        f"{opening['asset_salt']},{opening['contributor_salt']},{opening['amount_salt']}{CSV_END}"
    )


def _chunks(lines: Iterable[StatementLine]) -> Iterator[list[StatementLine]]:
    remaining = iter(lines)
    while chunk := list(islice(remaining, _CHUNK_LINES)):
        yield chunk


def _cell(name: str, value: object) -> str:
    return str(value) if name in _NUMBERS else csv_cell(str(value))
