"""Makes columns of a table from the columns of an export, such as an id from a file's name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pyarrow as pa

from pipelines.catalogue.absent import BLANK_CHARACTERS, is_nothing
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.formats import RawBatch
from pipelines.catalogue.listing import ending
from pipelines.catalogue.mapping import TableMapping
from pipelines.catalogue.mapping_derived import FILE_COLUMN, NOTHING_DERIVED
from schemas.catalogue import table_schema

# Endings of films; every other ending of a medium is a picture's.
_FILM_ENDINGS = frozenset(
    "3gp avi braw m2ts m4v mkv mov mp4 mpeg mpg mts mxf r3d ts webm wmv".split()
)
_PICTURE_ENDINGS = frozenset(
    "ai apng arw avif bmp cr2 cr3 dng eps gif heic heif jpe jpeg jpg jp2 jxl mpo nef orf png psd "
    "raf rw2 svg tga tif tiff webp".split()
)


def base_name(path: str) -> str:
    """Returns the last part of a path, with slashes of either kind: `IMG_1.jpg`."""
    return path.strip(BLANK_CHARACTERS).replace("\\", "/").rpartition("/")[2]


def media_type_of(path: str) -> str | None:
    """Returns `video` or `image` by a file's ending; None for an ending of neither."""
    end = ending(base_name(path))
    if end in _FILM_ENDINGS:
        return "video"
    return "image" if end in _PICTURE_ENDINGS else None


def derive_columns(
    raw: RawBatch, mapping: TableMapping, table: str
) -> tuple[RawBatch, TableMapping]:
    """Adds the columns that a mapping makes of others.

    Args:
        raw: Rows as read from the file.
        mapping: How its columns are mapped; `columns` has all that are read, and a column that
            is made of several is there with each of them.
        table: The table.

    Returns:
        The rows, and the mapping that has the columns that were made.
    """
    derived = mapping.derived
    if derived == NOTHING_DERIVED:
        return raw, mapping
    made: dict[str, RawColumn] = {}
    rows = len(raw.positions)

    def sources(ours: str) -> list[list[object]]:
        read = [theirs for name, theirs in mapping.columns if name == ours]
        return [_values(raw.columns.get(theirs), rows) for theirs in read]

    for ours, _ in derived.gathered:
        found = sources(ours)
        is_list = pa.types.is_list(table_schema(table).field(ours).type)
        if found:
            made[ours] = [_gather(cells, is_list) for cells in zip(*found, strict=True)]
    for ours, _ in derived.first:
        found = sources(ours)
        if found:
            made[ours] = [
                _given(cells)[0] if _given(cells) else None for cells in zip(*found, strict=True)
            ]
    for ours, _, value in derived.filled:
        found = sources(ours)
        if found:
            made[ours] = [value if _given(cells) else None for cells in zip(*found, strict=True)]
    read = dict(mapping.columns)
    for ours, change in _of_file_names(mapping):
        source = ours if ours in read or ours in made else FILE_COLUMN
        values = made[source] if source in made else raw.columns.get(read.get(source, ""))
        if values is not None:
            made[ours] = [change(v) if isinstance(v, str) else v for v in _values(values, rows)]
    names = [(ours, theirs) for ours, theirs in mapping.columns if ours not in made]
    names += [(ours, f"\0made {ours}") for ours in made]  # no column of a file has this name
    columns = raw.columns | {f"\0made {ours}": values for ours, values in made.items()}
    return replace(raw, columns=columns), replace(mapping, columns=tuple(names))


def _of_file_names(mapping: TableMapping) -> list[tuple[str, Callable[[str], str | None]]]:
    """Returns our columns that follow from a name of a file, each with how."""
    derived, read = mapping.derived, dict(mapping.columns)
    rules: list[tuple[str, Callable[[str], str | None]]] = []
    for ours in derived.from_file_name:
        if ours not in read and ours not in mapping.given_elsewhere:
            rules.append((ours, base_name if ours == "asset_id" else media_type_of))
    made = {ours for ours, _ in rules}
    rules += [(n, base_name) for n in derived.base_names if n not in made and n in read]
    return rules


def _values(values: RawColumn | None, rows: int) -> list[object]:
    if values is None:
        return [None] * rows
    if isinstance(values, pa.Array):
        try:
            return list(values.to_pylist())
        except UnicodeDecodeError:  # such bytes cost their rows where the column itself is read
            return [_text_or_none(value) for value in values]
    return list(values)


def _text_or_none(value: pa.Scalar[pa.DataType]) -> object:
    try:
        return value.as_py()
    except UnicodeDecodeError:
        return None


def _given(cells: Sequence[object]) -> list[object]:
    """Returns the cells that say something."""
    return [cell for cell in cells if cell not in (None, "") and not is_nothing(cell)]


def _gather(cells: Sequence[object], is_list: bool) -> object:
    given = _given(cells)
    if is_list:
        return given or None
    return ", ".join(str(cell).strip(BLANK_CHARACTERS) for cell in given) or None
