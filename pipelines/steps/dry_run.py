"""Runs the whole pipeline on all files of a catalogue up to the plan, and delivers nothing.

The steps are those of `package`, in a temporary output that is removed: what this finds, `package`
finds, as long as files and servers say the same.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.tables import considered_table
from pipelines.ledger.allocation import Allocator
from pipelines.ledger.payees import own_agency_shares, read_payees
from pipelines.run.counts import StepCounts
from pipelines.run.job import Job
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.run.undelivered import Undelivered, look_back
from pipelines.steps.graph import run_pipeline, select_graph
from pipelines.steps.pool_files import considered_assets
from pipelines.steps.reconcile import fault_of, read_counts
from pipelines.steps.screen import load_small_tables
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from schemas.errors import FairshardError, InputError
from schemas.removed import Removed

_COLUMNS = ["asset_id", "media_type", "contributors", "weight"]
_NO_DIGEST = "0" * 64  # of a file or a decision; money does not depend on them


@dataclass(frozen=True)
class DryRun:
    """The result that a run would have.

    Attributes:
        ended: The counts of each step, and the assets that each rule excluded alone.
        error: Why it would end without a delivery; None if it would deliver.
    """

    ended: Undelivered
    error: FairshardError | None


def dry_run(request: JobRequest, removed: Removed) -> DryRun:
    """Reads, screens, enriches and selects as `package` does, and divides the price.

    Args:
        request: The run's arguments; its output and key are not used.
        removed: What notices of removal keep out.

    Raises:
        InputError: If an input is refused.
        RunError: If a worker, a model or a service fails.
    """
    with tempfile.TemporaryDirectory(prefix="fairshard-check-") as folder:
        prepared = prepare_job(replace(request, output=f"{folder}/out", key=""))
        job, store = replace(prepared.job, removed=removed), prepared.store
        run_pipeline(store, job, select_graph)
        counts = read_counts(store, job)
        ended = look_back(store, f"{job.work}/agency/decisions", counts.ran)
        if counts.stop is not None:
            return DryRun(ended, InputError(*counts.stop))
        fault = fault_of(job, counts)
        if fault is not None:  # the folder that its remedy names is removed with this run
            remedy = "The reasons are in the table; fairshard explain shows one asset's."
            return DryRun(ended, type(fault)(fault.what, fault.which, remedy))
        chosen = counts.steps["select"].passed
        written = {"write": StepCounts(chosen, chosen)}
        ended = replace(ended, steps={**ended.steps, **written})
        return DryRun(ended, _money_fault(store, job))


def _money_fault(store: Store, job: Job) -> InputError | None:
    """Returns why the price cannot be divided among the chosen assets, or None."""
    price = job.deal.price
    payees = read_payees(load_small_tables(job)[0])
    allocator = Allocator(price, job.as_of.date(), own_agency_shares(payees))
    try:
        for table in _chosen_assets(store, job):
            allocator.add(table)
        if price.base == "considered":
            for table in considered_assets(store, job):
                allocator.consider(table)
        allocator.allocate(price.pool_minor, {}, job.salt)
    except InputError as error:
        return error
    return None


def _chosen_assets(store: Store, job: Job) -> Iterator[pa.Table]:
    """Yields what the division of money needs of the planned assets, a unit at a time."""
    plans = tables_under(store, f"{job.work}/plan")
    parts = [read_parquet(store, plan.key, ["asset_id"]) for plan in plans]
    chosen = pa.concat_tables(parts)["asset_id"].combine_chunks()
    for item in tables_under(store, f"{job.work}/units"):
        rows = read_parquet(store, item.key, _COLUMNS)
        rows = rows.filter(pc.is_in(rows["asset_id"], chosen))
        if len(rows):
            table = considered_table(rows)
            for name in ("media_sha256", "decision_sha256"):
                table = table.append_column(name, pa.array([_NO_DIGEST] * len(rows)))
            table = table.append_column("samples", pa.array([1] * len(rows)))
            table = table.append_column("key", rows["asset_id"])
            yield table
