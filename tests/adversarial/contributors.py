"""Contributors with consent histories, each with the reasons that it must cause."""

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
    DAY,
    ENDS,
    INFERENCE,
    LATE_AGREEMENT,
    LONG_AGO,
    MICROSECOND,
    PAYEE_WORD,
    TRAIN_GEN,
    AdversaryTerms,
)

Row = dict[str, Any]
# Purpose, value, time, and whether it names an agreement (a blank name is no agreement).
HistoryEvent = tuple[str, str, datetime] | tuple[str, str, datetime, bool]


@dataclass(frozen=True)
class ConsentHistory:
    """A contributor's consent events and the reasons that they cause.

    Attributes:
        events: The consent events, in arbitrary order.
        gen_reasons: The reasons about train_gen.
        inference_reasons: The reasons about inference.
        signed: The purposes whose consent is backed by a signed agreement.
        in_table: Whether the contributors table lists the contributor.
        agreement_ref: The deal's agreement that names the contributor, or "".
        listed: How the agreement that the events name is listed, as changes of an agreement in
            force; `{who}` is the contributor and `{ref}` the agreement. None: it is not listed.
    """

    events: tuple[HistoryEvent, ...]
    gen_reasons: str = ""
    inference_reasons: str = ""
    signed: frozenset[str] = frozenset()
    in_table: bool = True
    agreement_ref: str = ""
    listed: Row | None = field(default_factory=dict)

    def reasons(self, terms: AdversaryTerms) -> str:
        """Returns the reasons under a deal, separated by spaces."""
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


def _listed(row: Row | None, signed: frozenset[str] = frozenset()) -> ConsentHistory:
    """Returns a consent that names an agreement, which may be listed in another way."""
    return ConsentHistory((_SIGNED_YES,), signed=signed, listed=row)


# Contributors who consent, with or without a signed agreement.
CONSENTING: dict[str, ConsentHistory] = {
    "signed": ConsentHistory((_SIGNED_YES,), signed=BOTH_PURPOSES),
    "unsigned": _same_reasons(_UNSIGNED_YES),
    # An unsigned consent does not end an agreement. Any other event does, and an unsigned consent
    # after it does not restore the agreement.
    "signed, then allowed": ConsentHistory(
        (_SIGNED_YES, ("all", "allow", _LATER)), signed=BOTH_PURPOSES
    ),
    "signed, then denied, then allowed": _same_reasons(
        _SIGNED_YES, ("all", "deny", _LATER), ("all", "allow", _LATER + MICROSECOND)
    ),
    "signed and denied at once, then allowed": _same_reasons(
        _SIGNED_YES, ("all", "deny", LONG_AGO), ("all", "allow", _LATER)
    ),
    "signed after as_of": _same_reasons(_UNSIGNED_YES, ("all", "allow", AS_OF + MICROSECOND, True)),
    "allowed and signed at once": ConsentHistory(
        (_UNSIGNED_YES, _SIGNED_YES), signed=BOTH_PURPOSES
    ),
    "signed for training, inference allowed": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO, True), (INFERENCE, "allow", LONG_AGO)), signed=_GEN_ONLY
    ),
    "covered by the deal": ConsentHistory(
        (_UNSIGNED_YES,), signed=BOTH_PURPOSES, agreement_ref=AGREEMENT
    ),
    "covered by a late agreement": ConsentHistory((_UNSIGNED_YES,), agreement_ref=LATE_AGREEMENT),
    "signed, not listed": _listed(None),
    "signed, listed in other letters": _listed({"agreement_ref": "{ref}!"}),
    "signed, listed in capitals": _listed({"agreement_ref": PAYEE_WORD.upper() + "{who} signed"}),
    "signed, listed for another": _listed({"contributor_id": "{other}"}),
    "signed, listed without a day": _listed({"signed_at": None}),
    "signed, listed for tomorrow": _listed({"signed_at": AS_OF.date() + DAY}),
    "signed, beginning tomorrow": _listed({"valid_from": AS_OF.date() + DAY}),
    "signed, over": _listed({"valid_until": AS_OF.date() - DAY}),
    "signed, over before the deal": _listed({"valid_until": ENDS - DAY}),
    "signed, revoked": _listed({"revoked_at": AS_OF}),
    "signed, revoked during the deal": _listed({"revoked_at": AS_OF + MICROSECOND}),
    "signed for a search": _listed({"purposes": ["search", "index"]}),
    "signed for training by its list": _listed({"purposes": [TRAIN_GEN]}, _GEN_ONLY),
    "signed until the deal's end": _listed(
        {"signed_at": AS_OF.date(), "valid_from": AS_OF.date(), "valid_until": ENDS}, BOTH_PURPOSES
    ),
    "signed, listed with an invisible letter": _listed(
        {"agreement_ref": "\u00a0{ref}\u200b"}, BOTH_PURPOSES
    ),
}
HARMLESS: dict[str, ConsentHistory] = {
    "allowed at as_of": _same_reasons(("all", "allow", AS_OF)),
    "denied, then allowed": _same_reasons(("all", "deny", LONG_AGO), ("all", "allow", _LATER)),
    "conditional, then allowed": _same_reasons(
        ("all", "conditional", LONG_AGO), ("all", "allow", _LATER)
    ),
    "denied after as_of": _same_reasons(_UNSIGNED_YES, ("all", "deny", AS_OF + MICROSECOND)),
    "each purpose allowed separately": _same_reasons(
        (TRAIN_GEN, "allow", LONG_AGO), (INFERENCE, "allow", LONG_AGO)
    ),
    "other purposes denied": _same_reasons(
        _UNSIGNED_YES, ("search", "deny", AS_OF), ("data_mining", "deny", AS_OF)
    ),
    "inference denied, then all allowed": _same_reasons(
        (INFERENCE, "deny", LONG_AGO), ("all", "allow", _LATER)
    ),
    "withdrawn and given again": _same_reasons(
        _UNSIGNED_YES,
        ("all", "deny", AS_OF - 2 * MICROSECOND),
        ("all", "allow", AS_OF - MICROSECOND),
    ),
}
HOSTILE: dict[str, ConsentHistory] = {
    "no events": _same_reasons(reasons="consent.missing"),
    "allowed after as_of": _same_reasons(
        ("all", "allow", AS_OF + MICROSECOND), reasons="consent.missing"
    ),
    "only another purpose allowed": _same_reasons(
        ("search", "allow", LONG_AGO), reasons="consent.missing"
    ),
    "denied": _same_reasons(("all", "deny", LONG_AGO), reasons="consent.denied"),
    "denied at as_of": _same_reasons(
        _SIGNED_YES, ("all", "deny", AS_OF), reasons="consent.withdrawn"
    ),
    "denied just before as_of": _same_reasons(
        _SIGNED_YES, ("all", "deny", AS_OF - MICROSECOND), reasons="consent.withdrawn"
    ),
    "allowed and denied at once": _same_reasons(
        _SIGNED_YES, ("all", "deny", LONG_AGO), reasons="consent.denied"
    ),
    "allowed, then allowed and denied at once": _same_reasons(
        _SIGNED_YES, ("all", "allow", AS_OF), ("all", "deny", AS_OF), reasons="consent.withdrawn"
    ),
    "allowed, then unknown": _same_reasons(
        _SIGNED_YES, ("all", "unknown", _LATER), reasons="consent.missing"
    ),
    "unknown and allowed at once": _same_reasons(
        _UNSIGNED_YES, ("all", "unknown", LONG_AGO), reasons="consent.missing"
    ),
    "conditional": _same_reasons(("all", "conditional", LONG_AGO), reasons="consent.conditional"),
    "conditional and allowed at once": _same_reasons(
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
    "only training denied": ConsentHistory(
        ((TRAIN_GEN, "deny", LONG_AGO),),
        gen_reasons="consent.denied",
        inference_reasons="consent.missing",
    ),
    "not listed": ConsentHistory(
        (), "contributor.unknown consent.missing", "consent.missing", in_table=False
    ),
    "not listed, but allowed": ConsentHistory(
        (_SIGNED_YES,), gen_reasons="contributor.unknown", in_table=False
    ),
}
# No consent to inference: the asset is refused or, if the deal allows, delivered without captions.
WITHOUT_INFERENCE: dict[str, ConsentHistory] = {
    "only training allowed": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO),), inference_reasons="consent.missing"
    ),
    "inference withdrawn": ConsentHistory(
        (_UNSIGNED_YES, (INFERENCE, "deny", AS_OF)), inference_reasons="consent.withdrawn"
    ),
    "signed for training only": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO, True),),
        inference_reasons="consent.missing",
        signed=_GEN_ONLY,
    ),
    "inference conditional": ConsentHistory(
        ((TRAIN_GEN, "allow", LONG_AGO), (INFERENCE, "conditional", AS_OF)),
        inference_reasons="consent.conditional",
    ),
}
# General events of contributors who also have events for single assets.
GENERAL_HISTORIES: dict[str, ConsentHistory] = {
    "no event for all": _same_reasons(),
    "allowed for all": _same_reasons(_UNSIGNED_YES),
    "denied for all long ago": _same_reasons(("all", "deny", LONG_AGO)),
    "denied for all at as_of": _same_reasons(("all", "deny", AS_OF)),
}
HISTORIES = CONSENTING | HARMLESS | HOSTILE | WITHOUT_INFERENCE | GENERAL_HISTORIES


@dataclass
class ContributorPool:
    """The contributors of a catalogue.

    Attributes:
        per_history: How many contributors of each history are shared by many assets.
        history_of: The history of each contributor.
    """

    per_history: int
    history_of: dict[str, str] = field(default_factory=dict)
    _pools: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def __post_init__(self) -> None:
        for _ in range(self.per_history):
            for name in HISTORIES:
                # Numbered in turn, so that 1, 11 and 111 have different histories.
                self._pools[name].append(self.add(name))

    def pick(self, history: str, number: int) -> str:
        """Returns one of the shared contributors with a history."""
        pool = self._pools[history]
        return pool[number % len(pool)]

    def add(self, history: str) -> str:
        """Adds a contributor; two consecutive ids differ only in case."""
        count = len(self.history_of)
        word = CONTRIBUTOR_WORD if count % 2 else CONTRIBUTOR_WORD.upper()
        who = f"{word}{count // 2}"
        self.history_of[who] = history
        return who

    def covered_by(self, ref: str) -> list[str]:
        """Returns the contributors named by an agreement of the deal."""
        return [
            who for who, name in self.history_of.items() if HISTORIES[name].agreement_ref == ref
        ]

    def agreement_name(self, who: str) -> str:
        """Returns the name of a contributor's agreement."""
        ref = HISTORIES[self.history_of[who]].agreement_ref
        return ref or f"{PAYEE_WORD}{who} signed"

    def agreement_rows(self) -> list[Row]:
        """Returns the rows of `agreements`: those that consents name, unless they are unlisted."""
        rows: list[Row] = []
        for who, name in self.history_of.items():
            history = HISTORIES[name]
            if history.listed is None or not any(len(event) == 4 for event in history.events):
                continue
            texts = {
                "who": who,
                "ref": f"{PAYEE_WORD}{who} signed",
                "other": self.pick("signed", 0),
            }
            row: Row = {
                "agreement_ref": "{ref}",
                "contributor_id": "{who}",
                "purposes": ["all"],
                "signed_at": LONG_AGO.date(),
                **history.listed,
            }
            ids = ("agreement_ref", "contributor_id")
            rows.append(row | {column: row[column].format(**texts) for column in ids})
        return rows

    def contributor_rows(self) -> list[Row]:
        """Returns the rows of `contributors`."""
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
        """Returns the rows of `consents` for all assets, the latest first."""
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
