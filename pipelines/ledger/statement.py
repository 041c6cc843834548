"""What one contributor earned in one delivery, and what they need to check it themselves.

A statement holds one contributor's lines and nobody else's. Each line carries the salts that open
its commitments, so that the public leaf can be built again and found in the log.
"""

from __future__ import annotations

import csv
import hashlib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import TypedDict

from pipelines.ledger.commitments import Domain
from pipelines.ledger.entries import asset_salt, entry_salt
from schemas.errors import InputError
from schemas.json_text import json_text
from schemas.ledger import Entry
from schemas.money import format_amount

#: Names the form of a statement. A change of its fields is a new version.
STATEMENT_VERSION = "fairshard/statement/v1"

# A spreadsheet runs a cell that begins with one of these as a formula.
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")

_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_RESERVED_NAME = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)


class Opening(TypedDict):
    """The salts that open a line's commitments, in hex."""

    asset_salt: str
    contributor_salt: str
    amount_salt: str


class StatementLine(TypedDict):
    """One entry as its contributor sees it. Keys stand in the order in which they are written."""

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


class Statement(TypedDict):
    """One contributor's statement. Keys stand in the order in which they are written."""

    version: str
    contributor_id: str
    currency: str
    total_minor: int
    total: str
    delivery: str
    deal_id: str
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
# Numbers of our own making, which must stay numbers even where they are negative.
_NUMBERS = frozenset(
    ("total_minor", "total", "entry_index", "share_bp", "weight", "amount_minor", "amount")
)


def statements(entries: Iterable[Entry], deal_id: str, salt: bytes) -> Iterator[Statement]:
    """Statements one contributor at a time.

    Args:
        entries: Entries of one delivery, sorted by contributor id. They are read once; memory
            holds one contributor's.
        deal_id: The deal's id.
        salt: The deal's salt, of `commitments.deal_salt`.

    Yields:
        One statement a contributor, in order of contributor id, with lines in order of the log.

    Raises:
        InputError: The entries are not sorted, or not of one delivery and currency.
    """
    before: tuple[str, str, str] | None = None
    for person, group in groupby(entries, key=lambda entry: entry.contributor_id):
        lines = sorted(group, key=lambda entry: entry.entry_index)
        for entry in lines:
            if before is not None and (entry.delivery, entry.currency) != before[1:]:
                raise InputError(
                    "a statement is for one delivery in one currency",
                    f"entry {entry.entry_index}: {entry.delivery!r}, {entry.currency}",
                    "Make the statements of each delivery by themselves.",
                )
            before = before or (person, entry.delivery, entry.currency)
        if before is not None and person < before[0]:
            raise InputError(
                "entries are not sorted by contributor",
                f"{person!r} after {before[0]!r}",
                "Sort by contributor_id.",
            )
        before = (person, lines[0].delivery, lines[0].currency)
        yield _statement(lines, deal_id, salt)


def statement_json(statement: Statement) -> str:
    """A statement as JSON to read: indented, keys in fixed order, one newline at the end."""
    return json_text(statement, 2) + "\n"


def statement_csv(statement: Statement) -> str:
    """A statement as CSV, one row a line, safe to open in a spreadsheet.

    Text that a spreadsheet would run as a formula gets an apostrophe in front; the JSON has it
    unchanged. `total_minor` stands in every row and must not be summed; `amount_minor` may be.
    """
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    for line in statement["lines"]:
        row: dict[str, object] = {**statement, **line, **line["opening"]}
        writer.writerow(
            row[name] if name in _NUMBERS else _harmless(str(row[name])) for name in CSV_COLUMNS
        )
    return out.getvalue()


def statement_filename(contributor_id: str, clash: bool = False) -> str:
    """A file name, without extension, that is harmless on every system, for any id.

    Args:
        contributor_id: The id, whatever it holds.
        clash: Whether the id shares its name with another on systems that ignore case; see
            `statement_filenames`.

    Returns:
        The id itself where it is plain: 1 to 64 letters, digits, `_`, `-` and `.`, not beginning
        or ending with `.`, and no name that Windows reserves. Otherwise a readable beginning, `~`
        and the sha256 of the id. Different ids have different names: no plain id holds a `~`.
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
    """File names for all contributors of a delivery, unique even where case is ignored.

    `Ada` and `ada` would be one file on many systems; there both get the longer name. Ids that
    clash with no other keep theirs.
    """
    ids = list(dict.fromkeys(contributor_ids))
    folded = Counter(name.lower() for name in ids)
    return {name: statement_filename(name, folded[name.lower()] > 1) for name in ids}


def _statement(entries: list[Entry], deal_id: str, salt: bytes) -> Statement:
    first = entries[0]
    total = sum(entry.amount_minor for entry in entries)
    return Statement(
        version=STATEMENT_VERSION,
        contributor_id=first.contributor_id,
        currency=first.currency,
        total_minor=total,
        total=format_amount(total, first.currency),
        delivery=first.delivery,
        deal_id=deal_id,
        lines=[_line(entry, salt) for entry in entries],
    )


def _line(entry: Entry, salt: bytes) -> StatementLine:
    where = (entry.delivery, entry.asset_id, entry.contributor_id)
    return StatementLine(
        asset_id=entry.asset_id,
        entry_index=entry.entry_index,
        key=entry.key,
        shard=entry.shard,
        share_bp=entry.share_bp,
        weight=entry.weight,
        amount_minor=entry.amount_minor,
        amount=format_amount(entry.amount_minor, entry.currency),
        leaf_hash=entry.leaf_hash,
        media_sha256=entry.media_sha256,
        decision_sha256=entry.decision_sha256,
        terms_sha256=entry.terms_sha256,
        opening=Opening(
            asset_salt=asset_salt(salt, entry.asset_id).hex(),
            contributor_salt=entry_salt(salt, Domain.CONTRIBUTOR, *where).hex(),
            amount_salt=entry_salt(salt, Domain.AMOUNT, *where).hex(),
        ),
    )


def _harmless(cell: str) -> str:
    return "'" + cell if cell.startswith(_FORMULA_STARTS) else cell
