"""Contributors with histories of consent, each with the reasons that it must give."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.adversarial.terms import (
    AS_OF,
    BOTH,
    CONTRIBUTOR_WORD,
    FRAME,
    GEN,
    INFERENCE,
    LATER_FRAME,
    LONG_AGO,
    PAYEE_WORD,
    TICK,
    Terms,
)

Row = dict[str, Any]
# Purpose, value, instant, and whether it names an agreement (a blank one is none).
Event = tuple[str, str, datetime] | tuple[str, str, datetime, bool]


@dataclass(frozen=True)
class History:
    """What a contributor said, and what that comes to.

    Attributes:
        events: In no order.
        gen: Reasons about train_gen; `inf`: about inference.
        signed: Purposes for which an agreement stands behind the yes.
        listed: Whether the contributors table has them.
        ref: The deal's agreement that names them, or "".
    """

    events: tuple[Event, ...]
    gen: str = ""
    inf: str = ""
    signed: frozenset[str] = frozenset()
    listed: bool = True
    ref: str = ""

    def reasons(self, terms: Terms) -> str:
        """The reasons under a deal."""
        return f"{self.gen} {self.inf}" if terms.inference == "require" else self.gen


def _both(*events: Event, says: str = "") -> History:
    return History(events, says, says)


_YES: Event = ("all", "allow", LONG_AGO)
_SIGNED: Event = ("all", "allow", LONG_AGO, True)
_LATER = LONG_AGO + TICK
_GEN_ONLY = frozenset({GEN})

# Who consents, with and without a signature.
MAKERS: dict[str, History] = {
    "signed": History((_SIGNED,), signed=BOTH),
    "unsigned": _both(_YES),
    # A plain yes ends no agreement; anything else does, and a plain yes does not bring it back.
    "signed, and yes again": History((_SIGNED, ("all", "allow", _LATER)), signed=BOTH),
    "signed before a no": _both(_SIGNED, ("all", "deny", _LATER), ("all", "allow", _LATER + TICK)),
    "signed as a no came": _both(_SIGNED, ("all", "deny", LONG_AGO), ("all", "allow", _LATER)),
    "signed too late": _both(_YES, ("all", "allow", AS_OF + TICK, True)),
    "signed at the same instant": History((_YES, _SIGNED), signed=BOTH),
    "signed for training": History(
        ((GEN, "allow", LONG_AGO, True), (INFERENCE, "allow", LONG_AGO)), signed=_GEN_ONLY
    ),
    "by the deal": History((_YES,), signed=BOTH, ref=FRAME),
    "by a later deal": History((_YES,), ref=LATER_FRAME),
}
HARMLESS: dict[str, History] = {
    "yes at the instant": _both(("all", "allow", AS_OF)),
    "yes after a no": _both(("all", "deny", LONG_AGO), ("all", "allow", _LATER)),
    "yes after a condition": _both(("all", "conditional", LONG_AGO), ("all", "allow", _LATER)),
    "no after the instant": _both(_YES, ("all", "deny", AS_OF + TICK)),
    "each by itself": _both((GEN, "allow", LONG_AGO), (INFERENCE, "allow", LONG_AGO)),
    "no to another purpose": _both(_YES, ("search", "deny", AS_OF), ("data_mining", "deny", AS_OF)),
    "no lifted in general": _both((INFERENCE, "deny", LONG_AGO), ("all", "allow", _LATER)),
    "withdrawn and given again": _both(
        _YES, ("all", "deny", AS_OF - 2 * TICK), ("all", "allow", AS_OF - TICK)
    ),
}
HOSTILE: dict[str, History] = {
    "silent": _both(says="consent.missing"),
    "yes too late": _both(("all", "allow", AS_OF + TICK), says="consent.missing"),
    "yes to another": _both(("search", "allow", LONG_AGO), says="consent.missing"),
    "no": _both(("all", "deny", LONG_AGO), says="consent.denied"),
    "no at the instant": _both(_SIGNED, ("all", "deny", AS_OF), says="consent.withdrawn"),
    "no just before": _both(_SIGNED, ("all", "deny", AS_OF - TICK), says="consent.withdrawn"),
    "yes and no at once": _both(_SIGNED, ("all", "deny", LONG_AGO), says="consent.denied"),
    "yes and no at once, later": _both(
        _SIGNED, ("all", "allow", AS_OF), ("all", "deny", AS_OF), says="consent.withdrawn"
    ),
    "unknown after yes": _both(_SIGNED, ("all", "unknown", _LATER), says="consent.missing"),
    "unknown and yes at once": _both(_YES, ("all", "unknown", LONG_AGO), says="consent.missing"),
    "condition": _both(("all", "conditional", LONG_AGO), says="consent.conditional"),
    "condition and yes at once": _both(
        _SIGNED, ("all", "conditional", LONG_AGO), says="consent.conditional"
    ),
    "training withdrawn": History(
        (_SIGNED, (GEN, "deny", AS_OF)), gen="consent.withdrawn", signed=frozenset({INFERENCE})
    ),
    "all withdrawn": _both(
        (GEN, "allow", LONG_AGO, True),
        (INFERENCE, "allow", LONG_AGO),
        ("all", "deny", AS_OF),
        says="consent.withdrawn",
    ),
    "no to training alone": History(
        ((GEN, "deny", LONG_AGO),), gen="consent.denied", inf="consent.missing"
    ),
    "not listed": History(
        (), "contributor.unknown consent.missing", "consent.missing", listed=False
    ),
    "not listed but willing": History((_SIGNED,), gen="contributor.unknown", listed=False),
}
# Against inference alone: these refuse, or cost the caption.
WITHOUT_INFERENCE: dict[str, History] = {
    "yes to training alone": History(((GEN, "allow", LONG_AGO),), inf="consent.missing"),
    "inference withdrawn": History((_YES, (INFERENCE, "deny", AS_OF)), inf="consent.withdrawn"),
    "signed to train alone": History(
        ((GEN, "allow", LONG_AGO, True),), inf="consent.missing", signed=_GEN_ONLY
    ),
    "inference on a condition": History(
        ((GEN, "allow", LONG_AGO), (INFERENCE, "conditional", AS_OF)), inf="consent.conditional"
    ),
}
# For works of which the contributor speaks one by one.
GENERAL: dict[str, History] = {
    "nothing in general": _both(),
    "yes in general": _both(_YES),
    "no long ago": _both(("all", "deny", LONG_AGO)),
    "no at last": _both(("all", "deny", AS_OF)),
}
HISTORIES = MAKERS | HARMLESS | HOSTILE | WITHOUT_INFERENCE | GENERAL


@dataclass
class People:
    """The contributors of a catalogue.

    Attributes:
        each: Contributors of each history that are shared by many assets.
        of: The history of each contributor.
    """

    each: int
    of: dict[str, str] = field(default_factory=dict)
    _pools: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for _ in range(self.each):
            for name in HISTORIES:
                # Numbers in turn: 1, 11 and 111 are people of different histories.
                self._pools[name].append(self.fresh(name))

    def pick(self, history: str, number: int) -> str:
        """One of those with a history."""
        pool = self._pools[history]
        return pool[number % len(pool)]

    def fresh(self, history: str) -> str:
        """A new contributor; the next one's id differs in case alone."""
        count = len(self.of)
        word = CONTRIBUTOR_WORD if count % 2 else CONTRIBUTOR_WORD.upper()
        who = f"{word}{count // 2}"
        self.of[who] = history
        return who

    def named_in(self, ref: str) -> list[str]:
        """Contributors whom one of the deal's agreements names."""
        return [who for who, name in self.of.items() if HISTORIES[name].ref == ref]

    def signature(self, who: str) -> str:
        """What an agreement of a contributor is called."""
        ref = HISTORIES[self.of[who]].ref
        return ref or f"{PAYEE_WORD}{who} signed"

    def contributor_rows(self) -> list[Row]:
        """Rows of `contributors`."""
        return [
            {
                "contributor_id": who,
                "display_name": f"Person {who}",
                "currency": "USD",
                "payee_ref": f"{PAYEE_WORD}{who}",
            }
            for who, name in self.of.items()
            if HISTORIES[name].listed
        ]

    def consent_rows(self) -> list[Row]:
        """Rows of `consents` about all works, the latest first."""
        rows: list[Row] = []
        for who, name in self.of.items():
            for purpose, value, when, *signed in reversed(HISTORIES[name].events):
                ref = f"{PAYEE_WORD}{who} signed" if signed else ("", "  ", None)[len(rows) % 3]
                rows.append(
                    {
                        "contributor_id": who,
                        "purpose": purpose,
                        "value": value,
                        "given_at": when,
                        "agreement_ref": ref,
                    }
                )
        return rows
