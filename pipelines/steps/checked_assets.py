"""Checks and screens all assets of a catalogue in one pass, a batch at a time; writes nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipelines.catalogue.account import TableCount
from pipelines.catalogue.checks import CatalogueChecks
from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.read import TableBatch, read_table
from pipelines.catalogue.references import ReachedReferences
from pipelines.rights.rules.attribution import early_reasons, mark_unnamed
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.listing import SCREENING_RULES
from pipelines.rights.rules.personal import personal_texts
from pipelines.rights.rules.screen import RULE_BITS, build_rights_index, screen_by
from pipelines.run.counts import StepCounts
from pipelines.run.receipts import Hashes
from pipelines.run.undelivered import Undelivered
from pipelines.steps.read import count_passed, hash_ids, repeated_hashes
from pipelines.storage.columns import values_of
from schemas.catalogue import SMALL_TABLES
from schemas.deal import Deal
from schemas.removed import NOTHING_REMOVED, Removed

_REPEATED = next(bit for rule, bit in RULE_BITS.items() if rule.code == "asset.duplicate_id")


@dataclass
class CheckedAssets:
    """What was found in all batches of assets.

    Attributes:
        checks: The catalogue's checks.
        deal: The deal.
        as_of_us: The instant as of which rights are evaluated, µs since 1970, UTC.
        removed: What notices of removal keep out.
        sample: Of how many cleared assets the files are kept at most; of the same ones each time.
        failed: Rows that are failed assets, by reason.
        examples: What the first such row of each reason is about.
        blank: Rows without any value, which were skipped.
        excluded: Assets with a keyword that the deal excludes.
        summaries: The results of every rule, by batch.
        reached: What each batch reaches of the references that are watched.
        empty: How many rows say nothing in a column.
        personal: Texts with personal data, by kind.
        notices: How many assets notices of removal keep out.
    """

    checks: CatalogueChecks
    deal: Deal
    as_of_us: int
    removed: Removed = NOTHING_REMOVED
    sample: int = 0
    failed: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    blank: int = 0
    excluded: int = 0
    summaries: list[GateSummary] = field(default_factory=list)
    reached: list[ReachedReferences] = field(default_factory=list)
    empty: Counter[str] = field(default_factory=Counter)
    personal: Counter[str] = field(default_factory=Counter)
    notices: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        contributors, consents, releases, agreements = (
            read_table(self.checks.catalogue, name) for name in SMALL_TABLES
        )
        self._index = build_rights_index(
            *(contributors, consents, releases, agreements),
            *(self.deal, self.as_of_us, self.removed),
        )
        self._hashes: list[Hashes] = []
        self._lost: list[Hashes] = []
        self._masks: list[npt.NDArray[np.uint64]] = []
        self._files: list[tuple[int, str, str]] = []  # hash, asset, file

    def add(self, batch: TableBatch) -> None:
        """Checks, screens and counts a batch."""
        self.blank += batch.blank_rows
        self.checks.notes.add(batch.notes)
        checked, found = self.checks.check_batch(batch)
        for row in (*batch.failed_rows, *checked.failed_rows):
            self.failed[row.reason] += 1
            self.examples.setdefault(row.reason, row.detail)
        self.summaries.append(checked.summary)
        self.reached.append(found)
        self.personal.update(personal_texts(batch.table))
        silent, with_keyword = count_passed(checked.table, self.deal)
        self.empty.update(silent)
        self.excluded += with_keyword
        lost = (row.asset_id for row in (*batch.failed_rows, *checked.failed_rows))
        self._lost.append(hash_ids(lost))
        self._screen(checked.table)

    def _screen(self, assets: pa.Table) -> None:
        hashes = hash_ids(values_of(assets["asset_id"], str))
        batch = AssetBatch(assets, self._index, self.deal, np.zeros(len(assets), np.bool_))
        mask = screen_by(SCREENING_RULES, batch)
        mark_unnamed(batch, mask)
        self.notices.update(self._index.removed.count(assets))
        self._hashes.append(hashes)
        self._masks.append(mask)
        cleared = np.flatnonzero(mask == 0)
        chosen = cleared[np.argsort(hashes[cleared])[: self.sample]]
        rows = assets.select(["asset_id", "media_uri"]).take(chosen)
        ids, files = (values_of(rows[name], str) for name in ("asset_id", "media_uri"))
        self._files += zip(hashes[chosen].tolist(), ids, files, strict=True)
        # Some more than are wanted: ids that turn out to occur in several rows are left out.
        self._files = sorted(self._files)[: 2 * self.sample]

    def repeated(self) -> Hashes:
        """Returns the hashes of ids that occur in several rows, sorted."""
        return repeated_hashes([*self._hashes, *self._lost])

    def files(self) -> list[tuple[str, str]]:
        """Returns asset id and media_uri of cleared assets, of at most `sample`."""
        repeated = set(self.repeated().tolist())
        kept = [(asset, uri) for number, asset, uri in self._files if number not in repeated]
        return kept[: self.sample]

    def row_counts(self, summary: GateSummary) -> TableCount:
        """Returns what was read and used of the table."""
        return TableCount(
            summary.rows - summary.diverted,
            self.failed.total(),
            self.blank,
            empty=tuple(self.empty.items()),
            named=(
                ("repeated_ids", len(self.repeated())),
                ("with_excluded_keyword", self.excluded),
            ),
        )

    def screened(self) -> Undelivered:
        """Returns the counts of the steps read and screen."""
        repeated = self.repeated()
        masks: Counter[int] = Counter()
        for hashes, mask in zip(self._hashes, self._masks, strict=True):
            mask[np.isin(hashes, repeated)] |= _REPEATED
            found, sizes = np.unique(mask, return_counts=True)
            masks.update(dict(zip(found.tolist(), sizes.tolist(), strict=True)))
        read = StepCounts(masks.total() + self.failed.total(), masks.total(), failed=self.failed)
        screened = StepCounts(masks.total(), masks[0], notices=self.notices)
        alone = Counter(self.failed)  # a failed asset has one reason
        for bits, size in masks.items():
            reasons = early_reasons(bits)
            if reasons:
                screened.add_refusals(reasons, size)
            if len(reasons) == 1:
                alone[reasons[0]] += size
        return Undelivered({"read": read, "screen": screened}, alone)
