"""Where a column was read, for messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a column was read: its table, its file, and the position of each row."""

    table: str
    file: str
    positions: Sequence[int]

    def locate(self, row: int) -> str:
        """Returns the locator of a row of the batch."""
        return f"{self.file}:{self.positions[row]}"
