"""Reads the run's counts and judges them: every asset that enters a step must leave it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.account import TableCount
from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts, none_left, what_to_fix
from pipelines.run.job import Job
from pipelines.run.personal_counts import PersonalCounts
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.parallel import in_parallel
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet, records_under, tables_under
from schemas.errors import RunError
from schemas.reason_info import Outcome


@dataclass(frozen=True)
class RunCounts:
    """The counts that the graph left in the work area.

    Attributes:
        stop: The error's what, which and remedy, if the catalogue checks stopped the run.
        steps: Counts of read, screen, enrich and select; of read alone if the run stopped there.
        computed: How many media were decoded, embedded and captioned in this run, and in how many
            faces or text were looked for, if the deal requires that.
        failed_assets: Number of failed assets in all steps.
        too_many_failed: Whether they exceed the deal's limit.
        shards: Number of planned shards.
        blank_rows: Rows of `assets` without any value, which were skipped.
        empty: How many assets that were read say nothing in a column.
        named: How many ids several assets have, and how many assets an excluded keyword.
        control_characters: Free texts with control characters, by column.
        copies: How copies of refused assets were looked for.
        likeness: How many pairs of assets show the same, and what became of the deal's pairs.
        faces: How many assets show more faces than people, if the deal requires it.
        reported: Rules on references that failed and do not stop the run, with the first ids.
        joined_rows: The rows of each joined file, by its name.
        costs: What each step took.
        personal: How many assets hold personal data.
    """

    stop: tuple[str, str, str] | None
    steps: dict[str, StepCounts]
    computed: dict[str, int]
    failed_assets: int
    too_many_failed: bool
    shards: int
    blank_rows: int = 0
    empty: dict[str, int] = field(default_factory=dict)
    named: dict[str, int] = field(default_factory=dict)
    control_characters: dict[str, int] = field(default_factory=dict)
    copies: dict[str, object] = field(default_factory=dict)
    likeness: dict[str, object] = field(default_factory=dict)
    faces: dict[str, int] = field(default_factory=dict)
    personal: PersonalCounts = field(default_factory=PersonalCounts)
    reported: tuple[dict[str, object], ...] = ()
    joined_rows: dict[str, TableCount] = field(default_factory=dict)
    costs: dict[str, Cost] = field(default_factory=dict)

    @property
    def ran(self) -> dict[str, StepCounts]:
        """The steps that ran: selection does not run if too many assets failed."""
        left_out = {"select"} if self.too_many_failed else set()
        return {name: counts for name, counts in self.steps.items() if name not in left_out}


def read_counts(store: Store, job: Job) -> RunCounts:
    """Reads the counts that the graph left in the work area."""
    verdict = read_json(store, f"{job.work}/verdict.json")
    read = StepCounts.from_json(verdict["counts"])
    costs = _costs({"read": verdict.get("cost")})
    if verdict["stop"] is not None:
        what, which, remedy = verdict["stop"]
        stop = (what, which, remedy)
        return RunCounts(stop, {"read": read}, {}, read.failed_assets, False, 0, costs=costs)
    screen = read_json(store, f"{job.work}/screen.json")
    plan = read_json(store, f"{job.work}/plan.json")
    costs |= _costs({"screen": screen.get("cost"), **plan.get("costs", {})})
    steps = {
        "read": read,
        "screen": StepCounts.from_json(screen),
        "enrich": StepCounts.from_json(plan["enrich"]),
        "select": StepCounts.from_json(plan["select"]),
    }
    return RunCounts(
        stop=None,
        steps=steps,
        computed=plan["computed"],
        failed_assets=plan["dead_letters"],
        too_many_failed=plan["stopped"],
        shards=plan["shards"],
        blank_rows=verdict.get("blank_rows", 0),
        empty=verdict.get("empty", {}),
        named=verdict.get("named", {}),
        control_characters=verdict.get("control_characters", {}),
        copies=plan["copies"],
        likeness=plan["likeness"],
        faces=plan.get("faces", {}),
        personal=PersonalCounts.from_json(plan.get("personal", {})),
        reported=tuple(verdict.get("reported", ())),
        joined_rows={
            name: TableCount(**count) for name, count in verdict.get("joined_rows", {}).items()
        },
        costs=costs,
    )


def _costs(values: Mapping[str, object]) -> dict[str, Cost]:
    """Reads what steps took; an earlier release left nothing of it in a work area."""
    return {name: Cost.from_json(value) for name, value in values.items() if value}


def fault_of(job: Job, counts: RunCounts) -> RunError | None:
    """Returns why these counts allow no delivery; None if they allow one."""
    where = f"{job.output_uri}/{job.agency}"
    if counts.too_many_failed:
        rows = counts.steps["read"].failed_assets
        remedy = what_to_fix(rows, counts.failed_assets - rows)
        return RunError(
            "Too many failed assets",
            f"{counts.failed_assets:,} of {counts.steps['read'].entered:,} assets, limit "
            f"limits.dead_letter_share = {job.deal.limits.dead_letter_share}",
            f"See {where}/dead_letters for the causes; {remedy}, or raise the limit.",
        )
    if counts.steps["select"].passed == 0:
        return RunError(
            "Nothing is left to deliver",
            none_left(counts.steps["read"].entered),
            f"The reasons are in {where}/decisions.",
        )
    return None


def read_receipts(store: Store, job: Job) -> list[ShardReceipt]:
    """Reads the receipts of all shards, in the order of their index."""
    keys = [found.key for found in records_under(store, f"{job.work}/shards")]
    records = in_parallel(store, partial(read_json, store), keys)
    return sorted(map(ShardReceipt.from_json, records), key=lambda receipt: receipt.index)


def reconcile(
    store: Store, job: Job, counts: RunCounts, receipts: list[ShardReceipt]
) -> dict[str, StepCounts]:
    """Checks every sum of the run.

    1. In each step, entered = passed + refused + failed.
    2. Each step receives as many assets as the step before it passed.
    3. Every planned shard was written, and the shards hold what was selected.
    4. The decisions table has one row for each row of the catalogue, and as many delivered rows
       as the shards hold samples.

    Returns:
        The steps' counts, including `write`.

    Raises:
        RunError: Naming the first sum that fails.
    """
    written = sum(receipt.shard.samples for receipt in receipts)
    steps = dict(counts.steps)
    steps["write"] = StepCounts(entered=steps["select"].passed, passed=written)
    before = steps["read"].entered
    for name, step in steps.items():
        _check_equal(f"assets that entered {name}", step.entered, before)  # 2
        out = step.passed + step.refused_assets + step.failed_assets
        _check_equal(f"assets that left {name}", out, step.entered)  # 1
        before = step.passed
    _check_equal("shards written", len(receipts), counts.shards)  # 3
    rows = delivered = 0  # 4
    keys = [found.key for found in tables_under(store, f"{job.agency}/decisions")]
    for table in in_parallel(store, partial(read_parquet, store, columns=["outcome"]), keys):
        outcomes = table["outcome"]
        rows += len(outcomes)
        delivered += len(outcomes.filter(pc.equal(outcomes, pa.scalar(Outcome.DELIVERED.value))))
    _check_equal("rows of the decisions table", rows, steps["read"].entered)
    _check_equal("decisions to deliver", delivered, written)
    return steps


def _check_equal(what: str, found: int, expected: int) -> None:
    if found != expected:
        raise RunError(
            "The counts do not reconcile",
            f"{what}: {found:,}, expected {expected:,}",
            "Nothing was published. Run again; if it happens twice, report it.",
        )
