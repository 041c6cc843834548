"""What a decision's `detail` says: for every reason the value seen, in one line of plain text.

Rows with the same mask show the same columns, so each column is put into words once for a batch,
and lines are joined mask by mask. Only values that are not plain are looked at one by one.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import Ints, column, lists
from pipelines.rights.consents import ALLOW, MISSING
from pipelines.rights.lines import LONGEST, MOST_ITEMS, one_line
from pipelines.rights.screen import Mask, RightsIndex, reasons_of, silence_is_enough
from schemas.catalogue import grant_column
from schemas.deal import Deal
from schemas.reasons import Reason

_COLUMNS: dict[Reason, tuple[str, ...]] = {
    Reason.ASSET_DUPLICATE_ID: ("asset_id",),
    Reason.ASSET_WITHDRAWN: ("status",),
    Reason.ASSET_LEGAL_HOLD: ("status",),
    Reason.ASSET_STATUS_UNKNOWN: ("status",),
    Reason.CLASS_EDITORIAL: ("licence_class",),
    Reason.CLASS_UNKNOWN: ("licence_model", "licence_class"),
    Reason.TERM_NOT_STARTED: ("valid_from",),
    Reason.TERM_ENDS_EARLY: ("valid_until",),
    Reason.TERRITORY_NOT_COVERED: ("territories_in", "territories_out"),
    Reason.TERRITORY_UNKNOWN_CODE: ("territories_in", "territories_out"),
    Reason.LICENCE_EXCLUSIVE: (
        "exclusive",
        "exclusive_purposes",
        "exclusive_from",
        "exclusive_until",
    ),
    Reason.LICENCE_NON_COMMERCIAL: ("licence_code",),
    Reason.LICENCE_NO_DERIVATIVES: ("licence_code",),
    Reason.LICENCE_SHARE_ALIKE: ("licence_code",),
    Reason.LICENCE_UNKNOWN_CODE: ("licence_code",),
    Reason.CONTRIBUTOR_UNKNOWN: ("contributors",),
    Reason.SPLITS_NOT_WHOLE: ("contributors",),
    Reason.PEOPLE_UNKNOWN_COUNT: ("people_count",),
    Reason.PEOPLE_REFUSED: ("people_count",),
    Reason.MINORS_REFUSED: ("minors",),
    Reason.MINORS_UNKNOWN: ("minors",),
    Reason.PROPERTY_UNKNOWN: ("property",),
    Reason.RELEASE_MODEL_MISSING: ("people_count", "release_ids"),
    Reason.RELEASE_PROPERTY_MISSING: ("property", "release_ids"),
    Reason.RELEASE_GUARDIAN_MISSING: ("minors", "release_ids"),
    Reason.RELEASE_SHOOT_RANGE: ("created_at", "release_ids"),
    Reason.SOURCE_UNSTATED: ("digital_source_type",),
    Reason.SOURCE_AI_GENERATED: ("digital_source_type",),
    Reason.SOURCE_UNKNOWN_TYPE: ("digital_source_type",),
    Reason.SENSITIVE_REFUSED: ("sensitive",),
    Reason.SELECT_MEDIA_TYPE: ("media_type",),
    Reason.SELECT_KEYWORDS: ("keywords",),
}
_GRANTS = (Reason.GRANT_DENIED, Reason.GRANT_CONDITIONAL, Reason.GRANT_UNREADABLE)
# By state, and last a withdrawal.
_STATE_NAMES = pa.array(["none", "allow", "unknown", "conditional", "deny", "withdrawn"])
_WITHDRAWN = len(_STATE_NAMES) - 1
_CONSENTS = "consents"  # stands among a mask's columns for what people said
# Shown as it is; everything else goes through `one_line`.
_PLAIN = rf"^[ -~]{{0,{LONGEST}}}$"


def describe_refusals(assets: pa.Table, mask: Mask, index: RightsIndex, deal: Deal) -> pa.Array:
    """One line of detail for each asset of a batch that was refused, [rows].

    Args:
        assets: The refused rows alone.
        mask: Their masks.
        index: What they were screened with.
        deal: The deal.
    """
    kinds, kind_of = np.unique(mask, return_inverse=True)
    shown = [_columns_of(int(bits), deal) for bits in kinds]
    words = _Words(assets, index, deal)
    rows, parts = [np.zeros(0, np.int64)], [pa.array([], pa.string())]
    for number, names in enumerate(shown):
        own = np.flatnonzero(kind_of == number)
        pieces = [words.of(name).take(pa.array(own)) for name in names]
        rows.append(own)
        # No consents to name leave a null, which is skipped.
        parts.append(pc.binary_join_element_wise(*pieces, "; ", null_handling="skip"))
    return pa.concat_arrays(parts).take(pa.array(np.argsort(np.concatenate(rows))))


def _columns_of(bits: int, deal: Deal) -> list[str]:
    """The columns that a mask's reasons are about, each once, in the order of the reasons."""
    names: dict[str, None] = {}
    for reason in reasons_of(bits):
        columns = _COLUMNS.get(reason, ())
        if reason in _GRANTS:
            columns = tuple(grant_column(purpose) for purpose in deal.needed_purposes)
        if reason.startswith("release."):
            columns = columns or ("release_ids",)
        if reason.startswith("consent."):
            columns = (_CONSENTS,)
        names.update(dict.fromkeys(columns))
    return list(names)


class _Words:
    """A batch's columns in words, `name=value`, each made when it is first asked for."""

    def __init__(self, assets: pa.Table, index: RightsIndex, deal: Deal) -> None:
        self._assets, self._index, self._deal = assets, index, deal
        self._made: dict[str, pa.Array] = {}

    def of(self, name: str) -> pa.Array:
        """The words of a column, [rows]."""
        if name not in self._made:
            if name == _CONSENTS:
                self._made[name] = _consent_notes(self._assets, self._index, self._deal)
            else:
                words = _in_words(column(self._assets, name))
                self._made[name] = pc.binary_join_element_wise(name, words, "=")
        return self._made[name]


def _in_words(values: pa.Array) -> pa.Array:
    """Values as `one_line` puts them."""
    kind = values.type
    if pa.types.is_list(kind):
        return _lists_in_words(values)
    if pa.types.is_struct(kind):
        fields = [_in_words(values.field(i)) for i in range(kind.num_fields)]
        return pc.binary_join_element_wise(*fields, ":")
    if pa.types.is_boolean(kind):
        words = pc.if_else(values, "True", "False")
    elif pa.types.is_dictionary(kind):
        words = values.cast(pa.string())
    else:
        words = values if pa.types.is_string(kind) else values.cast(pa.string())
    return _tidied(pc.fill_null(words, "None"))


def _tidied(words: pa.Array) -> pa.Array:
    """Texts with those that are not short plain ASCII put into one line."""
    odd = pc.invert(pc.match_substring_regex(words, _PLAIN))
    if not pc.any(odd).as_py():
        return words
    lines = pa.array([one_line(text) for text in words.filter(odd).to_pylist()], pa.string())
    return pc.replace_with_mask(words, odd, lines)


def _lists_in_words(values: pa.Array) -> pa.Array:
    found = lists(values)
    items = _in_words(found.values)
    ends = np.cumsum(found.lengths)
    starts = ends - found.lengths
    kept = np.minimum(found.lengths, MOST_ITEMS)
    joined = pc.binary_join(_relisted(items, starts, kept), ", ")
    long = found.lengths > MOST_ITEMS
    if long.any():
        counts = pa.array(found.lengths).cast(pa.string())
        more = pc.binary_join_element_wise(joined, ", … ", counts, " in all", "")
        joined = pc.if_else(pa.array(long), more, joined)
    words = pc.binary_join_element_wise("[", joined, "]", "")
    return pc.if_else(pc.is_valid(values), words, "None")


def _relisted(items: pa.Array, starts: Ints, lengths: Ints) -> pa.Array:
    """Lists of some items each, from where they start."""
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    within = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    taken = items.take(pa.array(np.repeat(starts, lengths) + within))
    return pa.ListArray.from_arrays(pa.array(offsets.astype(np.int32)), taken)


def _consent_notes(assets: pa.Table, index: RightsIndex, deal: Deal) -> pa.Array:
    """For each row, which contributor's consent falls short for which purpose; null for none."""
    shares = lists(column(assets, "contributors"))
    who = shares.values.field("contributor_id")
    names = _in_words(who)
    places = index.consents.places(column(assets, "asset_id"), who, shares.rows)
    rows: list[npt.NDArray[np.int64]] = []
    notes: list[pa.Array] = []
    for purpose in deal.needed_purposes:
        said = index.consents.said_at(purpose, places)
        short = said.state != ALLOW
        if silence_is_enough(deal, purpose):
            short = short & (said.state != MISSING)
        held = np.flatnonzero(short)
        states = np.where(said.withdrawn, _WITHDRAWN, said.state)[held].astype(np.int64)
        words = _STATE_NAMES.take(pa.array(states))
        own = names.take(pa.array(held))
        notes.append(pc.binary_join_element_wise(f"consent {purpose} of ", own, ": ", words, ""))
        rows.append(shares.rows[held])
    row = np.concatenate(rows)
    order = np.argsort(row, kind="stable")
    lengths = np.bincount(row, minlength=len(assets))
    texts = pa.concat_arrays(notes).take(pa.array(order))
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    joined = pc.binary_join(pa.ListArray.from_arrays(pa.array(offsets), texts), "; ")
    return pc.if_else(pa.array(lengths > 0), joined, None)
