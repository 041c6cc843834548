"""Folds consent events up to an instant into one state per contributor, asset and purpose."""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.consent_basis import (
    SILENCE,
    ConsentBases,
    consent_bases,
    without_bases,
)
from pipelines.catalogue.precision import earliest_instants
from pipelines.rights.agreements import ListedAgreements
from pipelines.rights.arrow import (
    BoolArray,
    IntArray,
    as_bools,
    as_integers,
    column,
    equals,
    is_present,
    one_of,
    positions_in,
)
from pipelines.rights.consent_timelines import DEFAULT_TIME, MAX_TIME, MIN_TIME, ConsentEvents
from pipelines.rights.consents import (
    ALLOW,
    CONDITIONAL,
    DENY,
    UNKNOWN,
    ConsentIndex,
    ConsentLines,
    StateArray,
)
from pipelines.rights.lookup import PairIndex, StringIndex
from pipelines.rights.release_traits import DAY_US
from pipelines.storage.columns import Column
from schemas.catalogue import BY_DEFAULT, EXACT, GIVEN_PRECISION, NO_TIME, NO_ZONE
from schemas.rights import ALL_PURPOSES, Permission, Purpose

_STATE_BY_VALUE = {
    Permission.ALLOW: ALLOW,
    Permission.CONDITIONAL: CONDITIONAL,
    Permission.DENY: DENY,
}
_WEST_US = 12 * 3_600_000_000  # the zone in which a day ends last
_MAX_KEY_BITS = 63


def _precision(table: pa.Table) -> IntArray | None:
    """How exactly each event's time was given; None where all are exact."""
    if GIVEN_PRECISION not in table.schema.names:
        return None
    precision = as_integers(column(table, GIVEN_PRECISION), EXACT)
    return precision if precision.any() else None


def _earliest(times: IntArray, precision: IntArray) -> IntArray:
    """The earliest instant at which each event can have been given, wherever that was."""
    return np.where(times == MAX_TIME, times, earliest_instants(times, precision))


def _times_in_order(table: pa.Table, is_allow: BoolArray) -> IntArray:
    """When events count, one after another: a yes as early, and a no as late as it can have been.

    So a no that is dated by a day, or without a zone, wins over a yes of that day.
    """
    times, precision = as_integers(column(table, "given_at"), MAX_TIME), _precision(table)
    if precision is None:
        return times
    late = np.select(
        [precision == NO_TIME, precision == NO_ZONE], [DAY_US + _WEST_US - 1, _WEST_US], 0
    )
    latest = np.where(times == MAX_TIME, times, times + late)
    return np.where(is_allow, _earliest(times, precision), latest)


def _known_at(consents: pa.Table, bases: ConsentBases, as_of_us: int) -> BoolArray:
    """Where an event counts at an instant: a no as soon as it can have been given."""
    times, precision = as_integers(column(consents, "given_at"), MAX_TIME), _precision(consents)
    silent = bases.codes == SILENCE
    if precision is not None or silent.any():
        is_allow = equals(column(consents, "value"), Permission.ALLOW.value)
        times = np.where(is_allow, _counts_from(times, silent, bases), times)
        if precision is not None:
            times = np.where(is_allow, times, _earliest(times, precision))
    return np.asarray(times <= as_of_us)


def _counts_from(times: IntArray, silent: BoolArray, bases: ConsentBases) -> IntArray:
    """When each yes counts: one by silence not before its window is over."""
    return np.where(silent, np.maximum(times, bases.window_ends), times)


def _order(timelines: IntArray, times: IntArray, states: StateArray, refs: IntArray) -> IntArray:
    """Returns the order of events by line, then time, state and agreement, as an index array.

    All four are packed into one number per event if they fit, because one sort of numbers is faster
    than four. Events that are equal in all of them keep their order.
    """
    by_time = np.argsort(times)
    is_later = np.diff(times[by_time], prepend=times[by_time][:1]) != 0
    rank = np.empty(len(times), np.int64)
    rank[by_time] = np.cumsum(is_later)
    columns = (timelines, rank, states.astype(np.int64), refs + 1)  # no agreement is -1
    widths = [int(column.max(initial=0)).bit_length() for column in columns]
    if sum(widths) > _MAX_KEY_BITS:
        return np.lexsort((refs, states, times, timelines))
    keys = np.zeros(len(times), np.int64)
    for values, width in zip(columns, widths, strict=True):
        keys = keys << width | values
    return np.argsort(keys, kind="stable")


def _sort_events(
    chosen: BoolArray,
    timelines: IntArray,
    events: pa.Table,
    bases: ConsentBases,
    refs: IntArray,
    signatures: IntArray,
) -> ConsentEvents:
    """Returns some events in the order in which they are folded.

    Args:
        chosen: Which of the events, [n].
        timelines: The line of each chosen event.
        events: All events, of n rows.
        bases: What they rest on.
        refs: Which agreement each event names, or -1, [n].
        signatures: Where that is listed for its contributor, or -1, [n].
    """
    table, refs, signatures = events.filter(pa.array(chosen)), refs[chosen], signatures[chosen]
    value = column(table, "value")
    states = np.full(len(timelines), UNKNOWN, np.int8)
    for text, state in _STATE_BY_VALUE.items():
        states[equals(value, text.value)] = state
    bases = bases.filter(chosen)
    times = _times_in_order(table, states == ALLOW)
    silent = (bases.codes == SILENCE) & (states == ALLOW)
    counts_from = _counts_from(times, silent, bases)
    if BY_DEFAULT in table.schema.names:
        times = np.where(as_bools(column(table, BY_DEFAULT)), DEFAULT_TIME, times)
    times = np.where(silent, MIN_TIME, times)
    order = _order(timelines, times, states, refs)
    purposes = column(table, "purpose").take(order)
    return ConsentEvents(
        timelines[order],
        times[order],
        counts_from[order],
        states[order],
        bases.codes[order],
        refs[order],
        signatures[order],
        purposes,
    )


def _events_that_count(
    consents: pa.Table, purposes: tuple[Purpose, ...], as_of_us: int
) -> tuple[pa.Table, ConsentBases]:
    """Returns the events of a contributor, about one of the purposes, up to an instant."""
    bases, consents = consent_bases(consents), without_bases(consents)
    counted = _known_at(consents, bases, as_of_us)
    counted &= is_present(column(consents, "contributor_id"))
    wanted_purposes = [*(purpose.value for purpose in purposes), ALL_PURPOSES]
    counted &= one_of(column(consents, "purpose"), wanted_purposes)
    return consents.filter(pa.array(counted)), bases.filter(counted)


def index_consents(
    consents: pa.Table,
    contributor_ids: Column,
    listed: ListedAgreements,
    purposes: tuple[Purpose, ...],
    as_of_us: int,
    explicit_only: bool = False,
) -> ConsentIndex:
    """Folds consent events up to an instant.

    Args:
        consents: schemas.catalogue.CONSENTS_SCHEMA.
        contributor_ids: Everybody in the contributors table.
        listed: The agreements that consents may name.
        purposes: The purposes that will be asked for.
        as_of_us: The instant, in µs since 1970.
        explicit_only: Whether a yes counts only if it is explicit.
    """
    events, bases = _events_that_count(consents, purposes, as_of_us)
    named_refs = pc.utf8_trim_whitespace(column(events, "agreement_ref"))
    refs = pc.unique(named_refs).drop_null().sort()
    ref = positions_in(named_refs, refs)
    asset, event_contributors = column(events, "asset_id"), column(events, "contributor_id")
    signature = listed.find(named_refs, event_contributors)
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
    sort = partial(_sort_events, events=events, bases=bases, refs=ref, signatures=signature)
    sides = (sort(~narrowed, contributor[~narrowed]), sort(narrowed, pairs.timelines))
    sizes = (len(people), len(pairs))
    lines = _fold(sides, sizes, purposes)
    any_basis = None
    if explicit_only:
        any_basis = lines
        sides = (sides[0].without_implied(), sides[1].without_implied())
        lines = _with_first_allows(_fold(sides, sizes, purposes), any_basis)
    return ConsentIndex(
        people,
        len(listed_contributors),
        assets,
        pairs,
        lines,
        any_basis,
        {
            purpose: (
                sides[0].signed_agreements(purpose, sizes[0], listed),
                sides[1].signed_agreements(purpose, sizes[1], listed),
            )
            for purpose in purposes
        },
        refs,
    )


def _fold(
    sides: tuple[ConsentEvents, ConsentEvents],
    sizes: tuple[int, int],
    purposes: tuple[Purpose, ...],
) -> ConsentLines:
    general, narrowed = (
        {purpose: events.latest_states(purpose, size) for purpose in purposes}
        for events, size in zip(sides, sizes, strict=True)
    )
    return ConsentLines(general, narrowed)


def _with_first_allows(explicit: ConsentLines, any_basis: ConsentLines) -> ConsentLines:
    """Explicit consents, of which a denial withdraws a yes whatever that rested on."""
    general, narrowed = (
        {
            purpose: replace(states, first_allow=theirs[purpose].first_allow)
            for purpose, states in ours.items()
        }
        for ours, theirs in (
            (explicit.general, any_basis.general),
            (explicit.narrowed, any_basis.narrowed),
        )
    )
    return ConsentLines(general, narrowed)
