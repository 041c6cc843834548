"""What was decided about each asset: a table for spreadsheets, and the exclusions for the page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from pipelines.ledger.csv_cells import CSV_END, csv_cell
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.decisions import Decision, decisions_of, read_decisions
from pipelines.storage.store import Store
from schemas.reason_info import Outcome

#: The most excluded assets that a page lists; the table for spreadsheets has all.
MOST_SHOWN = 50_000
CSV_COLUMNS = (
    *("asset_id", "outcome", "stage", "reasons", "meaning", "how_to_fix", "detail"),
    *("shard", "key", "kept_asset_id"),
)
_OUTCOMES = {Outcome.FAILED: "failed"}
_BYTE_ORDER_MARK = "\ufeff"  # without it, Excel takes the file for one in the country's code page


@dataclass
class Exclusions:
    """What the decisions of a run say.

    Attributes:
        outcomes: How many assets were delivered, refused or failed.
        by_reason: How many were excluded for each reason; an asset may have several.
        alone: How many of them for that reason alone.
        kept: How many duplicates were left out in favour of another asset.
        ids: The excluded assets, at most MOST_SHOWN.
        stages: The step that decided about each.
        reasons: The reasons of each.
        details: The values seen.
    """

    outcomes: Counter[str] = field(default_factory=Counter)
    by_reason: Counter[str] = field(default_factory=Counter)
    alone: Counter[str] = field(default_factory=Counter)
    kept: list[tuple[str, str, str]] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    reasons: list[tuple[str, ...]] = field(default_factory=list)
    details: list[str] = field(default_factory=list)

    @property
    def excluded(self) -> int:
        """How many assets are not delivered."""
        return self.outcomes.total() - self.outcomes[Outcome.DELIVERED.value]

    def add(self, decision: Decision) -> None:
        """Counts a decision, and keeps it for the list if there is room."""
        self.outcomes[decision.outcome.value] += 1
        if decision.outcome is Outcome.DELIVERED:
            return
        self.by_reason.update(decision.reasons)
        if len(decision.reasons) == 1:
            self.alone.update(decision.reasons)
        if decision.kept_asset_id is not None:
            self.kept.append((decision.asset_id, decision.kept_asset_id, decision.detail))
        if len(self.ids) < MOST_SHOWN:
            self.ids.append(decision.asset_id)
            self.stages.append(decision.stage.value)
            self.reasons.append(decision.reasons)
            self.details.append(decision.detail)

    def to_json(self) -> dict[str, object]:
        """Returns the list as JSON data, in which lists of reasons are numbers."""
        listed: dict[tuple[str, ...], int] = {}
        numbers = [listed.setdefault(codes, len(listed)) for codes in self.reasons]
        return {
            "assets": len(self.ids),
            "id": self.ids,
            "stage": self.stages,
            "reasons": {"values": [list(codes) for codes in listed], "of": numbers},
            "detail": self.details,
        }


def read_exclusions(store: Store, prefix: str) -> Exclusions:
    """Reads all decisions under a prefix; see `pipelines.run.decisions.read_decisions`."""
    found = Exclusions()
    for batch in read_decisions(store, prefix):
        for decision in decisions_of(batch):
            found.add(decision)
    return found


def decisions_csv(store: Store, prefix: str) -> Iterator[bytes]:
    """Yields the decisions as CSV, UTF-8, safe to open in a spreadsheet."""
    yield (_BYTE_ORDER_MARK + ",".join(CSV_COLUMNS) + CSV_END).encode()
    for batch in read_decisions(store, prefix):
        yield "".join(map(_line, decisions_of(batch))).encode("utf-8", "backslashreplace")


def _line(decision: Decision) -> str:
    infos = [REASONS[code] for code in decision.reasons]
    cells: Iterable[str] = (
        decision.asset_id,
        _OUTCOMES.get(decision.outcome, decision.outcome.value),
        decision.stage.value,
        "; ".join(decision.reasons),
        " ".join(info.sentence for info in infos),
        " ".join(info.remedy for info in infos),
        decision.detail,
        decision.shard or "",
        decision.key or "",
        decision.kept_asset_id or "",
    )
    return ",".join(map(csv_cell, cells)) + CSV_END
