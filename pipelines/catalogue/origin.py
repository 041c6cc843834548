"""Where a column was read, for messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Origin:
    """Where a column was read.

    Attributes:
        table: Its table.
        file: Its file.
        positions: The position of each row.
        where: The key path of the mapping that holds for it; "" for the table's own.
    """

    table: str
    file: str
    positions: Sequence[int]
    where: str = ""

    @property
    def section(self) -> str:
        """Returns the key path of the mapping that holds for it."""
        return self.where or f"mapping.{self.table}"

    def locate(self, row: int) -> str:
        """Returns the locator of a row of the batch."""
        return f"{self.file}:{self.positions[row]}"
