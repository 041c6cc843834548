"""What a decision's `detail` says: for every reason the value seen, in one line of plain text.

Rows with the same mask show the same columns, so each column is put into words once for a batch,
and lines are joined mask by mask. Only values that are not plain are looked at one by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import IntArray, column, list_column
from pipelines.rights.consent_verdicts import ConsentVerdict, consent_verdicts
from pipelines.rights.formatting import MAX_CHARS, MAX_ITEMS, WORD_OF, one_line
from pipelines.rights.index import RightsIndex
from pipelines.rights.rules.rule import CONSENT_NOTES, REMOVAL_NOTES
from pipelines.rights.rules.screen import ReasonMask, rules_of
from pipelines.storage.columns import Column, join_lists, join_text, list_array, struct_field
from schemas.deal import Deal

# By state, and last a withdrawal and a yes that is not explicit.
_STATE_NAMES = pa.array(
    ["none", "allow", "unknown", "conditional", "deny", "withdrawn", "not explicit"]
)
_WITHDRAWN_STATE, _NOT_EXPLICIT_STATE = len(_STATE_NAMES) - 2, len(_STATE_NAMES) - 1
# Shown as it is; everything else goes through `one_line`.
_PLAIN_PATTERN = rf"^[ -~]{{0,{MAX_CHARS}}}$"


def describe_refusals(assets: pa.Table, mask: ReasonMask, index: RightsIndex, deal: Deal) -> Column:
    """One line of detail for each asset of a batch that was refused, [rows].

    Args:
        assets: The refused rows alone.
        mask: Their masks.
        index: What they were screened with.
        deal: The deal.
    """
    distinct_masks, mask_numbers = np.unique(mask, return_inverse=True)
    columns_by_mask = [_columns_of(int(bits), deal) for bits in distinct_masks]
    texts = _ColumnTexts(assets, index, deal)
    rows = [np.zeros(0, np.int64)]
    parts: list[Column] = [pa.array([], pa.string())]
    for number, names in enumerate(columns_by_mask):
        matching = np.flatnonzero(mask_numbers == number)
        pieces = [texts.column_text(name).take(matching) for name in names]
        rows.append(matching)
        # No consents to name leave a null, which is skipped.
        parts.append(join_text(*pieces, "; ", null_handling="skip"))
    return pa.concat_arrays(parts).take(np.argsort(np.concatenate(rows)))


def _columns_of(bits: int, deal: Deal) -> list[str]:
    """The columns that a mask's rules are about, each once, in the order of the rules."""
    return list(dict.fromkeys(name for rule in rules_of(bits) for name in rule.shown_columns(deal)))


class _ColumnTexts:
    """A batch's columns in words, `name=value`, each made when it is first asked for."""

    def __init__(self, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
        self._assets, self._index, self._deal = assets, index, deal
        self._cache: dict[str, Column] = {}

    def column_text(self, name: str) -> Column:
        """The words of a column, [rows]."""
        if name not in self._cache:
            if name == CONSENT_NOTES:
                self._cache[name] = _consent_notes(self._assets, self._index, self._deal)
            elif name == REMOVAL_NOTES:
                self._cache[name] = self._index.removed.notes(self._assets)
            else:
                texts = _as_text(column(self._assets, name))
                self._cache[name] = join_text(name, texts, "=")
        return self._cache[name]


def _as_text(values: Column) -> Column:
    """Values as `one_line` puts them."""
    kind = values.type
    if pa.types.is_list(kind):
        return _lists_as_text(values)
    if pa.types.is_struct(kind):
        fields = [_as_text(struct_field(values, i)) for i in range(kind.num_fields)]
        return join_text(*fields, ":")
    if pa.types.is_boolean(kind):
        texts: Column = pc.if_else(values, WORD_OF[True], WORD_OF[False])
    elif pa.types.is_dictionary(kind):
        texts = values.cast(pa.string())
    else:
        texts = values if pa.types.is_string(kind) else values.cast(pa.string())
    return _as_one_line(texts.fill_null(WORD_OF[None]))


def _as_one_line(texts: Column) -> Column:
    """Texts with those that are not short plain ASCII put into one line."""
    not_plain = pc.invert(pc.match_substring_regex(texts, _PLAIN_PATTERN))
    if not pc.any(not_plain).as_py():
        return texts
    lines = pa.array([one_line(text) for text in texts.filter(not_plain).to_pylist()], pa.string())
    replaced: Column = pc.replace_with_mask(texts, not_plain, lines)
    return replaced


def _lists_as_text(values: Column) -> Column:
    list_values = list_column(values)
    items = _as_text(list_values.values)
    ends = np.cumsum(list_values.lengths)
    starts = ends - list_values.lengths
    kept = np.minimum(list_values.lengths, MAX_ITEMS)
    joined = join_lists(_slice_lists(items, starts, kept), ", ")
    too_long = list_values.lengths > MAX_ITEMS
    if too_long.any():
        counts = pa.array(list_values.lengths).cast(pa.string())
        shortened = join_text(joined, ", … ", counts, " in all", "")
        joined = pc.if_else(pa.array(too_long), shortened, joined)
    texts: Column = pc.if_else(pc.is_valid(values), join_text("[", joined, "]", ""), WORD_OF[None])
    return texts


def _slice_lists(items: Column, starts: IntArray, lengths: IntArray) -> Column:
    """Lists of some items each, from where they start."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    items_taken = items.take(np.repeat(starts, lengths) + within)
    return list_array(offsets.astype(np.int32), items_taken)


def _consent_notes(assets: pa.Table, index: RightsIndex, deal: Deal) -> Column:
    """For each row, which contributor's consent falls short for which purpose; null for none."""
    shares = list_column(column(assets, "contributors"))
    contributor_ids = struct_field(shares.values, "contributor_id")
    names = _as_text(contributor_ids)
    positions = index.consents.locate(column(assets, "asset_id"), contributor_ids, shares.rows)
    rows: list[npt.NDArray[np.int64]] = []
    notes: list[Column] = []
    for purpose in deal.needed_purposes:
        states = index.consents.states_at(purpose, positions)
        verdicts = consent_verdicts(states, purpose, deal)
        items_short = np.flatnonzero(verdicts)  # 0 passes
        state_numbers = np.where(states.withdrawn, _WITHDRAWN_STATE, states.state).astype(np.int64)
        state_numbers[verdicts == ConsentVerdict.NOT_EXPLICIT] = _NOT_EXPLICIT_STATE
        state_numbers = state_numbers[items_short]
        texts = _STATE_NAMES.take(state_numbers)
        matching = names.take(items_short)
        notes.append(join_text(f"consent {purpose} of ", matching, ": ", texts, ""))
        rows.append(shares.rows[items_short])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    lengths = np.bincount(row, minlength=len(assets))
    joined_notes = pa.concat_arrays(notes).take(order)
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    joined = join_lists(list_array(offsets, joined_notes), "; ")
    lines: Column = pc.if_else(pa.array(lengths > 0), joined, None)
    return lines
