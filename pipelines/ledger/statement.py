"""Renders statements: what one contributor earned in one delivery, with the salts to check it.

A statement contains the lines of one contributor only. Each line has the salts that open its
commitments, so that the public leaf can be rebuilt and found in the log.
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypedDict

import orjson
import pyarrow as pa

from pipelines.ledger.csv_cells import CSV_END, csv_cell
from schemas.money import format_amount

#: Version of the statement format. Changing its fields requires a new version.
STATEMENT_VERSION = "fairshard/statement/v1"

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


class Opening(TypedDict):
    """The salts that open a line's commitments, in hex."""

    asset_salt: str
    contributor_salt: str
    amount_salt: str


class StatementLine(TypedDict):
    """One entry as its contributor sees it. Keys are in the order they are written."""

    asset_id: str
    entry_index: int
    key: str
    shard: str
    share_bp: int
    weight: int
    amount_minor: int
    amount: str
    leaf_hash: str
    media_sha256: str
    decision_sha256: str
    terms_sha256: str
    opening: Opening


class StatementHead(TypedDict):
    """A statement without its lines. Keys are in the order they are written."""

    version: str
    contributor_id: str
    currency: str
    total_minor: int
    total: str
    delivery: str
    deal_id: str


class Statement(StatementHead):
    """One contributor's statement, as read from a file."""

    lines: list[StatementLine]


#: Columns of a statement's CSV: the head of the statement in every row, then the line.
CSV_COLUMNS = (
    "contributor_id",
    "currency",
    "total_minor",
    "total",
    "delivery",
    "deal_id",
    "asset_id",
    "entry_index",
    "key",
    "shard",
    "share_bp",
    "weight",
    "amount_minor",
    "amount",
    "leaf_hash",
    "media_sha256",
    "decision_sha256",
    "terms_sha256",
    "asset_salt",
    "contributor_salt",
    "amount_salt",
)
_ENTRY_COLUMNS = (
    *("asset_id", "entry_index", "key", "shard", "share_bp", "weight", "amount_minor", "currency"),
    *("leaf_hash", "media_sha256", "decision_sha256", "terms_sha256"),
    *("asset_salt", "contributor_salt", "amount_salt"),
)
_CHUNK_LINES = 256
# Columns with computed numbers, which must stay numbers even if they are negative.
_NUMBERS = frozenset(("total_minor", "total"))


def statement_head(
    contributor_id: str, total_minor: int, currency: str, delivery: str, deal_id: str
) -> StatementHead:
    """Returns a statement's fields other than its lines, which sum to `total_minor`."""
    return StatementHead(
        version=STATEMENT_VERSION,
        contributor_id=contributor_id,
        currency=currency,
        total_minor=total_minor,
        total=format_amount(total_minor, currency),
        delivery=delivery,
        deal_id=deal_id,
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
    has it unchanged. `total_minor` is repeated in every row and must not be summed; `amount_minor`
    may be.

    Yields:
        Its text, up to 256 rows at a time.
    """
    head_cells = ",".join(_cell(name, value) for name, value in head.items() if name in CSV_COLUMNS)
    yield (",".join(CSV_COLUMNS) + CSV_END).encode()
    for chunk in _chunks(lines):
        yield "".join([_csv_line(head_cells, line) for line in chunk]).encode()


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


def statement_filename(contributor_id: str, clash: bool = False) -> str:
    """Returns a file name, without extension, that is safe on every system, for any id.

    Args:
        contributor_id: The id, which may contain any characters.
        clash: Whether the id shares its name with another on systems that ignore case; see
            `statement_filenames`.

    Returns:
        The id itself if it is plain: 1 to 64 letters, digits, `_`, `-` and `.`, not beginning or
        ending with `.`, and not a name that Windows reserves. Otherwise a readable beginning, `~`
        and the sha256 of the id. Different ids have different names: no plain id contains a `~`.
    """
    plain = (
        _PLAIN_NAME.fullmatch(contributor_id)
        and not contributor_id.endswith(".")
        and not _RESERVED_NAME.fullmatch(contributor_id)
    )
    if plain and not clash:
        return contributor_id
    readable = re.sub(r"[^A-Za-z0-9_-]", "_", contributor_id)[:40]
    digest = hashlib.sha256(contributor_id.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{readable}~{digest}"


def statement_filenames(contributor_ids: Iterable[str]) -> dict[str, str]:
    """Returns file names for all contributors of a delivery, unique even if case is ignored.

    `Ada` and `ada` would be the same file on many systems, so both get the longer name. Ids that
    do not clash keep their names.
    """
    ids = list(dict.fromkeys(contributor_ids))
    folded = Counter(name.lower() for name in ids)
    return {name: statement_filename(name, folded[name.lower()] > 1) for name in ids}


def _cell(name: str, value: object) -> str:
    return str(value) if name in _NUMBERS else csv_cell(str(value))
