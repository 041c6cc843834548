"""Brings dates, lists and numbers as the mapping states them into the forms of docs/catalogue.md.

Where a cell could mean two things and the mapping does not say which, the run stops and names the
key: a day in the wrong month, or keywords taken for one, would clear what must not be delivered.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.absent import BLANK_CHARACTERS
from pipelines.catalogue.convert import RawColumn
from pipelines.catalogue.local_dates import iso_date
from pipelines.catalogue.mapping_form import TableForm
from pipelines.catalogue.origin import Origin
from pipelines.catalogue.values import shorten
from pipelines.storage.columns import Column, list_items
from schemas.catalogue import CONTRIBUTOR_SHARE, USE
from schemas.errors import InputError

# What separates lists elsewhere: commas, semicolons, bars, bullets, line ends of all scripts, and
# what encloses lists in JSON and PostgreSQL. A cell with one of these and without `;` may be one
# item or many.
_OTHER_SEPARATORS = (
    "[,|\t\n\r\v\f\x1c-\x1f\x85\u00a6\u037e\u060c\u061b\u2022\u2028\u2029\u2502\u3001"
    "\ufe10\ufe11\ufe14\ufe50\ufe51\ufe54\uff0c\uff1b\uff5c\uff64]"
    r"|^\s*\[.*\]\s*$|^\s*\{.*\}\s*$|#\S+\s+#|<br"
    "|\\s[/\u00b7\u30fb]\\s"
)


def apply_form(
    values: RawColumn, field: pa.Field[pa.DataType], form: TableForm, origin: Origin
) -> RawColumn:
    """Rewrites the texts of a column; values that are no text are left as they are.

    Raises:
        InputError: If a list of one item may be several.
    """
    kind = field.type
    if form.sole_contributor and kind == pa.list_(CONTRIBUTOR_SHARE):
        stated = dict(form.lists).get(field.name)
        marks = "|".join(map(re.escape, stated)) if stated else _OTHER_SEPARATORS
        values = _map_texts(values, lambda text: _whole_share(text, marks))
    prefix = dict(form.prefixes).get(field.name)
    if prefix:
        return _map_texts(values, lambda text: _with_prefix(text, prefix))
    if pa.types.is_list(kind):
        separators = dict(form.lists).get(field.name)
        if separators is None:
            _refuse_unclear_list(values, field.name, (";",), _OTHER_SEPARATORS, origin)
            return values
        if separators == (";",):
            return values
        _refuse_unclear_list(values, field.name, separators, ";", origin)
        pattern = re.compile("|".join(map(re.escape, separators)))
        if kind == pa.list_(CONTRIBUTOR_SHARE):
            return _map_texts(values, lambda text: pattern.sub(";", text))
        return _split_texts(values, pattern)
    orders = dict(form.dates).get(field.name)
    if orders:
        return _map_texts(values, lambda text: iso_date(text, orders))
    if form.decimal and pa.types.is_integer(kind):
        grouped = origin.table != USE  # numbers of uses are paid for, and marks easily mixed up
        values = _map_texts(values, lambda text: _whole_number(text, form.decimal, grouped))
    if origin.table == USE and form.decimal != "." and pa.types.is_integer(kind):
        _refuse_point(values, field.name, origin)
    return values


def _texts_of(values: RawColumn) -> tuple[Column, Column] | None:
    """Returns the different texts of a column and, for each row, which it has; None if it has
    no texts.
    """
    if not isinstance(values, pa.Array):
        return None
    encoded = values
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        encoded = values.dictionary_encode()
    if not isinstance(encoded, pa.DictionaryArray):
        return None
    kind = encoded.type.value_type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        return None
    return encoded.dictionary, encoded.indices


def _map_texts(values: RawColumn, change: Callable[[str], str]) -> RawColumn:
    """Changes each text; each different text of an array is changed once."""
    texts = _texts_of(values)
    if texts is None:
        if isinstance(values, pa.Array):
            return values
        return [change(value) if isinstance(value, str) else value for value in values]
    try:
        changed = [None if t is None else change(t) for t in texts[0].to_pylist()]
    except UnicodeDecodeError:
        return values
    return pa.array(changed, pa.string()).take(texts[1])


def _whole_number(text: str, decimal: str, grouped: bool) -> str:
    """Returns a number without marks of thousands and without its fraction, if that is zero; any
    other text as it is.
    """
    whole, mark, fraction = text.strip(BLANK_CHARACTERS).partition(decimal)
    thousands = "." if decimal == "," else ","
    groups = rf"-?[1-9][0-9]{{0,2}}(?:{re.escape(thousands)}[0-9]{{3}})+"
    if grouped and re.fullmatch(groups, whole):
        whole = whole.replace(thousands, "")
        text = whole if not mark else text
    return whole if mark and whole and fraction and not fraction.strip("0") else text


def _refuse_point(values: RawColumn, column: str, origin: Origin) -> None:
    """Refuses a number of uses with a point: 1.000 is one or a thousand, and both would be paid."""
    listed = values.to_pylist() if isinstance(values, pa.Array) else values
    for row, value in enumerate(listed):
        if isinstance(value, str) and "." in value:
            raise InputError(
                "It is not certain what a point in a number of uses means",
                f"{origin.locate(row)}: {column} = '{shorten(value)}'",
                "State it in the mapping if it comes before a fraction: "
                f'[{origin.section}.csv] decimal = ".". Otherwise write the number without it.',
            )


def _whole_share(text: str, marks: str) -> str:
    """Returns one id without a share as the sole contributor; any other text as it is."""
    name = text.strip(BLANK_CHARACTERS)
    alone = name and ":" not in name and not re.search(f"{marks}|;", name)
    return f"{name}:10000" if alone else text


def _with_prefix(text: str, prefix: str) -> str:
    name = text.strip(BLANK_CHARACTERS)
    return prefix + name if name else text


def _split_texts(values: RawColumn, separator: re.Pattern[str]) -> RawColumn:
    def split(value: object) -> object:
        if isinstance(value, list):
            parts = [split(item) if isinstance(item, str) else item for item in value]
            return [p for part in parts for p in (part if isinstance(part, list) else [part])]
        if not isinstance(value, str):
            return value
        return separator.split(value) if value.strip(BLANK_CHARACTERS) else None

    if isinstance(values, pa.Array):
        try:
            return [split(value) for value in values.to_pylist()]
        except UnicodeDecodeError:
            return values
    return [split(value) for value in values]


def _refuse_unclear_list(
    values: RawColumn, column: str, separators: Sequence[str], others: str, origin: Origin
) -> None:
    """Refuses a text, or a list of one text, that has other separators and none that counts."""
    ours = "|".join(map(re.escape, separators))
    if isinstance(values, pa.Array):
        if column == "contributors" and not _texts_of(values):
            return
        if not _any_unclear(values, ours, others):
            return
        values = values.to_pylist()
    for row, value in enumerate(values):
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        text = value.strip(BLANK_CHARACTERS) if isinstance(value, str) else ""
        if re.search(others, text) and not re.search(ours, text):
            raise InputError(
                f"It is not certain what separates a list of the table {origin.table}",
                f"{origin.locate(row)}: {column} = '{shorten(text)}', expected {separators[0]!r}",
                f"State it in mapping.toml: [{origin.section}.lists] {column} = "
                '","; or ";" if this is one item; or [",", ";"] if both separate.',
            )


def _any_unclear(values: Column, ours: str, others: str) -> bool:
    """Whether any text of an array, or any list of one text, may be several items."""
    texts = _texts_of(values)
    if texts is not None:
        distinct = texts[0]
    elif (pa.types.is_list(values.type) or pa.types.is_large_list(values.type)) and len(values):
        is_single = pc.equal(pc.list_value_length(values), pa.scalar(1))
        if pc.any(is_single).as_py() is not True:
            return False
        texts = _texts_of(list_items(values.filter(is_single)))
        if texts is None:
            return False
        distinct = texts[0]
    else:
        return False
    try:
        found = pc.and_(
            pc.match_substring_regex(distinct, others),
            pc.invert(pc.match_substring_regex(distinct, ours)),
        )
    except pa.ArrowInvalid:
        return False  # invalid UTF-8, which costs the row
    return pc.any(found).as_py() is True


_FREE_TEXT = frozenset({"title", "description", "display_name"})


def refuse_other_quotes(
    values: RawColumn, column: str, quote: str, form: TableForm, origin: Origin
) -> None:
    """Refuses a cell in quotes of the other kind, unless the mapping states the kind.

    Raises:
        InputError: Naming the key of the mapping that states it.
    """
    if form.quote or column in _FREE_TEXT:
        return
    other = "'" if quote == '"' else '"'
    texts = _texts_of(values)
    if isinstance(values, pa.Array):
        if texts is None:
            return
        try:
            found = pc.match_substring_regex(texts[0], f"^\\s*{other}(?s:.*){other}\\s*$")
        except pa.ArrowInvalid:
            return  # invalid UTF-8, which costs the row
        if pc.any(found).as_py() is not True:
            return
    listed = values.to_pylist() if isinstance(values, pa.Array) else values
    for row, value in enumerate(listed):
        text = value.strip(BLANK_CHARACTERS) if isinstance(value, str) else ""
        if len(text) > 1 and text[0] == text[-1] == other:
            raise InputError(
                f"A cell of the table {origin.table} is in quotes of another kind",
                f"{origin.locate(row)}: {column} = {shorten(text)}",
                f"State the kind in mapping.toml: [{origin.section}.csv] "
                f"quote = {_toml_text(other)}, or {_toml_text(quote)} if they belong to the text.",
            )


def _toml_text(mark: str) -> str:
    return f'"{mark}"' if mark == "'" else f"'{mark}'"
