"""Receipts: the small records that steps pass to one another. Only they cross a shuffle."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from pipelines.catalogue.outcome import GateSummary
from pipelines.catalogue.references import ReachedReferences
from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.shard_receipt import ShardReceipt as ShardReceipt
from pipelines.storage.tables import RowBlock

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class BatchReceipt:
    """Receipt of one batch that was read, checked and stored in the work area.

    Attributes:
        name: Name of the batch in the work area.
        counts: Rows that entered, passed and failed.
        gate: Results of the catalogue checks.
        reached: What its assets reach of the references that are watched.
        blank_rows: Rows without any value, which were skipped and are not in `counts`.
        empty: How many of the rows that passed say nothing in a column.
        excluded: How many of them have a keyword that the deal excludes.
        control_characters: Free texts with control characters, by column.
        cost: What it took.
    """

    name: str
    counts: StepCounts
    gate: GateSummary
    reached: ReachedReferences
    blank_rows: int
    empty: Counter[str]
    excluded: int
    control_characters: Counter[str]
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class CatalogueVerdict:
    """The result of the catalogue checks for the whole catalogue.

    Attributes:
        stopped: Whether the run stops here; the work area's `verdict.json` says why.
        repeated: Hashes of the asset ids that appear in more than one row, sorted.
    """

    stopped: bool
    repeated: Hashes


@dataclass(frozen=True)
class ScreenReceipt:
    """Receipt of one batch that was screened.

    Attributes:
        name: The batch.
        counts: Assets that entered, passed and were refused.
        blocks: For each unit with assets in the batch that were cleared, the block that holds
            their rows; likewise for assets whose refusal holds for copies of their files.
        cost: What it took.
    """

    name: str
    counts: StepCounts
    blocks: tuple[tuple[int, RowBlock], ...]
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class ScreenSums:
    """What is summed over all batches, without the blocks.

    Attributes:
        counts: Assets that entered, passed and were refused.
        units: The units with rows of the batch: bit n stands for unit n.
        cost: What it took.
    """

    counts: StepCounts
    units: int
    cost: Cost


@dataclass(frozen=True)
class UnitReceipt:
    """Receipt of one unit that was enriched.

    Attributes:
        unit: Its number.
        counts: Assets that entered, passed, were refused and failed.
        decoded: Number of media that had to be decoded.
        embedded: Number of embeddings that had to be computed.
        captioned: Number of captions that had to be computed.
        inspected: Number of media in which faces or text had to be looked for.
        personal: How many of its assets hold personal data.
        cost: What it took, also in an earlier attempt at the run.
    """

    unit: int
    counts: StepCounts
    decoded: int
    embedded: int
    captioned: int
    inspected: int
    personal: PersonalCounts
    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True)
class ShardSpec:
    """A shard to be written.

    Attributes:
        name: Base name, unique across deals.
        family: File extension of its media.
        index: Position among all shards of the delivery; its embedding files carry this number.
    """

    name: str
    family: str
    index: int
