"""Makes the contributors of a large catalogue: about one per 400 assets, grouped by consents."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.contributors import (
    CONSENTING_HISTORIES,
    OTHER_HISTORIES,
    UNLISTED_ID,
    history_events,
)

_ASSETS_PER_CONTRIBUTOR = 400
_MIN_CONSENTING = 24
_CONSENTING_PER_OTHER = 200
_COUNTRIES = ("US", "DE", "GB", "FR", "JP", "NO", "IN", "BR", "KR", "ZA")
_CURRENCIES = ("USD", "EUR", "GBP", "EUR", "JPY", "NOK", "INR", "BRL", "KRW", "ZAR")


@dataclass(frozen=True)
class LargeRoster:
    """The contributors in one list, grouped by consent history.

    Attributes:
        ids: Contributor ids; the last one is in no table.
        histories: The consent history of each contributor except the last.
        pools: By history, and for `good` and `unlisted`: position of the first contributor and
            number of contributors.
    """

    ids: tuple[str, ...]
    histories: tuple[str, ...]
    pools: dict[str, tuple[int, int]]


def make_large_roster(assets: int) -> LargeRoster:
    """Makes the contributors for a number of assets."""
    good = max(_MIN_CONSENTING, assets // _ASSETS_PER_CONTRIBUTOR)
    names = tuple(CONSENTING_HISTORIES)
    sizes = {
        name: good // len(names) + (index < good % len(names)) for index, name in enumerate(names)
    }
    sizes |= dict.fromkeys(OTHER_HISTORIES, 1 + good // _CONSENTING_PER_OTHER)
    histories = tuple(name for name, size in sizes.items() for _ in range(size))
    pools: dict[str, tuple[int, int]] = {"good": (0, good), "unlisted": (len(histories), 1)}
    start = 0
    for name, size in sizes.items():
        pools[name] = (start, size)
        start += size
    ids = (*(f"c{number:06d}" for number in range(len(histories))), UNLISTED_ID)
    return LargeRoster(ids, histories, pools)


def roster_contributors(roster: LargeRoster) -> list[dict[str, object]]:
    """Returns the rows of `contributors`."""
    return [
        {
            "contributor_id": contributor_id,
            "display_name": f"Contributor {number}",
            "country": _COUNTRIES[number % len(_COUNTRIES)],
            "currency": _CURRENCIES[number % len(_CURRENCIES)],
            "payee_ref": f"payee-{number:06d}",
        }
        for number, contributor_id in enumerate(roster.ids[:-1])
    ]


def roster_agreements(roster: LargeRoster) -> list[dict[str, object]]:
    """Returns the rows of `agreements`: one for each contributor who ever gave consent."""
    rows: list[dict[str, object]] = []
    for contributor_id, history in zip(roster.ids, roster.histories, strict=False):
        given = [event.given_at for event in history_events(history) if event.value == "allow"]
        if given:
            rows.append(
                {
                    "agreement_ref": f"agreement-{contributor_id}",
                    "contributor_id": contributor_id,
                    "purposes": ["all"],
                    "signed_at": min(given).date(),
                }
            )
    return rows


def roster_consents(roster: LargeRoster) -> list[dict[str, object]]:
    """Returns the rows of `consents` that apply to all of a contributor's assets."""
    return [
        {
            "contributor_id": contributor_id,
            **event.columns,
            "agreement_ref": f"agreement-{contributor_id}",
        }
        for contributor_id, history in zip(roster.ids, roster.histories, strict=False)
        for event in history_events(history)
    ]
