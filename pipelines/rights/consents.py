"""Consent as of an instant: dated events become one state per contributor, asset and purpose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    as_integers,
    column,
    equals,
    is_present,
    one_of,
    positions_in,
)
from pipelines.rights.lookup import PairIndex, StringIndex
from pipelines.storage.columns import Column
from schemas.rights import ALL_PURPOSES, Permission, Purpose

# States, the strictest last: at the same instant the larger one holds.
MISSING, ALLOW, UNKNOWN, CONDITIONAL, DENY = 0, 1, 2, 3, 4
_STATE_BY_VALUE = {
    Permission.ALLOW: ALLOW,
    Permission.CONDITIONAL: CONDITIONAL,
    Permission.DENY: DENY,
}
_MIN_TIME = np.iinfo(np.int64).min
_MAX_TIME = np.iinfo(np.int64).max

StateArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ConsentStates:
    """What lines of time come to (a line is a contributor's, or a contributor's about one asset).

    Attributes:
        state: The state that holds at `as_of`, [lines] int8.
        since: When that was said, µs since 1970, [lines].
        first_allow: When the line first said allow; the end of time if it never did, [lines].
    """

    state: StateArray
    since: IntArray
    first_allow: IntArray

    @property
    def withdrawn(self) -> BoolArray:
        """Where a denial follows an earlier allow."""
        return np.asarray((self.state == DENY) & (self.first_allow < self.since))

    def at(self, timelines: IntArray) -> ConsentStates:
        """What some lines say. The last of all lines says nothing; -1 is that one."""
        return ConsentStates(
            self.state[timelines], self.since[timelines], self.first_allow[timelines]
        )


@dataclass(frozen=True)
class SignedAgreements:
    """What is signed on lines of time.

    Attributes:
        signed_at: When the latest yes that names an agreement was given, [lines].
        ref: Which agreement that is, a position in `ConsentIndex.refs`, or -1, [lines].
        last_non_allow: When anything but a yes was last said, [lines].
    """

    signed_at: IntArray
    ref: IntArray
    last_non_allow: IntArray

    def at(self, timelines: IntArray) -> SignedAgreements:
        """What is signed on some lines; -1 is the last of all, which says nothing."""
        return SignedAgreements(
            self.signed_at[timelines], self.ref[timelines], self.last_non_allow[timelines]
        )


@dataclass(frozen=True)
class ConsentPositions:
    """Where the consents of contributors to assets are found, one item per contributor and asset.

    Attributes:
        contributor: Position in `ConsentIndex.people`, or -1.
        pair: Position in `ConsentIndex.pairs`, or -1: nothing was said about this asset by itself.
    """

    contributor: IntArray
    pair: IntArray

    def take(self, items: IntArray) -> ConsentPositions:
        """The places of some items."""
        return ConsentPositions(self.contributor[items], self.pair[items])


@dataclass(frozen=True)
class ConsentIndex:
    """Consents at one instant, ready to be joined: per purpose, general and narrowed lines.

    Attributes:
        people: Contributors: those of the contributors table, then others who said something.
        listed_count: How many of them the contributors table has.
        assets: Assets that some consent is narrowed to.
        pairs: Positions in `people` and in `assets` that belong to a narrowed consent.
        general: Lines of `people`, and one that says nothing.
        narrowed: Lines of `pairs`, and one that says nothing.
        signed_agreements: What is signed on the lines of `people` and of `pairs`.
        refs: The agreements that consents name, each once, in order.
    """

    people: StringIndex
    listed_count: int
    assets: StringIndex
    pairs: PairIndex
    general: dict[Purpose, ConsentStates]
    narrowed: dict[Purpose, ConsentStates]
    signed_agreements: dict[Purpose, tuple[SignedAgreements, SignedAgreements]]
    refs: Column

    def locate(
        self, asset_ids: Column, contributor_ids: Column, rows: IntArray | None = None
    ) -> ConsentPositions:
        """Looks contributors and assets up.

        Args:
            asset_ids: Assets.
            contributor_ids: Contributors, [items].
            rows: For each contributor the position of the asset; if absent, there is one asset for
                each.
        """
        contributor = self.people.positions(contributor_ids)
        asset = self.assets.positions(asset_ids)  # mostly -1, so that few pairs are looked for
        return ConsentPositions(
            contributor, self.pairs.positions(contributor, asset if rows is None else asset[rows])
        )

    def states(self, purpose: Purpose, asset_ids: Column, contributor_ids: Column) -> ConsentStates:
        """The consent of each (asset, contributor) pair to a purpose, [pairs]."""
        return self.states_at(purpose, self.locate(asset_ids, contributor_ids))

    def states_at(self, purpose: Purpose, positions: ConsentPositions) -> ConsentStates:
        """The consent to a purpose at places, [items]."""
        general = self.general[purpose].at(positions.contributor)
        narrowed = self.narrowed[purpose].at(positions.pair)
        # The stricter, if it is not the older: a general yes does not lift a particular no, nor
        # does a general silence; a later general no lifts a particular yes.
        overridden = (general.state > narrowed.state) & (general.since >= narrowed.since)
        use_narrowed = (narrowed.state != MISSING) & ~overridden
        return ConsentStates(
            np.where(use_narrowed, narrowed.state, general.state).astype(np.int8),
            np.where(use_narrowed, narrowed.since, general.since),
            np.minimum(general.first_allow, narrowed.first_allow),
        )

    def agreement_of(self, purpose: Purpose, positions: ConsentPositions) -> IntArray:
        """The agreement behind each consent to a purpose, a position in `refs` or -1, [items].

        It is that of the latest yes that names one, if nothing but a yes was said since, of this
        asset or in general: a yes without a name neither ends an agreement nor makes one.
        """
        general, narrowed = self.signed_agreements[purpose]
        general, narrowed = general.at(positions.contributor), narrowed.at(positions.pair)
        last_non_allow = np.maximum(general.last_non_allow, narrowed.last_non_allow)
        ref = np.where(general.signed_at > last_non_allow, general.ref, -1)
        ref = np.where(narrowed.signed_at > last_non_allow, narrowed.ref, ref)
        return np.where(self.states_at(purpose, positions).state == ALLOW, ref, -1)


@dataclass(frozen=True)
class _ConsentEvents:
    """Consent events in order: by line, then time; at one instant the one that holds comes last."""

    timelines: IntArray
    times: IntArray
    states: StateArray
    refs: IntArray
    purposes: Column

    def latest_states(self, purpose: Purpose, timelines: int) -> ConsentStates:
        """Folds events into lines: the latest holds, and at the same instant the strictest."""
        applies = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        timeline, times, states = self.timelines[applies], self.times[applies], self.states[applies]
        result = ConsentStates(
            np.full(timelines + 1, MISSING, np.int8),
            np.full(timelines + 1, _MIN_TIME, np.int64),
            np.full(timelines + 1, _MAX_TIME, np.int64),
        )
        ends = np.flatnonzero(np.diff(timeline, append=-1))
        result.state[timeline[ends]] = states[ends]
        result.since[timeline[ends]] = times[ends]
        allows = states == ALLOW
        starts = np.flatnonzero(np.diff(timeline[allows], prepend=-1))
        result.first_allow[timeline[allows][starts]] = times[allows][starts]
        return result

    def signed_agreements(self, purpose: Purpose, timelines: int) -> SignedAgreements:
        """What is signed on each line, and the last time when something but a yes was said."""
        applies = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        signed = SignedAgreements(
            np.full(timelines + 1, _MIN_TIME, np.int64),
            np.full(timelines + 1, -1, np.int64),
            np.full(timelines + 1, _MIN_TIME, np.int64),
        )
        non_allows = applies & (self.states != ALLOW)
        np.maximum.at(signed.last_non_allow, self.timelines[non_allows], self.times[non_allows])
        names_agreement = applies & (self.states == ALLOW) & (self.refs >= 0)
        timeline = self.timelines[names_agreement]
        ends = np.flatnonzero(np.diff(timeline, append=-1))  # in order, so the last is the latest
        signed.signed_at[timeline[ends]] = self.times[names_agreement][ends]
        signed.ref[timeline[ends]] = self.refs[names_agreement][ends]
        return signed


def _sort_events(timelines: IntArray, table: pa.Table, refs: IntArray) -> _ConsentEvents:
    """Events in the order in which they are folded; agreements at one instant by their order."""
    value = column(table, "value")
    states = np.full(len(timelines), UNKNOWN, np.int8)
    for text, state in _STATE_BY_VALUE.items():
        states[equals(value, text.value)] = state
    times = as_integers(column(table, "given_at"), _MAX_TIME)
    order = np.lexsort((refs, states, times, timelines))
    purposes = column(table, "purpose").take(order)
    return _ConsentEvents(timelines[order], times[order], states[order], refs[order], purposes)


def index_consents(
    consents: pa.Table, contributor_ids: Column, purposes: tuple[Purpose, ...], as_of_us: int
) -> ConsentIndex:
    """Folds consent events up to an instant.

    Args:
        consents: schemas.catalogue.CONSENTS_SCHEMA.
        contributor_ids: Everybody in the contributors table.
        purposes: The purposes that will be asked for.
        as_of_us: The instant, in µs since 1970.
    """
    counted = as_integers(column(consents, "given_at"), _MAX_TIME) <= as_of_us
    counted &= is_present(column(consents, "contributor_id"))
    wanted_purposes = [*(purpose.value for purpose in purposes), ALL_PURPOSES]
    counted &= one_of(column(consents, "purpose"), wanted_purposes)
    events = consents.filter(pa.array(counted))
    refs, ref = _index_agreement_refs(column(events, "agreement_ref"))
    asset, event_contributors = column(events, "asset_id"), column(events, "contributor_id")
    listed_contributors = pc.unique(contributor_ids).drop_null()
    all_contributors = pc.unique(
        pa.concat_arrays([listed_contributors, event_contributors])
    ).drop_null()
    people = StringIndex(all_contributors)
    contributor = people.positions(event_contributors)
    narrowed = is_present(asset)
    narrowed_assets = asset.filter(pa.array(narrowed))
    assets = StringIndex(pc.unique(narrowed_assets))
    pairs = PairIndex(contributor[narrowed], assets.positions(narrowed_assets))
    general_events = _sort_events(
        contributor[~narrowed], events.filter(pa.array(~narrowed)), ref[~narrowed]
    )
    narrowed_events = _sort_events(
        pairs.timelines, events.filter(pa.array(narrowed)), ref[narrowed]
    )
    return ConsentIndex(
        people,
        len(listed_contributors),
        assets,
        pairs,
        {purpose: general_events.latest_states(purpose, len(people)) for purpose in purposes},
        {purpose: narrowed_events.latest_states(purpose, len(pairs)) for purpose in purposes},
        {
            purpose: (
                general_events.signed_agreements(purpose, len(people)),
                narrowed_events.signed_agreements(purpose, len(pairs)),
            )
            for purpose in purposes
        },
        refs,
    )


def _index_agreement_refs(names_agreement: Column) -> tuple[Column, IntArray]:
    """The agreements that events name, each once, in order; and for each event which, or -1."""
    names_agreement = pc.utf8_trim_whitespace(names_agreement)
    refs = pc.unique(names_agreement).drop_null().sort()
    ref = positions_in(names_agreement, refs)
    if len(refs) and refs[0].as_py() == "":  # an empty reference names no agreement
        ref = np.where(ref == 0, -1, ref)
    return refs, ref
