"""What `pay` and `fund` print of credits."""

from __future__ import annotations

import io
from types import SimpleNamespace
from typing import Any, cast

import pyarrow as pa
from rich.console import Console

from pipelines.commands.revenue import print_credits


def test_amounts_stand_under_one_another() -> None:
    lines = pa.table({"contributor_id": ["a", "b"], "credit_minor": [1_000_00, 5]})
    said = io.StringIO()
    pool = cast(Any, SimpleNamespace(currency="EUR"))
    print_credits(Console(file=said, width=80), pool, lines)
    rows = [line for line in said.getvalue().splitlines() if "EUR" in line]
    assert [row.index(" EUR") for row in rows] == [row.index(" EUR") for row in rows[:1]] * 2
