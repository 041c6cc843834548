"""What consents rest on, and from when a yes by silence counts.

A row with a notice or a window speaks of silence even if its basis is empty or misspelt: otherwise
a lost word would make a yes count before its window is over.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.plain_form import plain_form
from pipelines.storage.columns import Column, values_of
from schemas.rights import Basis, Permission

UNSTATED, EXPLICIT, TERMS, SILENCE = 0, 1, 2, 3
#: When a yes by silence counts whose notice or window is not given.
NEVER = int(np.iinfo(np.int64).max)
BASIS_COLUMNS = ("basis", "notice_at", "window_days")

#: What the names of counts of unknown words begin with.
UNKNOWN_BASIS = "unknown_basis "

_NO_EFFECT = {
    "silence_without_window": "have no effect: notice_at or window_days is not given",
    "silence_in_window": "have no effect yet: their window is not over at the as-of time",
}
_SHOWN_WORDS = 6
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


def count_bases(consents: pa.Table, as_of_us: int) -> dict[str, int]:
    """Counts what is not read as it is written; what there is none of is left out.

    Args:
        consents: As `read_table` returns it.
        as_of_us: The instant, in µs since 1970.

    Returns:
        `silence_without_window` and `silence_in_window`: a yes by silence that has no effect.
        `unknown_basis` followed by the word: rows with a word that is none of ours.
    """
    bases = consent_bases(consents)
    is_yes = np.asarray(pc.equal(consents.column("value"), pa.scalar(Permission.ALLOW.value)))
    silent = is_yes & (bases.codes == SILENCE)
    counts = Counter(
        silence_without_window=int((silent & (bases.window_ends == NEVER)).sum()),
        silence_in_window=int(
            (silent & (bases.window_ends > as_of_us) & (bases.window_ends < NEVER)).sum()
        ),
    )
    words = consents.column("basis").drop_null().value_counts()
    for word, count in zip(
        values_of(words.field("values"), str), values_of(words.field("counts"), int), strict=True
    ):
        if word not in _CODES:
            counts[f"{UNKNOWN_BASIS}{word}"] = count
    return dict(+counts)


def basis_lines(counts: Mapping[str, int]) -> list[str]:
    """Returns the counts of `count_bases`, among others, as lines for people."""
    lines = []
    words = {name: n for name, n in counts.items() if name.startswith(UNKNOWN_BASIS)}
    if words:
        shown = sorted(words, key=lambda name: (-words[name], name))[:_SHOWN_WORDS]
        listed = ", ".join(
            f"{name.removeprefix(UNKNOWN_BASIS)!r} {words[name]:,}" for name in shown
        )
        more = f", … {len(words) - len(shown):,} more" if len(words) > len(shown) else ""
        lines.append(
            f"consents.basis: {sum(words.values()):,} with a word that is none of "
            f"{', '.join(_CODES)} ({listed}{more}). They are read as not stated; as silence, if "
            "the word resembles it or there is a notice or a window."
        )
    for name, why in _NO_EFFECT.items():
        if counts.get(name):
            lines.append(f"consents.basis: {counts[name]:,} that say yes by silence {why}")
    return lines


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
