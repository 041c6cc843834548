"""Finds ids with control characters in a statement of use: they are no id that anybody was given.

The catalogue drops such characters from its own ids, and counts them. In a statement of use they
could make one asset's id of another's, and somebody would be paid for it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.formats import RawBatch
from pipelines.storage.columns import values_of, without_dictionary

#: Control characters; blanks and line ends around an id do not count.
CONTROLS = re.compile(r"[\x00-\x1f\x7f-\x9f]")
_BLANKS = " \t\r\n"
_ANY_CONTROL = r"[\x00-\x1f\x7f]|\xc2[\x80-\x9f]"  # in UTF-8


def odd_ids(raw: RawBatch, columns: Iterable[tuple[str, str]]) -> dict[str, dict[int, str]]:
    """Returns the ids with control characters, as they are in the file.

    Args:
        raw: Rows of the statement.
        columns: Pairs of our column and the file's, of ids alone.

    Returns:
        By our column, the ids by the rows' positions in the file; only columns that have some.
    """
    found = {ours: dict(_odd(raw.columns[theirs], raw.positions)) for ours, theirs in columns}
    return {ours: ids for ours, ids in found.items() if ids}


def restore_ids(table: pa.Table, position: str, found: dict[str, dict[int, str]]) -> pa.Table:
    """Puts ids with control characters back into converted rows, where they find nothing.

    Args:
        table: The converted rows.
        position: The column with their positions in the file.
        found: What `odd_ids` returned.
    """
    positions = values_of(table[position], int)
    for name, ids in found.items():
        values = table[name].to_pylist()
        restored = [ids.get(at, value) for at, value in zip(positions, values, strict=True)]
        at = table.schema.get_field_index(name)
        table = table.set_column(at, table.field(name), pa.array(restored, table.field(name).type))
    return table


def _odd(values: RawColumn, positions: Sequence[int]) -> Iterator[tuple[int, str]]:
    if isinstance(values, pa.Array):
        values = without_dictionary(values)
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            values = values.cast(pa.large_binary())  # a text may not be UTF-8, which costs the row
            if pc.any(pc.match_substring_regex(values, _ANY_CONTROL)).as_py() is not True:
                return
        values = values.to_pylist()
    for at, value in zip(positions, values, strict=True):
        text = value.decode("utf-8", "replace") if isinstance(value, bytes) else value
        if isinstance(text, str) and CONTROLS.search(text.strip(_BLANKS)):
            yield at, text.strip(_BLANKS)
