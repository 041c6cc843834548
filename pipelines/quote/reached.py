"""Which references of the small tables batches of assets reach, found by indexes made once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.join_watch import Positions
from pipelines.catalogue.references import ReachedReferences, ReferenceWatch
from pipelines.rights.lookup import StringIndex
from pipelines.storage.columns import (
    Column,
    join_text,
    list_array,
    list_items,
    struct_field,
    without_dictionary,
)
from schemas.catalogue import CONTRIBUTOR_SHARE

_JOINT = "\0"  # as in `pipelines.catalogue.references`


@dataclass(frozen=True)
class IndexedWatch:
    """References that the assets must settle, with indexes of them.

    Attributes:
        watch: The references.
        contributors: Its contributors.
        pairs: Its pairs.
        pair_assets: The assets of these.
        releases: Its releases.
        level_assets: Its assets in levels.
    """

    watch: ReferenceWatch
    contributors: StringIndex
    pairs: StringIndex
    pair_assets: StringIndex
    releases: StringIndex
    level_assets: StringIndex

    @classmethod
    def of(cls, watch: ReferenceWatch) -> IndexedWatch:
        """Indexes references."""
        named = (watch.contributors, watch.pairs, watch.pair_assets, watch.releases)
        return cls(watch, *map(StringIndex, (*named, watch.level_assets)))

    def reached_by(
        self, assets: pa.Table, unread: pa.Table, odd_asset_ids: Sequence[str]
    ) -> ReachedReferences:
        """Returns what a batch reaches; see `ReferenceWatch.reached_by`."""
        if len(unread) or self.watch.joins:
            return self.watch.reached_by(_plain(assets), unread, odd_asset_ids)
        ids = _one_array(assets, "asset_id")
        lists = _one_array(assets, "contributors")
        people = struct_field(list_items(lists), "contributor_id")
        return ReachedReferences(
            _reached(self.contributors, people),
            self._pairs(ids, lists),
            _reached(self.releases, list_items(_one_array(assets, "release_ids"))),
            tuple(odd_asset_ids),
            (),
            _reached(self.level_assets, ids),
        )

    def _pairs(self, ids: Column, lists: Column) -> Positions:
        rows = np.flatnonzero(self.pair_assets.positions(ids) >= 0)  # of few
        if not len(rows):
            return np.zeros(0, np.int64)
        some = lists.take(rows)
        people = without_dictionary(struct_field(list_items(some), "contributor_id"))
        assets = ids.take(rows).take(pc.list_parent_indices(some))
        return _reached(self.pairs, join_text(assets, people, _JOINT))


def _reached(index: StringIndex, values: Column) -> Positions:
    """Returns which of the indexed texts are among others."""
    if not len(index):
        return np.zeros(0, np.int64)
    found = index.positions(values)
    return np.unique(found[found >= 0])


def _one_array(table: pa.Table, name: str) -> Column:
    return table.column(name).combine_chunks()


def _plain(table: pa.Table) -> pa.Table:
    """Returns a table whose contributors are not encoded."""
    lists = _one_array(table, "contributors")
    items = list_items(lists)
    ids = struct_field(items, "contributor_id")
    if not isinstance(ids, pa.DictionaryArray):
        return table
    shares = struct_field(items, "share_bp")
    structs = pa.StructArray.from_arrays(
        [ids.dictionary_decode(), shares], fields=list(CONTRIBUTOR_SHARE)
    )
    lengths = pc.list_value_length(lists).to_numpy(zero_copy_only=False)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    at = table.column_names.index("contributors")
    return table.set_column(at, "contributors", list_array(offsets, structs))
