"""What consents mean for a deal, for screening, its details and the trace alike."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from pipelines.rights.arrow import IntArray
from pipelines.rights.consents import (
    ALLOW,
    CONDITIONAL,
    DENY,
    MISSING,
    UNKNOWN,
    ConsentIndex,
    ConsentPositions,
    HeldConsents,
)
from schemas.deal import Deal
from schemas.rights import Purpose


class ConsentVerdict(IntEnum):
    """The verdict on one contributor's consent to one purpose."""

    PASSES = 0
    MISSING = 1
    CONDITIONAL = 2
    DENIED = 3
    WITHDRAWN = 4
    NOT_EXPLICIT = 5

    @property
    def bit(self) -> int:
        """Its bit in `VerdictBits`."""
        return 1 << self

    @property
    def reason(self) -> str | None:
        """The code of the reason that it gives against an asset, if it does."""
        return None if self is ConsentVerdict.PASSES else f"consent.{self.name.lower()}"


VerdictArray = npt.NDArray[np.int8]
VerdictBits = npt.NDArray[np.uint8]  # `ConsentVerdict.bit` of several purposes or contributors


def consent_verdicts(states: HeldConsents, purpose: Purpose, deal: Deal) -> VerdictArray:
    """The verdicts on consents to a purpose, [items] of `ConsentVerdict`."""
    by_state = np.zeros(len((MISSING, ALLOW, UNKNOWN, CONDITIONAL, DENY)), np.int8)
    if purpose not in deal.needed_purposes:
        return by_state[states.state]
    if not _missing_passes(purpose, deal):
        by_state[MISSING] = ConsentVerdict.MISSING
    by_state[UNKNOWN] = ConsentVerdict.MISSING
    by_state[CONDITIONAL] = ConsentVerdict.CONDITIONAL
    by_state[DENY] = ConsentVerdict.DENIED
    verdicts = by_state[states.state]
    verdicts[states.withdrawn] = ConsentVerdict.WITHDRAWN
    if states.not_explicit is not None:
        failing = verdicts != ConsentVerdict.PASSES
        verdicts[states.not_explicit & failing] = ConsentVerdict.NOT_EXPLICIT
    return verdicts


def _missing_passes(purpose: Purpose, deal: Deal) -> bool:
    """Whether missing consent passes: for inference, if the deal does not itself sell it."""
    is_sold = purpose is not Purpose.INFERENCE or purpose in deal.purposes
    return deal.rights.inference == "unless-denied" and not is_sold


def verdict_bits(consents: ConsentIndex, positions: ConsentPositions, deal: Deal) -> VerdictBits:
    """Every verdict but `PASSES` on the purposes that a deal needs, as bits, [items]."""
    bits = np.zeros(len(positions.contributor), np.uint8)
    for purpose in deal.needed_purposes:
        verdicts = consent_verdicts(consents.states_at(purpose, positions), purpose, deal)
        bits |= np.uint8(1) << verdicts.view(np.uint8)
    return bits & ~np.uint8(ConsentVerdict.PASSES.bit)


def merge_narrowed(
    general: VerdictBits, consents: ConsentIndex, positions: ConsentPositions, deal: Deal
) -> VerdictBits:
    """Verdicts on items, with what is said about single assets.

    Args:
        general: The verdicts on each of `consents.people` and, last, on somebody unknown, where
            nothing is said about the asset itself.
        consents: The consents.
        positions: Contributors and assets, [items].
        deal: The deal.
    """
    bits = general[positions.contributor]
    narrowed: IntArray = np.flatnonzero(positions.pair >= 0)
    bits[narrowed] = verdict_bits(consents, positions.take(narrowed), deal)
    return bits
