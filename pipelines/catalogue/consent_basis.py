"""What consents rest on, and from when a yes by silence counts.

A row with a notice or a window speaks of silence even if its basis is empty or misspelt: otherwise
a lost word would make a yes count before its window is over.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.plain_form import plain_form
from pipelines.storage.columns import Column, values_of
from schemas.rights import Basis

UNSTATED, EXPLICIT, TERMS, SILENCE = 0, 1, 2, 3
#: When a yes by silence counts whose notice or window is not given.
NEVER = int(np.iinfo(np.int64).max)
BASIS_COLUMNS = ("basis", "notice_at", "window_days")

_CODES = {Basis.EXPLICIT: EXPLICIT, Basis.TERMS: TERMS, Basis.SILENCE: SILENCE}
_DAY_US = 86_400_000_000
_WEST_US = 12 * 3_600_000_000  # the zone in which a day ends last
_MAX_DAY = NEVER // _DAY_US - 2
_MIN_SIMILARITY = 0.8  # one letter of `silence` changed, left out, added or moved

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class ConsentBases:
    """What each row of consents rests on.

    Attributes:
        codes: UNSTATED, EXPLICIT, TERMS or SILENCE, [rows].
        window_ends: The last moment in which one may object, wherever that is; NEVER without a
            notice or a window. In µs since 1970, UTC, [rows].
    """

    codes: npt.NDArray[np.int8]
    window_ends: IntArray

    def filter(self, chosen: BoolArray) -> ConsentBases:
        """The bases of some rows."""
        return ConsentBases(self.codes[chosen], self.window_ends[chosen])


def consent_bases(consents: pa.Table) -> ConsentBases:
    """Reads the bases of consents; the columns may be absent."""
    rows = len(consents)
    columns = [consents.column(name) for name in BASIS_COLUMNS if name in consents.schema.names]
    if all(values.null_count == rows for values in columns):
        return ConsentBases(np.zeros(rows, np.int8), np.full(rows, NEVER, np.int64))
    notice, window = (consents.column(name).combine_chunks() for name in BASIS_COLUMNS[1:])
    words = consents.column("basis").combine_chunks().dictionary_encode()
    by_word = [_code(word) for word in values_of(words.dictionary, str)]
    codes = np.array([*by_word, UNSTATED], np.int8)[
        words.indices.fill_null(len(by_word)).to_numpy(zero_copy_only=False)
    ]
    has_window = np.asarray(pc.or_(notice.is_valid(), window.is_valid()))
    codes[has_window & (codes == UNSTATED)] = SILENCE
    first = _integers(notice.cast(pa.int32()), _MAX_DAY)
    days = _integers(window, -1)
    last = first + days
    ends = np.where((days < 0) | (last >= _MAX_DAY), NEVER, (last + 1) * _DAY_US + _WEST_US - 1)
    return ConsentBases(codes, ends)


def without_bases(consents: pa.Table) -> pa.Table:
    """Leaves out the columns that `consent_bases` reads."""
    return consents.drop_columns([n for n in BASIS_COLUMNS if n in consents.schema.names])


def _integers(values: Column, absent: int) -> IntArray:
    wide = values.cast(pa.int64()).fill_null(absent)
    return np.asarray(wide.to_numpy(zero_copy_only=False), np.int64)


def _code(word: str) -> int:
    """Returns the code of a word; one that resembles `silence` is taken for it."""
    if word in _CODES:
        return _CODES[Basis(word)]
    near = difflib.get_close_matches(plain_form(word), [Basis.SILENCE], cutoff=_MIN_SIMILARITY)
    return SILENCE if near else UNSTATED
