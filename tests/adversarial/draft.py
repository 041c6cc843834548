"""An asset while it is drafted: its row, and what the other tables say of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from tests.adversarial.contributors import ContributorPool
from tests.adversarial.terms import RELEASE_WORD, SHOOT_DAY

Row = dict[str, Any]


@dataclass
class AssetDraft:
    """One row of `assets` in the making.

    Attributes:
        number: Its number, from which ids and paths come.
        contributors: All contributors; faults take theirs from it.
        row: Its columns, `contributors` and `release_ids` aside.
        authors: Contributors and shares.
        consents: Events narrowed to it, or to others with similar ids.
        releases: Rows of `releases` made for it.
        release_ids: What it names.
    """

    number: int
    contributors: ContributorPool
    row: Row
    authors: list[tuple[str, int]]
    consents: list[Row] = field(default_factory=list)
    releases: list[Row] = field(default_factory=list)
    release_ids: list[str] = field(default_factory=list)

    @property
    def asset_id(self) -> str:
        """Its id, as it stands once blanks around it are dropped."""
        return str(self.row["asset_id"])

    def set_authors(self, history: str) -> None:
        """Makes contributors of a history its makers: one, or one beside somebody who agrees."""
        who = self.contributors.pick(history, self.number)
        if self.number % 3:
            self.authors = [(who, 10_000)]
        else:
            self.authors = [(self.contributors.pick("signed", self.number), 9_999), (who, 1)]

    def set_new_author(self, history: str) -> str:
        """Makes it the only work of a new contributor, whom no other row can disturb."""
        who = self.contributors.add(history)
        self.authors = [(who, 10_000)]
        return who

    def add_release(self, **changes: object) -> str:
        """Adds a model release without a fault but for the changes; gives its id."""
        # Of several, each is a prefix of the next.
        release_id = f"{RELEASE_WORD}{self.number}" + "x" * len(self.releases)
        self.releases.append(
            {
                "release_id": release_id,
                "kind": "model",
                "subject_ref": f"subject {release_id}",
                "signed_at": date(2024, 7, 1),
                "subject_signed": True,
                "photographer_signed": True,
                "witness_ref": "a neighbour",
                "minor": False,
                "ml_use": "allow",
                "biometric_rider": True,
                "shoot_from": SHOOT_DAY,
                "shoot_until": SHOOT_DAY,
                **changes,
            }
        )
        self.release_ids.append(release_id)
        return release_id


@dataclass(frozen=True)
class Trap:
    """A change of an asset with the reasons that it must have; one without reasons is harmless.

    Attributes:
        name: Stable name.
        reasons: Reason codes.
        slots: What it touches; traps of one asset touch different things.
        plant: Changes the draft.
        captioned: Whether the asset may be captioned, as far as this trap goes.
    """

    name: str
    reasons: frozenset[str]
    slots: frozenset[str]
    plant: Callable[[AssetDraft], None]
    captioned: bool = True


def make_trap(
    name: str, reasons: str, slots: str, plant: Callable[[AssetDraft], None], captioned: bool = True
) -> Trap:
    """A trap from texts with spaces between the codes."""
    return Trap(name, frozenset(reasons.split()), frozenset(slots.split()), plant, captioned)


def column_trap(name: str, reasons: str, slots: str, **values: object) -> Trap:
    """A trap that only sets columns."""
    return make_trap(name, reasons, slots, lambda draft: draft.row.update(values))
