"""Temporary storage for rows: written in order of arrival, read one group at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.storage.store import Store
from pipelines.storage.tables import RowBlock, read_block, write_blocks


class Spill:
    """Rows of one kind in the work area.

    Args:
        store: The output store.
        prefix: Key prefix of the files that hold them.
    """

    def __init__(self, store: Store, prefix: str) -> None:
        self._store = store
        self._prefix = prefix
        self._files = 0
        self._blocks: defaultdict[int, list[RowBlock]] = defaultdict(list)

    def add(self, rows: pa.Table, groups: npt.NDArray[np.int64]) -> None:
        """Writes rows to one file.

        Args:
            rows: At least one row, and no more than fit into memory.
            groups: The group of each row.
        """
        order = np.argsort(groups, kind="stable")
        groups = groups[order]
        rows = rows.take(order).combine_chunks()
        starts = np.flatnonzero(np.diff(groups, prepend=groups[0] - 1)).tolist()
        pieces = (
            (int(groups[start]), rows.slice(start, stop - start))
            for start, stop in zip(starts, [*starts[1:], len(groups)], strict=True)
        )
        key = f"{self._prefix}-{self._files:05d}.arrows"
        for group, block in write_blocks(self._store, key, pieces):
            self._blocks[group].append(block)
        self._files += 1

    def read(self, group: int) -> Iterator[pa.Table]:
        """Yields a group's rows in the order in which they were added, one block at a time."""
        for block in self._blocks[group]:
            yield read_block(self._store, block)
