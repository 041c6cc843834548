"""Finds the assets of a batch that notices of removal keep out, and the notices that do so."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from pipelines.rights.arrow import BoolArray, IntArray, column, list_column
from pipelines.rights.formatting import one_line
from pipelines.rights.lookup import StringIndex
from pipelines.storage.columns import Column, struct_field
from schemas.removed import Removed, RemovedKind

_KINDS: tuple[RemovedKind, ...] = ("asset", "contributor", "release")


class RemovedIndex:
    """What notices keep out, ready to be compared with batches of assets.

    Args:
        removed: What the notices say.
    """

    def __init__(self, removed: Removed) -> None:
        self._notices = {kind: removed.notices(kind) for kind in _KINDS}
        self._ids = {kind: sorted(self._notices[kind]) for kind in _KINDS}
        self._indexes = {
            kind: StringIndex(pa.array(ids, pa.string())) for kind, ids in self._ids.items() if ids
        }

    @property
    def is_used(self) -> bool:
        """Whether anything is kept out."""
        return bool(self._indexes)

    def rows(self, assets: pa.Table) -> BoolArray:
        """Returns where a notice names an asset, one of its contributors or releases, [rows].

        Args:
            assets: schemas.catalogue.ASSETS_SCHEMA.
        """
        found = np.zeros(len(assets), np.bool_)
        for _, rows, _ in self._found(assets):
            found[rows] = True
        return found

    def notes(self, assets: pa.Table) -> Column:
        """Returns, for each asset, what was removed by which notices; null for nothing, [rows].

        Args:
            assets: schemas.catalogue.ASSETS_SCHEMA.
        """
        notes: dict[int, dict[str, None]] = defaultdict(dict)
        for kind, row, name in self._names(assets):
            notices = ", ".join(self._notices[kind][name])
            notes[row][f"{kind} {one_line(name)} removed by {notices}"] = None
        lines = ["; ".join(notes[row]) if row in notes else None for row in range(len(assets))]
        return pa.array(lines, pa.string())

    def count(self, assets: pa.Table) -> Counter[str]:
        """Returns how many of the assets each notice keeps out; an asset may have several.

        Args:
            assets: schemas.catalogue.ASSETS_SCHEMA.
        """
        rows: dict[str, set[int]] = defaultdict(set)
        for kind, row, name in self._names(assets):
            for notice in self._notices[kind][name]:
                rows[notice].add(row)
        return Counter({notice: len(own) for notice, own in rows.items()})

    def _names(self, assets: pa.Table) -> Iterator[tuple[RemovedKind, int, str]]:
        for kind, rows, positions in self._found(assets):
            for row, at in zip(rows.tolist(), positions.tolist(), strict=True):
                yield kind, row, self._ids[kind][at]

    def _found(self, assets: pa.Table) -> Iterator[tuple[RemovedKind, IntArray, IntArray]]:
        """Yields, by kind, the rows that a notice names, and which of the known ids they have."""
        for kind, index in self._indexes.items():
            rows = np.arange(len(assets), dtype=np.int64)
            if kind == "asset":
                names = column(assets, "asset_id")
            elif kind == "contributor":
                shares = list_column(column(assets, "contributors"))
                names, rows = struct_field(shares.values, "contributor_id"), shares.rows
            else:
                releases = list_column(column(assets, "release_ids"))
                names, rows = releases.values, releases.rows
            positions = index.positions(names)
            named = np.flatnonzero(positions >= 0)
            yield kind, rows[named], positions[named]
