"""The keys of a joined file, and which of them its table reaches."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.account import TableCount
from pipelines.storage.columns import Column

Positions = npt.NDArray[np.int64]


def positions_of(values: Column, known: Column) -> Positions:
    """Returns which of the known values are among others."""
    if not len(known):
        return np.zeros(0, np.int64)
    found = pc.unique(pc.index_in(values, value_set=known)).drop_null()
    return np.asarray(found.to_numpy(), np.int64)


@dataclass(frozen=True)
class JoinWatch:
    """The keys of a file that is joined to a table.

    Attributes:
        name: The file.
        table: The table.
        key: The table's column with the key.
        keys: The keys, each once.
        is_no: Where the row may limit what is allowed.
        count: How many rows were read; used are those with a key of their own.
        known: The table's keys, if it is a small one: what they reach is settled by them.
    """

    name: str
    table: str
    key: str
    keys: Column
    is_no: npt.NDArray[np.bool_]
    count: TableCount
    known: Column | None = None

    def reached_by(self, table: pa.Table) -> Positions:
        """Returns which of the keys some rows of the table have."""
        return positions_of(table.column(self.key).combine_chunks(), self.keys)

    def settled(self) -> npt.NDArray[np.bool_]:
        """Returns which of the keys a small table has; none of them for assets."""
        found = np.zeros(len(self.keys), np.bool_)
        if self.known is not None:
            found[positions_of(self.known, self.keys)] = True
        return found
