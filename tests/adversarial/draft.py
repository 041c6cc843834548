"""Drafts of assets: the row of `assets` and its rows in other tables, changed by traps."""

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
    """A row of `assets` that traps can still change.

    Attributes:
        number: A number from which ids and paths are derived.
        contributors: All contributors; traps choose authors from it.
        row: Its columns, except `contributors` and `release_ids`.
        authors: Its contributors and their shares.
        consents: Consent events for this asset only, or for assets with similar ids.
        releases: The rows of `releases` made for it.
        release_ids: The release ids that it refers to.
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
        """The id as in its row."""
        return str(self.row["asset_id"])

    def set_authors(self, history: str) -> None:
        """Sets one author with a history; every third asset also gets one who consents."""
        who = self.contributors.pick(history, self.number)
        if self.number % 3:
            self.authors = [(who, 10_000)]
        else:
            self.authors = [(self.contributors.pick("signed", self.number), 9_999), (who, 1)]

    def set_new_author(self, history: str) -> str:
        """Sets a new contributor as the only author, who has no other assets."""
        who = self.contributors.add(history)
        self.authors = [(who, 10_000)]
        return who

    def add_release(self, **changes: object) -> str:
        """Adds a valid model release with the given changes, and returns its id."""
        # If there are several, each id is a prefix of the next.
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
    """A change to an asset with the reasons that it must cause; without reasons it is harmless.

    Attributes:
        name: Stable name.
        reasons: Reason codes.
        slots: What it changes; the traps of one asset must have different slots.
        plant: The function that changes the draft.
        captioned: Whether an asset with this trap may be captioned.
        loses_a_no: Whether a no in it reaches nothing, which stops a run unless the deal says so.
    """

    name: str
    reasons: frozenset[str]
    slots: frozenset[str]
    plant: Callable[[AssetDraft], None]
    captioned: bool = True
    loses_a_no: bool = False


def make_trap(
    name: str, reasons: str, slots: str, plant: Callable[[AssetDraft], None], captioned: bool = True
) -> Trap:
    """Returns a trap; reasons and slots are separated by spaces."""
    return Trap(name, frozenset(reasons.split()), frozenset(slots.split()), plant, captioned)


def column_trap(name: str, reasons: str, slots: str, **values: object) -> Trap:
    """Returns a trap that only sets columns."""
    return make_trap(name, reasons, slots, lambda draft: draft.row.update(values))
