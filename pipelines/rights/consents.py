"""Consent as of an instant: dated events become one state per contributor, asset and purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import Bools, Ints, column, integers, lookup
from schemas.rights import ALL_PURPOSES, Purpose, Value

# States, the strictest last: at the same instant the larger one holds.
MISSING, ALLOW, UNKNOWN, CONDITIONAL, DENY = 0, 1, 2, 3, 4
_STATE = {Value.ALLOW: ALLOW, Value.CONDITIONAL: CONDITIONAL, Value.DENY: DENY}
_LONG_AGO = np.iinfo(np.int64).min
_NEVER = np.iinfo(np.int64).max

States = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Line:
    """What lines of time come to, one row per line (a contributor, or a contributor and an asset).

    Attributes:
        keys: The lines' names, sorted.
        state: The state that holds at `as_of`, [lines] int8.
        since: When that was said, µs since 1970, [lines].
        first_allow: When the line first said allow; the end of time if it never did, [lines].
        ref: Which agreement the consent that holds names, a position in `ConsentIndex.refs` or
            -1, [lines].
    """

    keys: pa.Array
    state: States
    since: Ints
    first_allow: Ints
    ref: Ints

    def at(self, positions: Ints) -> Said:
        """What the lines at these positions say; -1 gives a line that says nothing."""
        if len(self.state) == 0:
            shape = positions.shape
            return Said(
                np.zeros(shape, np.int8),
                np.full(shape, _LONG_AGO, np.int64),
                np.full(shape, _NEVER, np.int64),
                np.full(shape, -1, np.int64),
            )
        found = positions >= 0
        return Said(
            np.where(found, self.state[positions], MISSING).astype(np.int8),
            np.where(found, self.since[positions], _LONG_AGO),
            np.where(found, self.first_allow[positions], _NEVER),
            np.where(found, self.ref[positions], -1),
        )


@dataclass(frozen=True)
class Said:
    """What lines say, one item per line asked for; attributes as in `Line`."""

    state: States
    since: Ints
    first_allow: Ints
    ref: Ints

    @property
    def withdrawn(self) -> Bools:
        """Where a denial follows an earlier allow."""
        return np.asarray((self.state == DENY) & (self.first_allow < self.since))


def _fold(keys: pa.Array, times: Ints, states: States, refs: Ints) -> Line:
    """Folds events into lines: the latest holds, and at the same instant the strictest.

    Of several yeses at one instant one that names an agreement holds.
    """
    names = pc.unique(keys).sort() if len(keys) else pa.array([], pa.string())
    line = lookup(keys, names)
    order = np.lexsort((refs, states, times, line))
    line, times, states = line[order], times[order], states[order]
    last = np.append(line[1:] != line[:-1], True) if len(line) else np.zeros(0, np.bool_)
    first_allow = np.full(len(names), _NEVER, np.int64)
    np.minimum.at(first_allow, line[states == ALLOW], times[states == ALLOW])
    return Line(names, states[last], times[last], first_allow, refs[order][last])


@dataclass(frozen=True)
class ConsentIndex:
    """Consents at one instant, ready to be joined: per purpose, general and narrowed lines.

    Attributes:
        general: Lines of contributors.
        narrowed: Lines of contributors and one asset each.
        refs: The agreements that consents name, each once, in order.
    """

    general: dict[Purpose, Line]
    narrowed: dict[Purpose, Line]
    refs: pa.Array

    def said(self, purpose: Purpose, asset_ids: pa.Array, contributor_ids: pa.Array) -> Said:
        """The consent of each (asset, contributor) pair to a purpose, [pairs]."""
        general, narrowed = self.general[purpose], self.narrowed[purpose]
        wide = general.at(lookup(contributor_ids, general.keys))
        if len(narrowed.keys) == 0:
            return wide
        thin = narrowed.at(lookup(pair_keys(contributor_ids, asset_ids), narrowed.keys))
        # The stricter, if it is not the older: a general yes does not lift a particular no, nor
        # does a general silence; a later general no lifts a particular yes.
        overruled = (wide.state > thin.state) & (wide.since >= thin.since)
        particular = (thin.state != MISSING) & ~overruled
        return Said(
            np.where(particular, thin.state, wide.state).astype(np.int8),
            np.where(particular, thin.since, wide.since),
            np.minimum(wide.first_allow, thin.first_allow),
            np.where(particular, thin.ref, wide.ref),
        )


def pair_keys(contributor_ids: pa.Array, asset_ids: pa.Array) -> pa.Array:
    """One text per pair; the length in front keeps `a` + `bc` apart from `ab` + `c`."""
    lengths = pc.utf8_length(contributor_ids).cast(pa.string())
    return pc.binary_join_element_wise(lengths, contributor_ids, asset_ids, ":")


def index_consents(
    consents: pa.Table, purposes: tuple[Purpose, ...], as_of_us: int
) -> ConsentIndex:
    """Folds consent events (schemas.catalogue.CONSENTS_SCHEMA) up to `as_of_us` (µs since 1970)."""
    given_at = integers(column(consents, "given_at"), _NEVER)
    events = consents.filter(pa.array(given_at <= as_of_us))
    times = integers(column(events, "given_at"), _NEVER)
    value, purpose = column(events, "value"), column(events, "purpose")
    states = np.full(len(value), UNKNOWN, np.int8)
    for text, state in _STATE.items():
        states[np.asarray(pc.fill_null(pc.equal(value, text.value), False))] = state
    named = pc.utf8_trim_whitespace(column(events, "agreement_ref"))
    refs = pc.unique(named).drop_null().sort()
    ref = lookup(named, refs)
    if len(refs) and refs[0].as_py() == "":  # an empty reference names no agreement
        ref = np.where(ref == 0, -1, ref)
    asset, who = column(events, "asset_id"), column(events, "contributor_id")
    is_narrow = np.asarray(pc.is_valid(asset))
    general: dict[Purpose, Line] = {}
    narrowed: dict[Purpose, Line] = {}
    for needed in purposes:
        speaks = np.asarray(
            pc.is_in(purpose, value_set=pa.array([needed.value, ALL_PURPOSES], pa.string()))
        )
        wide, thin = speaks & ~is_narrow, speaks & is_narrow
        general[needed] = _fold(who.filter(pa.array(wide)), times[wide], states[wide], ref[wide])
        keys = pair_keys(who.filter(pa.array(thin)), asset.filter(pa.array(thin)))
        narrowed[needed] = _fold(keys, times[thin], states[thin], ref[thin])
    return ConsentIndex(general, narrowed, refs)
