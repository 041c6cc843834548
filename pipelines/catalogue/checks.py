"""All checks of a catalogue, in one place, so that `check` and `package` cannot disagree."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

import pyarrow as pa

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.agreement_references import find_agreement_references
from pipelines.catalogue.consent_basis import count_bases
from pipelines.catalogue.consent_default import count_defaults
from pipelines.catalogue.gate import GateResult, gate_batch, read_small_tables
from pipelines.catalogue.joins import watch_joins
from pipelines.catalogue.memory import NO_MEMORY, CheckMemory
from pipelines.catalogue.notes import CellNotes
from pipelines.catalogue.outcome import GateSummary, merge_summaries, stop_error
from pipelines.catalogue.precision import count_later_denials
from pipelines.catalogue.read import Catalogue, TableBatch, read_batches
from pipelines.catalogue.reference_verdict import (
    add_reference_outcomes,
    reference_error,
    reported_references,
)
from pipelines.catalogue.references import (
    ReachedReferences,
    ReferenceWatch,
    find_unreached,
    watch_references,
)
from pipelines.catalogue.suite import RuleSuite, check_divert, load_suite
from pipelines.storage.columns import Column
from schemas.deal import Deal
from schemas.errors import InputError
from schemas.faults import FaultsError


@dataclass(frozen=True)
class Judgement:
    """The verdict on a whole catalogue.

    Attributes:
        summary: The results of every rule.
        error: Why the run stops, or None.
        reported: Rules that failed and do not stop the run: name, count and the first ids.
        other_references: How many other references reach nothing, by kind.
        joined_rows: The rows of each joined file, by its name.
    """

    summary: GateSummary
    error: InputError | None
    reported: list[dict[str, object]]
    other_references: dict[str, int]
    joined_rows: dict[str, TableCount]


@dataclass(frozen=True)
class CatalogueChecks:
    """The checks of one catalogue for one deal.

    Attributes:
        catalogue: The catalogue.
        suite: The rules of single assets.
        divert: Rules that do not stop this deal's run.
        contributors: The table of contributors.
        watch: The references that the assets must settle.
        notes: What reading did to the cells of the small tables.
        rows: How many rows of the small tables were read.
        memory: What was found in the same rows before.
    """

    catalogue: Catalogue
    suite: RuleSuite
    divert: frozenset[str]
    contributors: pa.Table
    watch: ReferenceWatch
    notes: CellNotes = field(default_factory=CellNotes)
    rows: dict[str, TableCount] = field(default_factory=dict)
    memory: CheckMemory = NO_MEMORY

    def check_batch(self, batch: TableBatch) -> tuple[GateResult, ReachedReferences]:
        """Applies the rules to a batch of assets, and looks up what it reaches."""
        reached = self.watch.reached_by(batch.table, batch.unread, batch.notes.odd_asset_ids)
        return gate_batch(batch.table, self.suite, self.divert, self.memory), reached

    def judge(
        self, summaries: Iterable[GateSummary], reached: Iterable[ReachedReferences]
    ) -> Judgement:
        """Judges all batches together."""
        summary = merge_summaries(summaries)
        unreached = find_unreached(self.watch, reached, self._asset_ids)
        stopped = stop_error(summary, self.suite)
        unsettled = reference_error(unreached, self.watch, self._asset_ids, self.divert)
        found = [error for error in (stopped, unsettled) if error is not None]
        error = FaultsError(found) if len(found) > 1 else next(iter(found), None)
        return Judgement(
            add_reference_outcomes(summary, unreached, self.divert),
            error,
            reported_references(unreached, self.divert),
            unreached.other,
            unreached.joined_rows,
        )

    def _asset_ids(self) -> Iterator[Column]:
        for part in self.catalogue.parts("assets"):
            for batch in read_batches(part, self.catalogue.mapping):
                for table in (batch.table, batch.unread):
                    ids = table.column("asset_id").combine_chunks()
                    yield ids.drop_null()


def prepare_checks(
    catalogue: Catalogue, deal: Deal, as_of_us: int, memory: CheckMemory = NO_MEMORY
) -> CatalogueChecks:
    """Reads and checks the small tables, and prepares the checks of the assets.

    Args:
        catalogue: The catalogue.
        deal: The deal.
        as_of_us: The instant at which rights are judged, in µs since 1970.
        memory: What was found in the same rows before.

    Raises:
        InputError: If a row of a small table cannot be read or fails a rule, or the deal names a
            rule that does not exist.
    """
    suite = load_suite("assets")
    divert = check_divert(suite, deal.gate.divert)
    notes = CellNotes()
    rows: dict[str, TableCount] = {}
    contributors, consents, releases, agreements = read_small_tables(catalogue, notes, rows, memory)
    later = {"denials_after_as_of": count_later_denials(consents, as_of_us)}
    named_counts = later | count_bases(consents, as_of_us) | count_defaults(consents)
    rows["consents"] = replace(rows["consents"], named=tuple(named_counts.items()))
    named = find_agreement_references(contributors, consents, agreements, deal)
    small = {
        "contributors": contributors,
        "consents": consents,
        "releases": releases,
        "agreements": agreements,
    }
    joins = watch_joins(catalogue, small, notes)
    assets = deal.named_assets
    watch = watch_references(contributors, consents, releases, named, joins, assets)
    return CatalogueChecks(catalogue, suite, divert, contributors, watch, notes, rows, memory)


def judge_whole(checks: CatalogueChecks) -> Judgement:
    """Reads and judges all assets of a catalogue, a batch at a time."""
    summaries: list[GateSummary] = []
    reached: list[ReachedReferences] = []
    for part in checks.catalogue.parts("assets"):
        for batch in read_batches(part, checks.catalogue.mapping):
            checked, found = checks.check_batch(batch)
            summaries.append(checked.summary)
            reached.append(found)
    return checks.judge(summaries, reached)


def no_assets_error(catalogue: Catalogue) -> InputError:
    """Returns the error of a catalogue without a row of assets."""
    return InputError("The catalogue has no assets", catalogue.uri, "Give a catalogue with rows.")
