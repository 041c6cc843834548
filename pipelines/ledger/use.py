"""Matches the rows of a buyer's statement of use to the assets of a delivery.

A row may identify its asset in several ways. All that are known must lead to the same asset; a row
that leads to none, or to two, is kept and counted, and nobody is paid for it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

import pyarrow as pa

#: The columns that identify an asset, by how they do it.
ID_COLUMNS = ("asset_id", "asset", "key", "media_sha256", "file_name")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class Unmatched(StrEnum):
    """Why a row of a statement is not paid."""

    NO_ID = "no_id"
    UNKNOWN = "unknown_asset"
    CONTRADICTION = "ids_disagree"
    QUANTITY = "no_quantity"
    CONTROL = "control_character_in_id"


@dataclass(frozen=True)
class UnmatchedRow:
    """A row for which nobody is paid.

    Attributes:
        position: Its row in the file, from 1.
        reason: Why.
        ids: What it has in the columns that identify assets.
        quantity: What it states, or None.
    """

    position: int
    reason: Unmatched
    ids: tuple[tuple[str, str], ...]
    quantity: int | None


@dataclass(frozen=True)
class MatchedUse:
    """A statement, matched; `rows` is `matched_rows` and the unmatched.

    Attributes:
        quantities: Uses by asset id, more than zero.
        matched_rows: The number of rows that count.
        unmatched: The others, in the file's order.
    """

    quantities: dict[str, int]
    matched_rows: int
    unmatched: list[UnmatchedRow]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.matched_rows + len(self.unmatched)


class AssetIndex:
    """Finds assets of a delivery by anything that a buyer has of them.

    An id that two assets share, such as the digest of one file under two ids, finds neither.
    """

    def __init__(self, entries: Iterable[Mapping[str, str]]) -> None:
        """Indexes assets.

        Args:
            entries: Rows with `asset_id`, `asset_commitment`, `key` and `media_sha256`.
        """
        self._found: dict[str, dict[str, str | None]] = {name: {} for name in ID_COLUMNS}
        for entry in entries:
            asset_id = entry["asset_id"]
            self._add("asset_id", asset_id, asset_id)
            self._add("asset", entry["asset_commitment"], asset_id)
            self._add("key", entry["key"], asset_id)
            self._add("media_sha256", entry["media_sha256"], asset_id)

    def _add(self, name: str, value: str, asset_id: str) -> None:
        known = self._found[name].setdefault(value, asset_id)
        if known != asset_id:
            self._found[name][value] = None

    def find(self, name: str, value: str) -> str | None:
        """Returns the asset that an id of one kind leads to, or None."""
        if name == "file_name":  # <key>.jpg, in whatever folder the buyer keeps it
            name, value = "key", value.replace("\\", "/").rpartition("/")[2].partition(".")[0]
        if name in ("asset", "media_sha256", "key") and value not in self._found[name]:
            value = value.lower()
        return self._found[name].get(value)


def match_use(tables: Iterable[pa.Table], index: AssetIndex) -> MatchedUse:
    """Matches the rows of a statement.

    Args:
        tables: Rows with `position` and any of `ID_COLUMNS`; `quantity` is a number of uses, and
            without the column every row is one use.
        index: The delivery's assets.
    """
    quantities: Counter[str] = Counter()
    matched = 0
    unmatched: list[UnmatchedRow] = []
    for position, ids, quantity in _rows(tables):
        found = {asset for name, value in ids if (asset := index.find(name, value)) is not None}
        if not ids:
            reason = Unmatched.NO_ID
        elif any(_CONTROL.search(value) for _, value in ids):
            reason = Unmatched.CONTROL
        elif len(found) != 1:
            reason = Unmatched.CONTRADICTION if found else Unmatched.UNKNOWN
        elif quantity is None or quantity <= 0:
            reason = Unmatched.QUANTITY
        else:
            quantities[found.pop()] += quantity
            matched += 1
            continue
        unmatched.append(UnmatchedRow(position, reason, ids, quantity))
    return MatchedUse(dict(sorted(quantities.items())), matched, unmatched)


def _rows(
    tables: Iterable[pa.Table],
) -> Iterator[tuple[int, tuple[tuple[str, str], ...], int | None]]:
    for table in tables:
        columns = table.to_pydict()
        names = [name for name in ID_COLUMNS if name in columns]
        quantities = columns.get("quantity", [1] * len(table))
        for row, (position, quantity) in enumerate(
            zip(columns["position"], quantities, strict=True)
        ):
            ids = tuple((name, columns[name][row]) for name in names if columns[name][row])
            yield position, ids, quantity
