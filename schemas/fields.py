"""Columns of the Arrow schemas: those that every row has, and those that a row may leave out.

Beside most schemas stands a TypedDict, which is one of its rows as Python has it. A test compares
the two, column by column.
"""

from __future__ import annotations

import pyarrow as pa


def required(name: str, kind: pa.DataType) -> pa.Field[pa.DataType]:
    """A column without nulls."""
    return pa.field(name, kind, nullable=False)
