"""Reads parts of `assets` many times as fast as `read_batches`, where nothing about them is odd.

Only Parquet whose columns have our types is read so, and only columns that are asked for. Columns
of few texts stay encoded as dictionaries, of which every text is looked at once. Whatever the usual
way would change or refuse is left to it, a row group at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import BinaryIO, cast

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.catalogue.absent import drop_absent_texts
from pipelines.catalogue.compressed import open_unpacked
from pipelines.catalogue.convert import convert_column
from pipelines.catalogue.formats import open_parquet
from pipelines.catalogue.mapping import CatalogueMapping, TableMapping
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.parts import TablePart
from pipelines.catalogue.read import TableBatch, read_batches
from pipelines.catalogue.vocabulary import respell
from pipelines.storage.columns import (
    Column,
    list_items,
    nulls,
    numbers_in,
    struct_field,
    text_bytes,
)
from schemas.catalogue import ASSETS_SCHEMA, CONTRIBUTOR_SHARE

# Columns with many different texts, which are read as they are.
_MANY_TEXTS = frozenset({"asset_id", "media_uri", "title", "description", "sha256", "release_ids"})
#: Texts that nothing but their own rules look at.
UNREAD_TEXTS = frozenset({"title", "description", "language", "keywords"})
_ITEM = "list.element"
_FIRST_PLAIN, _PLAIN_COUNT = 0x21, 0x5E  # exclamation mark to tilde
# Of the file that was opened last, since that of many row groups takes a while to read.
_last_form: list[tuple[str, str, pq.FileMetaData, pa.Schema]] = []


class _OddError(Exception):
    """Something that only the usual way of reading may decide on."""


def reads_quickly(part: TablePart, mapping: CatalogueMapping) -> bool:
    """Whether a part may be read quickly, as far as that is known without reading it."""
    own = mapping.for_table("assets")
    plain = TableMapping(
        columns=own.columns, files=own.files, ignore=own.ignore, joins=own.joins, where=own.where
    )
    return part.format == "parquet" and not part.joins and not part.partitions and own == plain


def read_quickly(
    part: TablePart,
    mapping: CatalogueMapping,
    wanted: Sequence[str],
    checked: Collection[str] = (),
) -> Iterator[pa.Table | TableBatch]:
    """Reads a part of `assets`, one row group after another.

    Args:
        part: One of `Catalogue.parts`.
        mapping: The catalogue's mapping.
        wanted: Names of ASSETS_SCHEMA; the first is `asset_id`.
        checked: Those of them that are known not to be odd in any row group of the part.

    Yields:
        A row group's wanted columns, texts perhaps encoded as dictionaries; or batches of
        `read_batches`, if a value is odd, if a row may be empty, or if a column that is not read
        has another type than ours.

    Raises:
        InputError: If the file cannot be read or has changed.
    """
    if not reads_quickly(part, mapping):
        yield from read_batches(part, mapping)
        return
    theirs = dict(part.columns)
    encoded = [
        path for ours in wanted if ours in theirs for path in _encoded_paths(ours, theirs[ours])
    ]
    with open_unpacked(part.uri, part.version) as stream:
        form, kinds = _form_of(stream, part)
        is_odd = any(not _has_our_type(ours, kinds.field(name).type) for ours, name in part.columns)
        stream.seek(0)
        file = None if is_odd else pq.ParquetFile(stream, metadata=form, read_dictionary=encoded)
        for group in part.row_groups:
            table = None if file is None else _read_group(file, group, theirs, wanted, checked)
            if table is None:
                yield from read_batches(replace(part, row_groups=(group,)), mapping)
            else:
                yield table


def _form_of(stream: BinaryIO, part: TablePart) -> tuple[pq.FileMetaData, pa.Schema]:
    """Returns what a file says of its row groups and columns."""
    if not _last_form or _last_form[0][:2] != (part.uri, part.version):
        file = open_parquet(stream, part.uri)
        _last_form[:] = [(part.uri, part.version, file.metadata, file.schema_arrow)]
    return _last_form[0][2:]


def _read_group(
    file: pq.ParquetFile,
    group: int,
    theirs: Mapping[str, str],
    wanted: Sequence[str],
    checked: Collection[str],
) -> pa.Table | None:
    names = [theirs[ours] for ours in wanted if ours in theirs]
    try:
        raw = file.read_row_group(group, columns=names, use_threads=False)
        return pa.table(
            {ours: _column(raw, ours, theirs.get(ours), ours in checked) for ours in wanted}
        )
    except (_OddError, pa.ArrowException, OSError):  # the usual way says what is wrong
        return None


def _has_our_type(ours: str, kind: pa.DataType) -> bool:
    wanted = ASSETS_SCHEMA.field(ours).type
    if pa.types.is_list(wanted) and pa.types.is_list(kind):
        return bool(kind.value_type == wanted.value_type)
    return bool(kind == wanted)


def _encoded_paths(ours: str, name: str) -> list[str]:
    kind = ASSETS_SCHEMA.field(ours).type
    if ours in _MANY_TEXTS:
        return []
    if pa.types.is_string(kind):
        return [name]
    if kind == pa.list_(CONTRIBUTOR_SHARE):
        return [f"{name}.{_ITEM}.contributor_id"]
    return [f"{name}.{_ITEM}"] if pa.types.is_list(kind) else []


def _column(raw: pa.Table, ours: str, name: str | None, is_checked: bool) -> Column:
    field = ASSETS_SCHEMA.field(ours)
    if name is None:
        return nulls(len(raw), field.type)
    chunks = raw.column(name)
    if chunks.num_chunks != 1 or (not field.nullable and chunks.null_count):
        raise _OddError
    values = cast("Column", chunks.chunk(0))
    if is_checked:
        return values
    if field.type == pa.list_(CONTRIBUTOR_SHARE):
        items = list_items(values)
        ids, shares = struct_field(items, "contributor_id"), struct_field(items, "share_bp")
        if items.null_count or ids.null_count or shares.null_count:
            raise _OddError
        _refuse_odd_texts(ids, "contributor_id", is_id=True)
        return values
    if pa.types.is_list(field.type):
        items = list_items(values)
        if items.null_count:
            raise _OddError
        _refuse_odd_texts(items, ours, is_id=ours == "release_ids")
    elif pa.types.is_string(field.type):
        _refuse_odd_texts(values, ours, is_id=ours == "asset_id")
    return values


def _refuse_odd_texts(values: Column, column: str, is_id: bool) -> None:
    """Looks whether the usual way would leave each text as it is.

    Raises:
        _OddError: It would not.
    """
    texts = values.dictionary if isinstance(values, pa.DictionaryArray) else values
    name = "asset_id" if is_id else column
    if _is_plain(texts) and not drop_absent_texts(texts, name)[1]:
        if respell(texts, column)[1]:
            raise _OddError
        return
    field: pa.Field[pa.DataType] = pa.field(name, pa.string())
    notes = CellNotes()
    converted, bad = convert_column(texts, field, notes, "assets")
    converted, respelled = respell(converted, column)
    changed = respelled or notes.absent.total() or notes.respelled_ids.total()
    if bad or changed or not converted.equals(texts):
        raise _OddError


def _is_plain(texts: Column) -> bool:
    """Whether texts have visible ASCII only, and none is empty: nothing is stripped from these."""
    if not pa.types.is_string(texts.type) or not len(texts):
        return False
    offsets = numbers_in(texts.buffers()[1], np.int32, len(texts) + 1, texts.offset * 4)
    empty = offsets[1:] == offsets[:-1]
    if empty.any() and (empty & texts.is_valid().to_numpy(zero_copy_only=False)).any():
        return False
    return bool(((text_bytes(texts) - np.uint8(_FIRST_PLAIN)) < _PLAIN_COUNT).all())
