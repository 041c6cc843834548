"""Consent events in order of time, and their results for each contributor and asset."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from pipelines.catalogue.consent_basis import EXPLICIT, SILENCE
from pipelines.rights.agreements import ListedAgreements
from pipelines.rights.arrow import IntArray, one_of
from pipelines.rights.consents import (
    ALLOW,
    MISSING,
    ConsentStates,
    SignedAgreements,
    StateArray,
)
from pipelines.storage.columns import Column
from schemas.rights import ALL_PURPOSES, Purpose

MIN_TIME = np.iinfo(np.int64).min
DEFAULT_TIME = MIN_TIME + 1
MAX_TIME = np.iinfo(np.int64).max


@dataclass(frozen=True)
class ConsentEvents:
    """Consent events sorted by line, then time; at one instant the one that applies comes last.

    A yes by silence comes first in its line: it gives way to whatever else was said, even before
    the notice, since who has answered is not silent. A yes by the mapping's default comes after it,
    and before all that contributors said themselves: a no beats the default, however old it is.

    Attributes:
        times: When each was said, in µs since 1970; of a yes by silence the beginning of time,
            and of one by default the moment after it.
        counts_from: The same, but of a yes by silence the end of its window.
        bases: What each rests on, as `ConsentBases.codes`.
        signatures: Where the agreement that each names is listed for its contributor, or -1.
    """

    timelines: IntArray
    times: IntArray
    counts_from: IntArray
    states: StateArray
    bases: StateArray
    refs: IntArray
    signatures: IntArray
    purposes: Column

    def without_implied(self) -> ConsentEvents:
        """Leaves out each yes that is not explicit."""
        kept = (self.states != ALLOW) | (self.bases == EXPLICIT)
        return ConsentEvents(
            self.timelines[kept],
            self.times[kept],
            self.counts_from[kept],
            self.states[kept],
            self.bases[kept],
            self.refs[kept],
            self.signatures[kept],
            self.purposes.filter(pa.array(kept)),
        )

    def latest_states(self, purpose: Purpose, timelines: int) -> ConsentStates:
        """Folds events into lines: the latest holds, and at the same instant the strictest."""
        applies = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        timeline, times, states = self.timelines[applies], self.times[applies], self.states[applies]
        result = ConsentStates(
            np.full(timelines + 1, MISSING, np.int8),
            np.full(timelines + 1, MIN_TIME, np.int64),
            np.full(timelines + 1, MAX_TIME, np.int64),
        )
        ends = np.flatnonzero(np.diff(timeline, append=-1))
        result.state[timeline[ends]] = states[ends]
        result.since[timeline[ends]] = times[ends]
        allows = states == ALLOW
        counts_from = self.counts_from[applies][allows]
        np.minimum.at(result.first_allow, timeline[allows], counts_from)
        return result

    def signed_agreements(
        self, purpose: Purpose, timelines: int, listed: ListedAgreements
    ) -> SignedAgreements:
        """What is signed on each line, and the time of the last event other than an allow."""
        applies = one_of(self.purposes, [purpose.value, ALL_PURPOSES])
        signed = SignedAgreements(
            np.full(timelines + 1, MIN_TIME, np.int64),
            np.full(timelines + 1, -1, np.int64),
            np.full(timelines + 1, MIN_TIME, np.int64),
        )
        non_allows = applies & (self.states != ALLOW)
        np.maximum.at(signed.last_non_allow, self.timelines[non_allows], self.times[non_allows])
        names_agreement = applies & (self.states == ALLOW)
        names_agreement &= self.bases != SILENCE  # nobody signs by silence
        names_agreement &= listed.cover(self.signatures, purpose)
        timeline = self.timelines[names_agreement]
        ends = np.flatnonzero(np.diff(timeline, append=-1))  # in order, so the last is the latest
        signed.signed_at[timeline[ends]] = self.times[names_agreement][ends]
        signed.ref[timeline[ends]] = self.refs[names_agreement][ends]
        return signed
