"""Identifiers: one spelling for ids that a reader cannot tell apart.

An id is compared after Unicode's NFC, with every kind of blank written as a space, and without
characters that show nothing: control and format characters, variation selectors, fillers. Ids that
only look alike (case, full width, another alphabet) stay different; `lookalikes` offers them.
"""

from __future__ import annotations

import unicodedata
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, text_bytes, values_of
from schemas.catalogue import USE

# Columns that hold ids, by table: the table's own and references to others.
ID_COLUMNS: dict[str, frozenset[str]] = {
    "assets": frozenset({"asset_id", "contributors", "release_ids"}),
    "contributors": frozenset({"contributor_id"}),
    "consents": frozenset({"contributor_id", "asset_id", "agreement_ref"}),
    "releases": frozenset({"release_id", "subject_ref", "witness_ref"}),
    "agreements": frozenset({"agreement_ref", "contributor_id"}),
    USE: frozenset({"asset_id", "asset", "key", "media_sha256", "file_name"}),
}
ALL_ID_COLUMNS = frozenset().union(*ID_COLUMNS.values())

_INVISIBLE_CATEGORIES = frozenset({"Cc", "Cf"})
# Shown as nothing although Unicode files them under marks and letters.
_FILLERS = frozenset(
    map(chr, (0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x180B, 0x180C, 0x180D, 0x180F, 0x2800))
) | frozenset(map(chr, (0x3164, 0xFFA0, *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
_FIRST_PLAIN, _PLAIN_COUNT = 0x20, 0x5F  # space to tilde
# Whatever the slow way may change; RE2 has no class for the fillers, so this asks for less.
_NOT_PLAIN = r"[^ -~]"


def normalise_id(text: str) -> str:
    """Returns the spelling by which an id is compared; empty if nothing of it can be seen."""
    if text.isascii() and text.isprintable():
        return text.strip(" ")
    visible = (
        " " if character.isspace() else character
        for character in unicodedata.normalize("NFC", text)
        if character.isspace()
        or (
            unicodedata.category(character) not in _INVISIBLE_CATEGORIES
            and character not in _FILLERS
        )
    )
    # What was parted by an invisible character may compose now.
    return unicodedata.normalize("NFC", "".join(visible)).strip(" ")


def is_plain(texts: Column) -> bool:
    """Returns whether every text of a column holds printable ASCII only."""
    return bool(((text_bytes(texts) - np.uint8(_FIRST_PLAIN)) < _PLAIN_COUNT).all())


def normalise_ids(texts: Column) -> tuple[Column, Column]:
    """Normalises a column of ids.

    Args:
        texts: Valid Unicode, of Arrow's type string.

    Returns:
        The ids, null where nothing of one can be seen; and those that another spelling became.
    """
    if is_plain(texts):
        return texts, texts[:0]
    odd: Column = pc.match_substring_regex(texts, _NOT_PLAIN).fill_null(False)
    rows = np.flatnonzero(odd.to_numpy(zero_copy_only=False))
    given = values_of(texts.take(rows), str)
    plain = [normalise_id(text) or None for text in given]
    mask = cast("pa.BooleanArray", odd)
    replaced: Column = pc.replace_with_mask(texts, mask, pa.array(plain, pa.string()))
    changed = [new for old, new in zip(given, plain, strict=True) if new not in (None, old)]
    return replaced, pa.array(changed, pa.string())
