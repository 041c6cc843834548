"""Contributors of a large catalogue: one for about 400 assets, pooled by their consents."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.demo.people import (
    GOOD_HISTORIES,
    OTHER_HISTORIES,
    UNLISTED_ID,
    history_events,
)

_ASSETS_EACH = 400
_LEAST_GOOD = 24
_GOOD_FOR_ONE_OTHER = 200
_COUNTRIES = ("US", "DE", "GB", "FR", "JP", "NO", "IN", "BR", "KR", "ZA")
_CURRENCIES = ("USD", "EUR", "GBP", "EUR", "JPY", "NOK", "INR", "BRL", "KRW", "ZAR")


@dataclass(frozen=True)
class Crowd:
    """Contributors in one list, those of a history next to each other.

    Attributes:
        ids: Contributor ids; the very last is the one that no table lists.
        histories: The history of each but the last.
        pools: First position and number of the contributors of each history, and of `good` and
            `unlisted`.
    """

    ids: tuple[str, ...]
    histories: tuple[str, ...]
    pools: dict[str, tuple[int, int]]


def make_crowd(assets: int) -> Crowd:
    """Contributors for so many assets."""
    good = max(_LEAST_GOOD, assets // _ASSETS_EACH)
    names = tuple(GOOD_HISTORIES)
    sizes = {
        name: good // len(names) + (place < good % len(names)) for place, name in enumerate(names)
    }
    sizes |= dict.fromkeys(OTHER_HISTORIES, 1 + good // _GOOD_FOR_ONE_OTHER)
    histories = tuple(name for name, size in sizes.items() for _ in range(size))
    pools: dict[str, tuple[int, int]] = {"good": (0, good), "unlisted": (len(histories), 1)}
    start = 0
    for name, size in sizes.items():
        pools[name] = (start, size)
        start += size
    ids = (*(f"c{number:06d}" for number in range(len(histories))), UNLISTED_ID)
    return Crowd(ids, histories, pools)


def crowd_contributors(crowd: Crowd) -> list[dict[str, object]]:
    """Rows of `contributors`."""
    return [
        {
            "contributor_id": contributor_id,
            "display_name": f"Contributor {number}",
            "country": _COUNTRIES[number % len(_COUNTRIES)],
            "currency": _CURRENCIES[number % len(_CURRENCIES)],
            "payee_ref": f"payee-{number:06d}",
        }
        for number, contributor_id in enumerate(crowd.ids[:-1])
    ]


def crowd_consents(crowd: Crowd) -> list[dict[str, object]]:
    """Rows of `consents` that hold for all of a contributor's assets."""
    return [
        {
            "contributor_id": contributor_id,
            "purpose": event.purpose,
            "value": event.value,
            "given_at": event.given_at,
            "agreement_ref": f"agreement-{contributor_id}",
        }
        for contributor_id, history in zip(crowd.ids, crowd.histories, strict=False)
        for event in history_events(history)
    ]
