"""Counts free texts that hold control characters, which are delivered as they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, list_items, numbers_in

FREE_TEXTS = frozenset(("title", "description", "keywords", "category", "display_name"))
# Controls but for tab and line ends, and the characters that reverse the order of text.
_CONTROLS = (
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\x{80}-\x{9f}\x{202a}-\x{202e}\x{2066}-\x{2069}\x{200e}\x{200f}"
    r"\x{61c}]"
)
# The bytes that such a character can begin with.
_FIRST_BYTES = np.zeros(256, np.bool_)
_FIRST_BYTES[:0x20] = True
_FIRST_BYTES[[0x09, 0x0A, 0x0D]] = False
_FIRST_BYTES[[0x7F, 0xC2, 0xD8, 0xE2]] = True


def count_controls(column: Column) -> int:
    """Returns how many texts of a column hold a control character; lists count each item."""
    texts = list_items(column) if pa.types.is_list(column.type) else column
    if not len(texts) or not pa.types.is_string(texts.type):
        return 0
    if not _FIRST_BYTES[_octets(texts)].any():  # of most columns, and much cheaper
        return 0
    found = pc.match_substring_regex(texts, _CONTROLS).fill_null(False)
    return int(np.count_nonzero(found.to_numpy(zero_copy_only=False)))


def _octets(texts: Column) -> npt.NDArray[np.uint8]:
    data = texts.buffers()[2]
    return np.zeros(0, np.uint8) if data is None else numbers_in(data, np.uint8)
