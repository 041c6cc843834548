"""Contributors with histories of consent, each with the reasons that it must give."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from tests.adversarial.terms import (
    AGREEMENT,
    AS_OF,
    BOTH_PURPOSES,
    CONTRIBUTOR_WORD,
    INFERENCE,
    LATE_AGREEMENT,
    LONG_AGO,
    MICROSECOND,
    PAYEE_WORD,
    TRAIN_GEN,
    AdversaryTerms,
)

Row = dict[str, Any]
# Purpose, value, instant, and whether it names an agreement (a blank one is none).
HistoryEvent = tuple[str, str, datetime] | tuple[str, str, datetime, bool]


@dataclass(frozen=True)
class ConsentHistory:
    """What a contributor said, and what that comes to.

    Attributes:
        events: In no order.
        gen_reasons: Reasons about train_gen; `inference_reasons`: about inference.
        signed: Purposes for which an agreement stands behind the yes.
        in_table: Whether the contributors table has them.
        agreement_ref: The deal's agreement that names them, or "".
    """

    events: tuple[HistoryEvent, ...]
    gen_reasons: str = ""
    inference_reasons: str = ""
    signed: frozenset[str] = frozenset()
    in_table: bool = True
    agreement_ref: str = ""

    def reasons(self, terms: AdversaryTerms) -> str:
        """The reasons under a deal."""
        return (
            f"{self.gen_reasons} {self.inference_reasons}"
            if terms.inference == "require"
            else self.gen_reasons
        )


def _same_reasons(*events: HistoryEvent, reasons: str = "") -> ConsentHistory:
    return ConsentHistory(events, reasons, reasons)


_UNSIGNED_YES: HistoryEvent = ("all", "allow", LONG_AGO)
_SIGNED_YES: HistoryEvent = ("all", "allow", LONG_AGO, True)
_LATER = LONG_AGO + MICROSECOND
_GEN_ONLY = frozenset({TRAIN_GEN})

# Who consents, with and without a signature.
CONSENTING: dict[str, ConsentHistory] = {
    "signed": ConsentHistory((_SIGNED_YES,), signed=BOTH_PURPOSES),
    "unsigned": _same_reasons(_UNSIGNED_YES),
    # A plain yes ends no agreement; anything else does, and a plain yes does not bring it back.
    "signed, and yes again": ConsentHistory(
        (_SIGNED_YES, ("all", "allow", _LATER)), signed=BOTH_PURPOSES
    ),
    "signed before a no": _same_reasons(
        _SIGNED_YES, ("all", "deny", _LATER), ("all", "allow", _LATER + MICROSECOND)
    ),
    "signed as a no came": _same_reasons(
        _SIGNED_YES, ("all", "deny", LONG_AGO), ("all", "allow", _LATER)
    ),
    "signed too late": _same_reasons(_UNSIGNED_YES, ("all", "allow", AS_OF + MICROSECOND, True)),
    "signed at the same instant": ConsentHistory(
        (_UNSIGNED_YES, _SIGNED_YES), signed=BOTH_PURPOSES
    ),
    "signed for training": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO, True), (INFERENCE, "allow", LONG_AGO)), signed=_GEN_ONLY
    ),
    "by the deal": ConsentHistory((_UNSIGNED_YES,), signed=BOTH_PURPOSES, agreement_ref=AGREEMENT),
    "by a later deal": ConsentHistory((_UNSIGNED_YES,), agreement_ref=LATE_AGREEMENT),
}
HARMLESS: dict[str, ConsentHistory] = {
    "yes at the instant": _same_reasons(("all", "allow", AS_OF)),
    "yes after a no": _same_reasons(("all", "deny", LONG_AGO), ("all", "allow", _LATER)),
    "yes after a condition": _same_reasons(
        ("all", "conditional", LONG_AGO), ("all", "allow", _LATER)
    ),
    "no after the instant": _same_reasons(_UNSIGNED_YES, ("all", "deny", AS_OF + MICROSECOND)),
    "each by itself": _same_reasons((TRAIN_GEN, "allow", LONG_AGO), (INFERENCE, "allow", LONG_AGO)),
    "no to another purpose": _same_reasons(
        _UNSIGNED_YES, ("search", "deny", AS_OF), ("data_mining", "deny", AS_OF)
    ),
    "no lifted in general": _same_reasons((INFERENCE, "deny", LONG_AGO), ("all", "allow", _LATER)),
    "withdrawn and given again": _same_reasons(
        _UNSIGNED_YES,
        ("all", "deny", AS_OF - 2 * MICROSECOND),
        ("all", "allow", AS_OF - MICROSECOND),
    ),
}
HOSTILE: dict[str, ConsentHistory] = {
    "silent": _same_reasons(reasons="consent.missing"),
    "yes too late": _same_reasons(("all", "allow", AS_OF + MICROSECOND), reasons="consent.missing"),
    "yes to another": _same_reasons(("search", "allow", LONG_AGO), reasons="consent.missing"),
    "no": _same_reasons(("all", "deny", LONG_AGO), reasons="consent.denied"),
    "no at the instant": _same_reasons(
        _SIGNED_YES, ("all", "deny", AS_OF), reasons="consent.withdrawn"
    ),
    "no just before": _same_reasons(
        _SIGNED_YES, ("all", "deny", AS_OF - MICROSECOND), reasons="consent.withdrawn"
    ),
    "yes and no at once": _same_reasons(
        _SIGNED_YES, ("all", "deny", LONG_AGO), reasons="consent.denied"
    ),
    "yes and no at once, later": _same_reasons(
        _SIGNED_YES, ("all", "allow", AS_OF), ("all", "deny", AS_OF), reasons="consent.withdrawn"
    ),
    "unknown after yes": _same_reasons(
        _SIGNED_YES, ("all", "unknown", _LATER), reasons="consent.missing"
    ),
    "unknown and yes at once": _same_reasons(
        _UNSIGNED_YES, ("all", "unknown", LONG_AGO), reasons="consent.missing"
    ),
    "condition": _same_reasons(("all", "conditional", LONG_AGO), reasons="consent.conditional"),
    "condition and yes at once": _same_reasons(
        _SIGNED_YES, ("all", "conditional", LONG_AGO), reasons="consent.conditional"
    ),
    "training withdrawn": ConsentHistory(
        (_SIGNED_YES, (TRAIN_GEN, "deny", AS_OF)),
        gen_reasons="consent.withdrawn",
        signed=frozenset({INFERENCE}),
    ),
    "all withdrawn": _same_reasons(
        (TRAIN_GEN, "allow", LONG_AGO, True),
        (INFERENCE, "allow", LONG_AGO),
        ("all", "deny", AS_OF),
        reasons="consent.withdrawn",
    ),
    "no to training alone": ConsentHistory(
        ((TRAIN_GEN, "deny", LONG_AGO),),
        gen_reasons="consent.denied",
        inference_reasons="consent.missing",
    ),
    "not listed": ConsentHistory(
        (), "contributor.unknown consent.missing", "consent.missing", in_table=False
    ),
    "not listed but willing": ConsentHistory(
        (_SIGNED_YES,), gen_reasons="contributor.unknown", in_table=False
    ),
}
# Against inference alone: these refuse, or cost the caption.
WITHOUT_INFERENCE: dict[str, ConsentHistory] = {
    "yes to training alone": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO),), inference_reasons="consent.missing"
    ),
    "inference withdrawn": ConsentHistory(
        (_UNSIGNED_YES, (INFERENCE, "deny", AS_OF)), inference_reasons="consent.withdrawn"
    ),
    "signed to train alone": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO, True),),
        inference_reasons="consent.missing",
        signed=_GEN_ONLY,
    ),
    "inference on a condition": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO), (INFERENCE, "conditional", AS_OF)),
        inference_reasons="consent.conditional",
    ),
}
# For works of which the contributor speaks one by one.
GENERAL_HISTORIES: dict[str, ConsentHistory] = {
    "nothing in general": _same_reasons(),
    "yes in general": _same_reasons(_UNSIGNED_YES),
    "no long ago": _same_reasons(("all", "deny", LONG_AGO)),
    "no at last": _same_reasons(("all", "deny", AS_OF)),
}
HISTORIES = CONSENTING | HARMLESS | HOSTILE | WITHOUT_INFERENCE | GENERAL_HISTORIES


@dataclass
class ContributorPool:
    """The contributors of a catalogue.

    Attributes:
        per_history: Contributors of each history that are shared by many assets.
        history_of: The history of each contributor.
    """

    per_history: int
    history_of: dict[str, str] = field(default_factory=dict)
    _pools: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for _ in range(self.per_history):
            for name in HISTORIES:
                # Numbers in turn: 1, 11 and 111 are people of different histories.
                self._pools[name].append(self.add(name))

    def pick(self, history: str, number: int) -> str:
        """One of those with a history."""
        pool = self._pools[history]
        return pool[number % len(pool)]

    def add(self, history: str) -> str:
        """A new contributor; the next one's id differs in case alone."""
        count = len(self.history_of)
        word = CONTRIBUTOR_WORD if count % 2 else CONTRIBUTOR_WORD.upper()
        who = f"{word}{count // 2}"
        self.history_of[who] = history
        return who

    def covered_by(self, ref: str) -> list[str]:
        """Contributors whom one of the deal's agreements names."""
        return [
            who for who, name in self.history_of.items() if HISTORIES[name].agreement_ref == ref
        ]

    def agreement_name(self, who: str) -> str:
        """What an agreement of a contributor is called."""
        ref = HISTORIES[self.history_of[who]].agreement_ref
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
            for who, name in self.history_of.items()
            if HISTORIES[name].in_table
        ]

    def consent_rows(self) -> list[Row]:
        """Rows of `consents` about all works, the latest first."""
        rows: list[Row] = []
        for who, name in self.history_of.items():
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
