"""Consent as of an instant: dated events become one state per contributor, asset and purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import Bools, Ints, column, equals, integers, lookup, one_of, present
from pipelines.rights.lookup import PairIndex, StringIndex
from schemas.rights import ALL_PURPOSES, Purpose, Value

# States, the strictest last: at the same instant the larger one holds.
MISSING, ALLOW, UNKNOWN, CONDITIONAL, DENY = 0, 1, 2, 3, 4
_STATE = {Value.ALLOW: ALLOW, Value.CONDITIONAL: CONDITIONAL, Value.DENY: DENY}
_LONG_AGO = np.iinfo(np.int64).min
_NEVER = np.iinfo(np.int64).max

States = npt.NDArray[np.int8]


@dataclass(frozen=True)
class Said:
    """What lines of time come to (a line is a contributor's, or a contributor's about one asset).

    Attributes:
        state: The state that holds at `as_of`, [lines] int8.
        since: When that was said, µs since 1970, [lines].
        first_allow: When the line first said allow; the end of time if it never did, [lines].
    """

    state: States
    since: Ints
    first_allow: Ints

    @property
    def withdrawn(self) -> Bools:
        """Where a denial follows an earlier allow."""
        return np.asarray((self.state == DENY) & (self.first_allow < self.since))

    def at(self, lines: Ints) -> Said:
        """What some lines say. The last of all lines says nothing; -1 is that one."""
        return Said(self.state[lines], self.since[lines], self.first_allow[lines])


@dataclass(frozen=True)
class Signed:
    """What is signed on lines of time.

    Attributes:
        signed_at: When the latest yes that names an agreement was given, [lines].
        ref: Which agreement that is, a position in `ConsentIndex.refs`, or -1, [lines].
        last_no: When anything but a yes was last said, [lines].
    """

    signed_at: Ints
    ref: Ints
    last_no: Ints

    def at(self, lines: Ints) -> Signed:
        """What is signed on some lines; -1 is the last of all, which says nothing."""
        return Signed(self.signed_at[lines], self.ref[lines], self.last_no[lines])


@dataclass(frozen=True)
class Places:
    """Where the consents of contributors to assets are found, one item per contributor and asset.

    Attributes:
        person: Position in `ConsentIndex.people`, or -1.
        pair: Position in `ConsentIndex.pairs`, or -1: nothing was said about this asset by itself.
    """

    person: Ints
    pair: Ints

    def some(self, items: Ints) -> Places:
        """The places of some items."""
        return Places(self.person[items], self.pair[items])


@dataclass(frozen=True)
class ConsentIndex:
    """Consents at one instant, ready to be joined: per purpose, general and narrowed lines.

    Attributes:
        people: Contributors: those of the contributors table, then others who said something.
        listed: How many of them the contributors table has.
        assets: Assets that some consent is narrowed to.
        pairs: Positions in `people` and in `assets` that belong to a narrowed consent.
        general: Lines of `people`, and one that says nothing.
        narrowed: Lines of `pairs`, and one that says nothing.
        signed: What is signed on the lines of `people` and of `pairs`.
        refs: The agreements that consents name, each once, in order.
    """

    people: StringIndex
    listed: int
    assets: StringIndex
    pairs: PairIndex
    general: dict[Purpose, Said]
    narrowed: dict[Purpose, Said]
    signed: dict[Purpose, tuple[Signed, Signed]]
    refs: pa.Array

    def places(
        self, asset_ids: pa.Array, contributor_ids: pa.Array, rows: Ints | None = None
    ) -> Places:
        """Looks contributors and assets up.

        Args:
            asset_ids: Assets.
            contributor_ids: Contributors, [items].
            rows: For each contributor the position of the asset; if absent, there is one asset for
                each.
        """
        person = self.people.positions(contributor_ids)
        asset = self.assets.positions(asset_ids)  # mostly -1, so that few pairs are looked for
        return Places(person, self.pairs.positions(person, asset if rows is None else asset[rows]))

    def said(self, purpose: Purpose, asset_ids: pa.Array, contributor_ids: pa.Array) -> Said:
        """The consent of each (asset, contributor) pair to a purpose, [pairs]."""
        return self.said_at(purpose, self.places(asset_ids, contributor_ids))

    def said_at(self, purpose: Purpose, places: Places) -> Said:
        """The consent to a purpose at places, [items]."""
        wide = self.general[purpose].at(places.person)
        thin = self.narrowed[purpose].at(places.pair)
        # The stricter, if it is not the older: a general yes does not lift a particular no, nor
        # does a general silence; a later general no lifts a particular yes.
        overruled = (wide.state > thin.state) & (wide.since >= thin.since)
        particular = (thin.state != MISSING) & ~overruled
        return Said(
            np.where(particular, thin.state, wide.state).astype(np.int8),
            np.where(particular, thin.since, wide.since),
            np.minimum(wide.first_allow, thin.first_allow),
        )

    def agreement_of(self, purpose: Purpose, places: Places) -> Ints:
        """The agreement behind each consent to a purpose, a position in `refs` or -1, [items].

        It is that of the latest yes that names one, if nothing but a yes was said since, of this
        asset or in general: a yes without a name neither ends an agreement nor makes one.
        """
        wide, thin = self.signed[purpose]
        wide, thin = wide.at(places.person), thin.at(places.pair)
        last_no = np.maximum(wide.last_no, thin.last_no)
        ref = np.where(wide.signed_at > last_no, wide.ref, -1)
        ref = np.where(thin.signed_at > last_no, thin.ref, ref)
        return np.where(self.said_at(purpose, places).state == ALLOW, ref, -1)


@dataclass(frozen=True)
class _Events:
    """Consent events in order: by line, then time; at one instant the one that holds comes last."""

    lines: Ints
    times: Ints
    states: States
    refs: Ints
    purposes: pa.Array

    def fold(self, purpose: Purpose, lines: int) -> Said:
        """Folds events into lines: the latest holds, and at the same instant the strictest."""
        speaks = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        line, times, states = self.lines[speaks], self.times[speaks], self.states[speaks]
        said = Said(
            np.full(lines + 1, MISSING, np.int8),
            np.full(lines + 1, _LONG_AGO, np.int64),
            np.full(lines + 1, _NEVER, np.int64),
        )
        ends = np.flatnonzero(np.diff(line, append=-1))
        said.state[line[ends]] = states[ends]
        said.since[line[ends]] = times[ends]
        yes = states == ALLOW
        starts = np.flatnonzero(np.diff(line[yes], prepend=-1))
        said.first_allow[line[yes][starts]] = times[yes][starts]
        return said

    def signed(self, purpose: Purpose, lines: int) -> Signed:
        """What is signed on each line, and the last time when something but a yes was said."""
        speaks = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        signed = Signed(
            np.full(lines + 1, _LONG_AGO, np.int64),
            np.full(lines + 1, -1, np.int64),
            np.full(lines + 1, _LONG_AGO, np.int64),
        )
        no = speaks & (self.states != ALLOW)
        np.maximum.at(signed.last_no, self.lines[no], self.times[no])
        named = speaks & (self.states == ALLOW) & (self.refs >= 0)
        line = self.lines[named]
        ends = np.flatnonzero(np.diff(line, append=-1))  # in order, so the last is the latest
        signed.signed_at[line[ends]] = self.times[named][ends]
        signed.ref[line[ends]] = self.refs[named][ends]
        return signed


def _in_order(lines: Ints, table: pa.Table, refs: Ints) -> _Events:
    """Events in the order in which they are folded; agreements at one instant by their order."""
    value = column(table, "value")
    states = np.full(len(lines), UNKNOWN, np.int8)
    for text, state in _STATE.items():
        states[equals(value, text.value)] = state
    times = integers(column(table, "given_at"), _NEVER)
    order = np.lexsort((refs, states, times, lines))
    purposes = column(table, "purpose").take(pa.array(order))
    return _Events(lines[order], times[order], states[order], refs[order], purposes)


def index_consents(
    consents: pa.Table, contributor_ids: pa.Array, purposes: tuple[Purpose, ...], as_of_us: int
) -> ConsentIndex:
    """Folds consent events up to an instant.

    Args:
        consents: schemas.catalogue.CONSENTS_SCHEMA.
        contributor_ids: Everybody in the contributors table.
        purposes: The purposes that will be asked for.
        as_of_us: The instant, in µs since 1970.
    """
    counts = integers(column(consents, "given_at"), _NEVER) <= as_of_us
    counts &= present(column(consents, "contributor_id"))
    asked = [*(purpose.value for purpose in purposes), ALL_PURPOSES]
    counts &= one_of(column(consents, "purpose"), asked)
    events = consents.filter(pa.array(counts))
    refs, ref = _references(column(events, "agreement_ref"))
    asset, who = column(events, "asset_id"), column(events, "contributor_id")
    listed = pc.unique(contributor_ids).drop_null()
    everybody = pc.unique(pa.concat_arrays([listed, who])).drop_null()
    people = StringIndex(everybody)
    person = people.positions(who)
    thin = present(asset)
    narrow = asset.filter(pa.array(thin))
    assets = StringIndex(pc.unique(narrow))
    pairs = PairIndex(person[thin], assets.positions(narrow))
    wide_events = _in_order(person[~thin], events.filter(pa.array(~thin)), ref[~thin])
    thin_events = _in_order(pairs.lines, events.filter(pa.array(thin)), ref[thin])
    return ConsentIndex(
        people,
        len(listed),
        assets,
        pairs,
        {purpose: wide_events.fold(purpose, len(people)) for purpose in purposes},
        {purpose: thin_events.fold(purpose, len(pairs)) for purpose in purposes},
        {
            purpose: (
                wide_events.signed(purpose, len(people)),
                thin_events.signed(purpose, len(pairs)),
            )
            for purpose in purposes
        },
        refs,
    )


def _references(named: pa.Array) -> tuple[pa.Array, Ints]:
    """The agreements that events name, each once, in order; and for each event which, or -1."""
    named = pc.utf8_trim_whitespace(named)
    refs = pc.unique(named).drop_null().sort()
    ref = lookup(named, refs)
    if len(refs) and refs[0].as_py() == "":  # an empty reference names no agreement
        ref = np.where(ref == 0, -1, ref)
    return refs, ref
