"""Traps about an asset's contributors: rules 7 and 8 of docs/rights.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime

from tests.adversarial.contributors import HARMLESS, HOSTILE, WITHOUT_INFERENCE
from tests.adversarial.draft import AssetDraft, Trap, make_trap
from tests.adversarial.terms import (
    AS_OF,
    CONTRIBUTOR_WORD,
    LONG_AGO,
    MICROSECOND,
    AdversaryTerms,
    compared_id,
)

_Event = tuple[str, datetime]


def contributor_traps(terms: AdversaryTerms) -> list[Trap]:
    """Returns all traps about contributors, including harmless ones."""
    return [*_histories(terms), *_narrowed(), *_splits()]


def _histories(terms: AdversaryTerms) -> list[Trap]:
    return [
        make_trap(
            f"contributor: {name}",
            history.reasons(terms),
            "authors",
            _made_by(name),
            name not in WITHOUT_INFERENCE,
        )
        for name, history in {**HARMLESS, **HOSTILE, **WITHOUT_INFERENCE}.items()
    ]


def _made_by(history: str) -> Callable[[AssetDraft], None]:
    return lambda draft: draft.set_authors(history)


def _similar(asset_id: str) -> list[str]:
    """Returns ids that look like this one but differ; some are other assets' ids."""
    head, tail = asset_id[:-1], asset_id[-1]
    alike = [
        asset_id + "0",
        asset_id.swapcase(),
        f"{head} {tail}",
        f"{asset_id}\u0301",
        asset_id.replace("-", "\u2010"),
        head + chr(0xFF00 + ord(tail) - 0x20) if tail.isdigit() else f"x{asset_id}",
    ]
    return [other for other in alike if compared_id(other) != compared_id(asset_id)]


def _speaks(
    general: str, *events: _Event, about: Callable[[str], list[str]] = lambda own: [own]
) -> Callable[[AssetDraft], None]:
    """Returns a change to the only asset of a contributor with consent events for one asset."""

    def plant(draft: AssetDraft) -> None:
        who = draft.set_new_author(general)
        draft.consents += [
            {
                "contributor_id": who,
                "purpose": "all",
                "value": value,
                "given_at": when,
                "asset_id": asset_id,
            }
            for asset_id in about(draft.asset_id)
            for value, when in events
        ]

    return plant


def _narrowed() -> list[Trap]:
    early, late = LONG_AGO - MICROSECOND, AS_OF
    yes, no = "allowed for all", "denied for all long ago"
    none, gone = "no event for all", "denied for all at as_of"
    denied, withdrawn = "consent.denied", "consent.withdrawn"
    cases: list[tuple[str, str, Callable[[AssetDraft], None]]] = [
        ("denied for the asset before allowed for all", denied, _speaks(yes, ("deny", early))),
        ("denied for the asset when allowed for all", denied, _speaks(yes, ("deny", LONG_AGO))),
        ("denied for the asset after allowed for all", withdrawn, _speaks(yes, ("deny", late))),
        ("conditional for the asset", "consent.conditional", _speaks(yes, ("conditional", early))),
        ("unknown for the asset", "consent.missing", _speaks(yes, ("unknown", early))),
        ("denied for the asset after as_of", "", _speaks(yes, ("deny", AS_OF + MICROSECOND))),
        ("denied for similar ids", "", _speaks(yes, ("deny", late), about=_similar)),
        (
            "denied for the asset, with blanks",
            withdrawn,
            _speaks(yes, ("deny", late), about=lambda own: [f"\u00a0{own} \t"]),
        ),
        (
            "allowed for the asset after denied for all",
            "",
            _speaks(no, ("allow", LONG_AGO + MICROSECOND)),
        ),
        (
            "allowed and denied for the asset at once",
            denied,
            _speaks(no, ("allow", late), ("deny", late)),
        ),
        ("allowed for the asset when denied for all", denied, _speaks(no, ("allow", LONG_AGO))),
        (
            "allowed for the asset, then denied for all",
            withdrawn,
            _speaks(gone, ("allow", LONG_AGO)),
        ),
        (
            "allowed for the asset and denied for all at as_of",
            denied,
            _speaks(gone, ("allow", AS_OF)),
        ),
        ("allowed only for the asset", "", _speaks(none, ("allow", late))),
        (
            "allowed only for the asset, after as_of",
            "consent.missing",
            _speaks(none, ("allow", AS_OF + MICROSECOND)),
        ),
        (
            "allowed only for similar ids",
            "consent.missing",
            _speaks(none, ("allow", LONG_AGO), about=_similar),
        ),
        (
            "denied for all, allowed for similar ids",
            denied,
            _speaks(no, ("allow", late), about=_similar),
        ),
        ("denied for the asset by other contributors", "", _others_no),
    ]
    lost = ("denied for similar ids", "denied for the asset by other contributors")
    return [
        replace(make_trap(f"consent: {name}", why, "authors id", plant), loses_a_no=name in lost)
        for name, why, plant in cases
    ]


def _others_no(draft: AssetDraft) -> None:
    draft.set_new_author("allowed for all")
    for who in (draft.contributors.pick("denied", 0), f"{CONTRIBUTOR_WORD}1:{draft.asset_id}"):
        draft.consents.append(
            {
                "contributor_id": who,
                "purpose": "all",
                "value": "deny",
                "given_at": AS_OF,
                "asset_id": draft.asset_id,
            }
        )


def _splits() -> list[Trap]:
    cases: list[tuple[str, list[int]]] = [
        ("splits.not_whole", []),
        ("splits.not_whole", [9_999]),
        ("splits.not_whole", [10_001]),
        ("splits.not_whole", [10_000, 0]),
        ("splits.not_whole", [10_001, -1]),
        ("splits.not_whole", [5_000, 4_999]),
        ("splits.not_whole", [2_147_483_647, 2_147_483_647, 10_002]),
        ("", [1, 9_999]),
        ("", [3_333, 3_333, 3_334]),
    ]

    def share(parts: list[int], same: bool = False) -> Callable[[AssetDraft], None]:
        def plant(draft: AssetDraft) -> None:
            first = draft.number
            draft.authors = [
                (draft.contributors.pick("signed", first if same else first + place), part)
                for place, part in enumerate(parts)
            ]

        return plant

    return [
        *(make_trap(f"shares {parts}", why, "authors", share(parts)) for why, parts in cases),
        make_trap("the same contributor twice", "", "authors", share([5_000, 5_000], same=True)),
        make_trap(
            "the same contributor twice, 200 % in all",
            "splits.not_whole",
            "authors",
            share([10_000] * 2, True),
        ),
    ]
