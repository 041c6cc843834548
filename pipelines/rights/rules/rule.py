"""What a rule of screening is: one record for each reason that screening can give.

To add a rule is to add a record to `RULES` in a module of `rules/`. Its bit in a screening mask,
its place in decisions, what their detail shows, its line in a trace and in an ODRL policy, its row
in docs/rights.md: all follow from the record.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from pipelines.rights.arrow import BoolArray
from pipelines.rights.index import RightsIndex
from pipelines.rights.releases import ReleaseFault
from pipelines.rights.rules.batch import AssetBatch
from schemas.catalogue import AssetRow, grant_column
from schemas.deal import Deal
from schemas.reason_info import Outcome, ReasonInfo, Stage

# Among the columns of a rule, what stands for others: the grants for the purposes that the deal
# needs, and what contributors said instead of a column.
NEEDED_GRANTS = grant_column("*")
CONSENT_NOTES = "consents"
# Likewise, which notices removed what.
REMOVAL_NOTES = "notices"


@dataclass(frozen=True)
class TracedRow:
    """One row of the catalogue that is explained.

    Attributes:
        row: Its values.
        rows_with_id: How many rows of the catalogue have its id.
        deal: The deal.
        index: What it was screened with.
    """

    row: AssetRow
    rows_with_id: int
    deal: Deal
    index: RightsIndex


@dataclass(frozen=True)
class Topic:
    """What rules are about: a numbered paragraph of docs/rights.md.

    Attributes:
        number: Its number there.
        name: Its name there, in small letters.
        said: For a trace, the values that its rules look at, in one line.
    """

    number: int
    name: str
    said: Callable[[TracedRow], str]


def _every_deal(_: Deal) -> bool:
    return True


@dataclass(frozen=True, kw_only=True, eq=False)
class Rule:
    """A reason for which screening refuses an asset.

    Attributes:
        code: The reason's code. Codes are stable: they are in published tables.
        topic: What it is about.
        where: Where an asset of a batch is refused, [rows].
        applies: Under which deals it is asked at all.
        columns: Columns of the assets table whose values a decision's detail shows, or
            `NEEDED_GRANTS`, `CONSENT_NOTES` or `REMOVAL_NOTES`.
        sentence: What the reason means, in plain words.
        source: The columns or tables at fault; the rule's own columns where it is left out.
        remedy: What would clear the asset.
        governed_by: The keys of the deal that decide how strict the rule is, the first to look at
            first; none where no deal lets such an asset pass.
        release_fault: For a rule about single releases, when a release has the fault.
        travels: Whether the refusal is a no to the work itself, so that it also holds for copies
            of the file under other ids.
        lasting: Of a refusal that travels, whether not even a ruling on the owner lifts it.
    """

    code: str
    topic: Topic
    where: Callable[[AssetBatch], BoolArray]
    applies: Callable[[Deal], bool] = _every_deal
    columns: tuple[str, ...]
    sentence: str
    source: str = ""
    remedy: str
    governed_by: tuple[str, ...] = ()
    release_fault: ReleaseFault | None = None
    travels: bool = True
    lasting: bool = False

    @property
    def info(self) -> ReasonInfo:
        """What people are told about the reason."""
        source = self.source or ", ".join(f"assets.{name}" for name in self.columns)
        return ReasonInfo(
            Stage.SCREEN, Outcome.REFUSED, self.sentence, source, self.remedy, self.governed_by
        )

    def shown_columns(self, deal: Deal) -> tuple[str, ...]:
        """Its columns, with the grants that the deal needs by name."""
        if self.columns == (NEEDED_GRANTS,):
            return tuple(grant_column(purpose) for purpose in deal.needed_purposes)
        return self.columns
