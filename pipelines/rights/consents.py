"""Consent as of an instant: what holds for a contributor, an asset and a purpose.

`consent_events.index_consents` builds the index from dated events.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipelines.rights.arrow import BoolArray, IntArray
from pipelines.rights.lookup import PairIndex, StringIndex
from pipelines.storage.columns import Column
from schemas.rights import Purpose

# States, the strictest last: of events at the same instant, the larger state applies.
MISSING, ALLOW, UNKNOWN, CONDITIONAL, DENY = 0, 1, 2, 3, 4

StateArray = npt.NDArray[np.int8]


@dataclass(frozen=True)
class ConsentStates:
    """The states of lines of time (a line is a contributor's, or a contributor's about one asset).

    Attributes:
        state: The state that holds at `as_of`, [lines] int8.
        since: When that was said, µs since 1970, [lines]; of a yes by silence the beginning of
            time, since it gives way to whatever was said.
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
        """The states of some lines. The last line, also reached by -1, has no statement."""
        return ConsentStates(
            self.state[timelines], self.since[timelines], self.first_allow[timelines]
        )


@dataclass(frozen=True)
class HeldConsents(ConsentStates):
    """What contributors say about assets, of the general and the narrowed line the one that holds.

    Attributes:
        narrowed: Where that is the line about the asset alone, [items].
        not_explicit: Where it would be a yes if only the deal did not demand an explicit one,
            [items]; None if it does not.
    """

    narrowed: BoolArray
    not_explicit: BoolArray | None = None


@dataclass(frozen=True)
class ConsentLines:
    """The lines of time of all contributors, by purpose.

    Attributes:
        general: Lines of `ConsentIndex.people`, and one without events.
        narrowed: Lines of `ConsentIndex.pairs`, and one without events.
    """

    general: dict[Purpose, ConsentStates]
    narrowed: dict[Purpose, ConsentStates]

    def held_at(self, purpose: Purpose, positions: ConsentPositions) -> HeldConsents:
        """The consent to a purpose at places, [items]."""
        general = self.general[purpose].at(positions.contributor)
        narrowed = self.narrowed[purpose].at(positions.pair)
        # The stricter one applies unless it is older: neither a general allow nor the lack of a
        # general consent lifts a denial for one asset; a later general denial ends an allow.
        overridden = (general.state > narrowed.state) & (general.since >= narrowed.since)
        use_narrowed = (narrowed.state != MISSING) & ~overridden
        return HeldConsents(
            np.where(use_narrowed, narrowed.state, general.state).astype(np.int8),
            np.where(use_narrowed, narrowed.since, general.since),
            np.minimum(general.first_allow, narrowed.first_allow),
            use_narrowed,
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
        """What is signed on some lines; -1 is the last of all, which states nothing."""
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
        lines: What their lines of time come to, by the yeses that the deal accepts.
        any_basis: What they would come to if a yes counted on any basis; None if it does.
        signed_agreements: What is signed on the lines of `people` and of `pairs`.
        refs: The agreements that consents name, each once, in order.
    """

    people: StringIndex
    listed_count: int
    assets: StringIndex
    pairs: PairIndex
    lines: ConsentLines
    any_basis: ConsentLines | None
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

    def states(self, purpose: Purpose, asset_ids: Column, contributor_ids: Column) -> HeldConsents:
        """The consent of each (asset, contributor) pair to a purpose, [pairs]."""
        return self.states_at(purpose, self.locate(asset_ids, contributor_ids))

    def states_at(self, purpose: Purpose, positions: ConsentPositions) -> HeldConsents:
        """The consent to a purpose at places, [items]."""
        held = self.lines.held_at(purpose, positions)
        if self.any_basis is None:
            return held
        lenient = self.any_basis.held_at(purpose, positions).state
        return replace(held, not_explicit=(lenient == ALLOW) & (held.state != ALLOW))

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
