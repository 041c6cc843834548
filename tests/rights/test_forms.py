"""Screening gives the same result whatever form a batch's columns have in memory."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from pipelines.rights.rules.screen import screen_batch
from pipelines.storage.columns import Column, list_array, list_items, struct_field
from schemas.catalogue import ASSETS_SCHEMA
from tests.rights.rights_cases import rights_index
from tests.rights.worlds import CONTRIBUTORS, make_world


def as_dictionaries(table: pa.Table) -> pa.Table:
    """Returns the table with texts as dictionaries, as Parquet stores them."""
    columns = []
    for field, values in zip(table.schema, table.columns, strict=True):
        array: Column = values.combine_chunks()
        if pa.types.is_string(field.type):
            array = array.dictionary_encode()
        elif field.type == pa.list_(pa.string()):
            items = list_items(array).dictionary_encode()
            array = list_array(_offsets(array), items, array.is_null())
        elif field.name == "contributors":
            pairs = list_items(array)
            who, parts = struct_field(pairs, 0), struct_field(pairs, 1)
            shares = pa.StructArray.from_arrays(
                [who.dictionary_encode(), parts], names=["contributor_id", "share_bp"]
            )
            array = list_array(_offsets(array), shares, array.is_null())
        columns.append(array)
    return pa.table(columns, names=table.column_names)


def _offsets(lists: Column) -> npt.NDArray[np.int32]:
    lengths = pc.list_value_length(lists).fill_null(0).to_numpy()
    return np.append(0, np.cumsum(lengths)).astype(np.int32)


def in_the_middle(table: pa.Table) -> pa.Table:
    """Returns the table as a slice of a larger one, so that no offset starts at 0."""
    return pa.concat_tables([table[:13], table, table[:5]]).combine_chunks()[13 : 13 + len(table)]


def in_chunks(table: pa.Table) -> pa.Table:
    return pa.concat_tables([table[:50], table[50:50], table[50:101], table[101:]])


@pytest.mark.parametrize("form", [as_dictionaries, in_the_middle, in_chunks])
@pytest.mark.parametrize("seed", range(12))
def test_column_form_does_not_change_the_result(
    seed: int, form: Callable[[pa.Table], pa.Table]
) -> None:
    world = make_world(seed, 150)
    joined = rights_index(world.deal, world.consents, world.releases, CONTRIBUTORS)
    table = pa.Table.from_pylist(world.assets, ASSETS_SCHEMA)
    once = np.zeros(len(table), np.bool_)
    expected = screen_batch(table, joined, world.deal, once)
    assert expected.any()
    assert screen_batch(form(table), joined, world.deal, once).tolist() == expected.tolist()


@pytest.mark.parametrize("seed", range(3))
def test_screening_an_empty_batch(seed: int) -> None:
    world = make_world(seed, 3)
    joined = rights_index(world.deal, world.consents, world.releases, CONTRIBUTORS)
    table = pa.Table.from_pylist([], ASSETS_SCHEMA)
    for empty in (table, as_dictionaries(table)):
        assert len(screen_batch(empty, joined, world.deal, np.zeros(0, np.bool_))) == 0
