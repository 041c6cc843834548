"""Indexes that replace those of `pipelines.rights.lookup`, made with pandas, Arrow and DuckDB.

Each has the interface of ours: nulls match nothing, and of two equal texts the first one counts.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import as_integers, is_present
from pipelines.storage.columns import Column, without_dictionary

IntArray = npt.NDArray[np.int64]
_Known = Column | pa.ChunkedArray[Any]


def _strings(values: _Known) -> Column:
    """Returns the values as one array of plain strings."""
    if isinstance(values, pa.ChunkedArray):
        chunks = values.cast(pa.large_string()).chunks
        return pa.concat_arrays([pa.array([], pa.large_string()), *chunks])
    values = without_dictionary(values)
    return values.cast(pa.string()) if pa.types.is_null(values.type) else values


class PandasStrings:
    """`pandas.Index.get_indexer` with Python strings, the fastest type that pandas offers for it.

    An index must contain each text once, so repeated texts are removed first.
    """

    def __init__(self, known: _Known) -> None:
        texts = _strings(known)
        self._size = len(texts)
        positions = np.flatnonzero(is_present(texts))
        index = pd.Index(texts.drop_null().to_numpy(zero_copy_only=False), dtype=object)
        repeated = index.duplicated()
        self._positions = np.append(positions[~repeated], -1)
        self._index = index[~repeated]
        self._index.get_indexer(self._index[:1])  # builds its hash table now

    def __len__(self) -> int:
        return self._size

    def positions(self, values: Column) -> IntArray:
        """Returns the position of each value among the known texts, or -1."""
        if isinstance(values, pa.DictionaryArray) and len(values) >= len(values.dictionary):
            codes = as_integers(values.indices, len(values.dictionary))
            found: IntArray = np.append(self.positions(values.dictionary), -1)[codes]
            return found
        asked = pd.Index(_strings(values).to_numpy(zero_copy_only=False), dtype=object)
        return np.asarray(self._positions[self._index.get_indexer(asked)], np.int64)


class ArrowStrings:
    """`pyarrow.compute.index_in`, which builds its hash table at every call."""

    def __init__(self, known: _Known) -> None:
        self._known = _strings(known)

    def __len__(self) -> int:
        return len(self._known)

    def positions(self, values: Column) -> IntArray:
        """Returns the position of each value among the known texts, or -1."""
        values = _strings(values).cast(self._known.type)
        found = pc.index_in(values, value_set=self._known, skip_nulls=True)
        return as_integers(found, -1)


class DuckStrings:
    """A join in DuckDB, with one thread, between a batch and a table of the known texts."""

    def __init__(self, known: _Known) -> None:
        import duckdb

        self._database = duckdb.connect()
        self._database.execute("SET threads = 1")
        table = pa.table({"text": _strings(known), "place": np.arange(len(known))})
        self._database.register("given", table)
        self._database.execute(
            "CREATE TABLE known AS SELECT text, min(place) AS place FROM given "
            "WHERE text IS NOT NULL GROUP BY text"
        )
        self._database.unregister("given")

    def positions(self, values: Column) -> IntArray:
        """Returns the position of each value among the known texts, or -1."""
        table = pa.table({"text": _strings(values), "row": np.arange(len(values))})
        self._database.register("asked", table)
        found = self._database.execute(
            "SELECT coalesce(place, -1) AS place FROM asked LEFT JOIN known USING (text) "
            "ORDER BY row"
        ).fetchnumpy()["place"]
        return np.asarray(found, np.int64)


class PandasPairs:
    """`pandas.Index.get_indexer` with integers; a pair is one integer, as in ours."""

    def __init__(self, left: IntArray, right: IntArray) -> None:
        self._right_count = int(right.max(initial=0)) + 1
        known, self.timelines = np.unique(left * self._right_count + right, return_inverse=True)
        self._index = pd.Index(known)
        self._index.get_indexer(self._index[:1])

    def __len__(self) -> int:
        return len(self._index)

    def positions(self, left: IntArray, right: IntArray) -> IntArray:
        """Returns the number of each pair, or -1."""
        known = (left >= 0) & (right >= 0) & (right < self._right_count)
        keys = np.where(known, left * self._right_count + right, -1)
        return np.asarray(self._index.get_indexer(pd.Index(keys)), np.int64)


class ArrowPairs:
    """`pyarrow.compute.index_in` with integers."""

    def __init__(self, left: IntArray, right: IntArray) -> None:
        self._right_count = int(right.max(initial=0)) + 1
        known, self.timelines = np.unique(left * self._right_count + right, return_inverse=True)
        self._known = pa.array(known)

    def __len__(self) -> int:
        return len(self._known)

    def positions(self, left: IntArray, right: IntArray) -> IntArray:
        """Returns the number of each pair, or -1."""
        known = (left >= 0) & (right >= 0) & (right < self._right_count)
        keys = pa.array(np.where(known, left * self._right_count + right, -1))
        found = pc.index_in(keys, value_set=self._known)
        return as_integers(found, -1)
