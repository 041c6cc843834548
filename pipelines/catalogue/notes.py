"""What reading did to cells, counted: nothing is changed without being said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

MAX_PROPOSALS = 8


@dataclass
class CellNotes:
    """Counts of cells by column, such as `consents.agreement_ref`.

    Attributes:
        absent: Cells with a word that means nothing is given, such as `NULL`.
        respelled: Cells with a known value in other letters, such as `Active`.
        respelled_ids: Ids that were written with invisible characters or in another Unicode form.
        control_characters: Free texts that hold control characters.
        odd_asset_ids: Those of them that are assets' own ids, as they are compared.
        datelines: Captions that begin with a dateline, if the mapping has editorial captions.
        proposals: What the first of them say of place and day.
    """

    absent: Counter[str] = field(default_factory=Counter)
    respelled: Counter[str] = field(default_factory=Counter)
    respelled_ids: Counter[str] = field(default_factory=Counter)
    control_characters: Counter[str] = field(default_factory=Counter)
    odd_asset_ids: list[str] = field(default_factory=list)
    datelines: Counter[str] = field(default_factory=Counter)
    proposals: list[str] = field(default_factory=list)

    def add(self, other: CellNotes) -> None:
        """Adds the counts of other cells."""
        self.absent += other.absent
        self.respelled += other.respelled
        self.respelled_ids += other.respelled_ids
        self.control_characters += other.control_characters
        self.odd_asset_ids += other.odd_asset_ids
        self.datelines += other.datelines
        self.proposals = (self.proposals + other.proposals)[:MAX_PROPOSALS]

    def to_json(self) -> dict[str, dict[str, int]]:
        """Returns the counts as JSON data, sorted by column."""
        return {
            "absent": dict(sorted(self.absent.items())),
            "respelled": dict(sorted(self.respelled.items())),
            "respelled_ids": dict(sorted(self.respelled_ids.items())),
            "control_characters": dict(sorted(self.control_characters.items())),
        }

    def captions_json(self) -> dict[str, object]:
        """Returns what captions say as JSON data; empty if none has a dateline."""
        if not self.datelines:
            return {}
        return {"datelines": dict(self.datelines), "proposals": self.proposals}
