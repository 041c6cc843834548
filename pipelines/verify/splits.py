"""Checks that nothing that belongs together is in two splits, and that a shard has one split."""

from __future__ import annotations

from collections.abc import Callable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.format.tar_comparison import REMOVED
from schemas import layout


class SplitCheck:
    """Collects the splits of groups and clusters while tables of samples are passed.

    Args:
        divided: Whether any shard is for validation; otherwise nothing needs to be collected.
        report_problem: Called with the path of a shard's table and what is wrong.
    """

    def __init__(self, divided: bool, report_problem: Callable[[str, str], None]) -> None:
        self._divided = divided
        self._report = report_problem
        # Of the last, which only some profiles have, a sample may have several.
        self._found: dict[str, dict[str, str]] = {
            name: {} for name in ("group_id", "duplicate_cluster", "identities")
        }

    def add(self, table: pa.Table) -> None:
        """Checks the samples of a table; those of FORMAT_VERSION 10 have no splits."""
        if "split" not in table.column_names:
            return
        live = table.filter(pc.not_equal(table["status"], pa.scalar(REMOVED)))
        if not self._divided and pc.all(pc.equal(live["split"], pa.scalar("train"))).as_py():
            return
        names = [name for name in self._found if name in live.column_names]
        columns = (live[name].to_pylist() for name in ("shard", "split", *names))
        for shard, split, *own in zip(*columns, strict=True):
            path = layout.shard_table_path(shard)
            if split != layout.shard_split(shard):
                self._report(path, f"a sample has the split {split!r}, which is not its shard's")
                return
            for name, value in zip(names, own, strict=True):
                for one in value.split("; ") if value else ():
                    if self._found[name].setdefault(one, split) != split:
                        self._report(path, f"samples of one {name} are in two splits: {one}")
                        return
