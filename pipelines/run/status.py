"""The state of a run, read from its output alone: from another terminal or another machine."""

from __future__ import annotations

import contextlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from enum import StrEnum
from functools import partial

from pydantic import ValidationError

from pipelines.run.counts import StepCounts
from pipelines.run.lease import DEFAULT_TIMING
from pipelines.run.lease_record import (
    LeaseRecord,
    LeaseStatus,
    assess_lease,
    latest_lease_record,
)
from pipelines.run.left_so_far import (
    PlanOfShards,
    counts_in,
    first_line,
    parsed,
    samples_in,
    text_of,
)
from pipelines.storage.store import ObjectInfo, Store
from schemas import layout
from schemas.errors import FairshardError, RunError
from schemas.run_record import RunOutcome, RunRecord

_READERS = 8  # receipts that are read at once


class RunState(StrEnum):
    """How a run stands."""

    RUNNING = "running"
    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  # it ended, and its assets were counted
    FAILED = "failed"  # an error ended it before that
    KILLED = "killed"  # its process is gone, and it did not give up its version
    INTERRUPTED = "interrupted"  # it was stopped by hand, or its inputs were refused
    UNREADABLE = "unreadable"  # a file of it is damaged, or could not be had


@dataclass(frozen=True)
class Holder:
    """The process that holds a version.

    Attributes:
        record: Its lease.
        status: Whether it is alive, as far as that can be told from here.
        since_s: Seconds since it took the lease, by the store's clock.
    """

    record: LeaseRecord
    status: LeaseStatus
    since_s: float


@dataclass(frozen=True)
class StepProgress:
    """The step that a run is at.

    Attributes:
        step: Its name.
        noun: What its pieces are.
        done: How many of them are done.
        of: How many there are; None while that is not known.
        assets_left: How many assets are left to do in the step; None if that is not known.
        rate: Assets a second in this attempt; None until some are done.
    """

    step: str
    noun: str
    done: int
    of: int | None = None
    assets_left: int | None = None
    rate: float | None = None

    @property
    def left_s(self) -> float | None:
        """How long the step still takes at this rate, in seconds; None if it is not known."""
        if self.rate is None or self.assets_left is None:
            return None
        return self.assets_left / self.rate


@dataclass(frozen=True)
class RunStatus:
    """The state of the last run of a version.

    Attributes:
        deal_id: The deal.
        version: Name of the version.
        run_id: The run.
        state: How it stands.
        delivery: Address of the delivery, whether it is there or not yet.
        steps: The counts so far of the steps that have begun, in order.
        at: The step that it is at; None if it has ended and left no work behind.
        holder: The process that holds the version; None if none does.
        command: The command that continues it; "" if it is not known.
        record: What the run left when it ended; None if nothing.
        fault: Why it cannot be read; None if it was.
    """

    deal_id: str
    version: str
    run_id: str
    state: RunState
    delivery: str
    steps: dict[str, StepCounts]
    at: StepProgress | None
    holder: Holder | None
    command: str = ""
    record: RunRecord | None = None
    fault: FairshardError | None = None

    @property
    def is_well(self) -> bool:
        """Whether nothing needs to be done about it."""
        return self.state in (RunState.RUNNING, RunState.DELIVERED)

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON data."""
        at, holder, fault = self.at, self.holder, self.fault
        return {
            "deal_id": self.deal_id,
            "version": self.version,
            "run_id": self.run_id,
            "state": self.state.value,
            "delivery": self.delivery if self.state is RunState.DELIVERED else None,
            "steps": {name: counts.to_json() for name, counts in self.steps.items()},
            "at": None
            if at is None
            else {
                "step": at.step,
                "pieces": at.noun,
                "done": at.done,
                "of": at.of,
                "assets_left": at.assets_left,
                "assets_per_s": at.rate,
                "left_s": at.left_s,
            },
            "holder": None
            if holder is None
            else {
                "host": holder.record.holder.host,
                "process": holder.record.holder.pid,
                "alive": holder.status.held,
                "certain": holder.status.certain,
                "heartbeat_age_s": round(holder.status.age_s, 1),
                "elapsed_s": round(holder.since_s, 1),
            },
            "continue_with": self.command if not self.is_well else None,
            "record": None if self.record is None else self.record.model_dump(mode="json"),
            "error": None
            if fault is None
            else {"what": fault.what, "which": fault.which, "remedy": fault.remedy},
        }


def read_status(store: Store, deal_id: str, version: str) -> RunStatus:
    """Reads how the last run of a version stands; nothing is written.

    Args:
        store: The output.
        deal_id: The deal.
        version: Name of the version.
    """
    begun = f"{layout.agency_prefix(deal_id, version)}/{layout.RUN_RECORD}"
    run_id = parsed(store, begun, lambda v: text_of(v["run_id"])) if store.exists(begun) else ""
    record = _record(store, layout.run_record_path(deal_id, version), run_id)
    now_s = store.now_s()
    holder = _holder(store, deal_id, version, now_s)
    delivery = layout.delivery_prefix(deal_id, version)
    published = store.exists(f"{delivery}/{layout.MANIFEST}")
    work = layout.work_prefix(run_id)
    found = (
        {} if not run_id else {one.key.removeprefix(f"{work}/"): one for one in store.list(work)}
    )
    state = _state(holder, published, record)
    steps: dict[str, StepCounts] = {}
    at = None
    started = found.get(layout.STARTED)
    if state is not RunState.DELIVERED and started is not None:
        since_s = now_s - holder.since_s if holder is not None else 0.0
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            steps, at = _read_work(store, work, found, since_s, now_s)
    return RunStatus(
        deal_id,
        version,
        run_id,
        state,
        f"{store.uri}/{delivery}",
        steps or recorded_steps(record),
        at,
        holder,
        "" if started is None else _command(store, started.key),
        record,
    )


def unreadable(deal_id: str, version: str, fault: FairshardError) -> RunStatus:
    """Returns the state of a version whose files could not be read."""
    return RunStatus(
        deal_id, version, "", RunState.UNREADABLE, "", {}, at=None, holder=None, fault=fault
    )


def recorded_steps(record: RunRecord | None) -> dict[str, StepCounts]:
    """Returns the counts in a run's record, in the order of the steps."""
    found = {} if record is None else record.steps
    return {
        name: StepCounts(
            found[name].entered,
            found[name].passed,
            Counter(found[name].refused_by_reason),
            Counter(found[name].failed_by_reason),
            found[name].refused,
        )
        for name in ("read", "screen", "enrich", "select", "write")
        if name in found
    }


def _command(store: Store, key: str) -> str:
    try:
        return parsed(store, key, lambda value: text_of(value["command"]))
    except FileNotFoundError:  # it has just ended
        return ""


def _record(store: Store, key: str, run_id: str) -> RunRecord | None:
    """Reads a record; None if there is none, or it is of another run of the version."""
    try:
        record = RunRecord.model_validate_json(store.read_bytes(key))
    except FileNotFoundError:
        return None
    except ValidationError as error:
        raise RunError(
            "A run's record cannot be read",
            f"{store.uri}/{key} ({error.errors()[0]['msg']})",
            "Delete the file: nothing but this command reads it.",
        ) from error
    return record if record.run_id == run_id else None


def _holder(store: Store, deal_id: str, version: str, now_s: float) -> Holder | None:
    record = latest_lease_record(store, deal_id, version)
    if record is None:
        return None
    status = assess_lease(store, record, DEFAULT_TIMING.stale_s)
    try:
        taken_s = store.stat(record.key()).modified_s
    except FileNotFoundError:  # it has just ended
        return None
    return Holder(record, status, max(0.0, now_s - taken_s))


def _state(holder: Holder | None, published: bool, record: RunRecord | None) -> RunState:
    if holder is not None and holder.status.held:
        return RunState.RUNNING
    if published:
        return RunState.DELIVERED
    if holder is not None:
        return RunState.KILLED
    if record is None:
        return RunState.INTERRUPTED
    ended = record.outcome is RunOutcome.UNDELIVERED
    return RunState.UNDELIVERED if ended else RunState.FAILED


def _read_work(
    store: Store, work: str, found: dict[str, ObjectInfo], since_s: float, now_s: float
) -> tuple[dict[str, StepCounts], StepProgress]:
    """Reads a work area: the counts so far, and the step that the run is at.

    Args:
        store: The output.
        work: Key prefix of the work area.
        found: What is in it, by name.
        since_s: When this attempt began, by the store's clock.
        now_s: The time by the store's clock.
    """
    batches = [name for name in found if name.startswith("batches/")]
    if "verdict.json" not in found:
        return {}, StepProgress("read", "batches", len(batches))
    steps = {"read": parsed(store, f"{work}/verdict.json", counts_in("counts"))}
    if "screen.json" not in found:
        of_batch = ("cleared/", "refused/", "agency/decisions/screen-")
        done = {_batch(name) for name in found if name.startswith(of_batch)}
        return steps, StepProgress("screen", "batches", len(done), len(batches))
    steps["screen"], units_of = parsed(
        store, f"{work}/screen.json", lambda value: (StepCounts.from_json(value), value["units"])
    )
    if "plan.json" not in found:
        begun_s = max(since_s, found["screen.json"].modified_s)
        steps["enrich"], recent = _read_units(store, work, found, begun_s)
        left = steps["screen"].passed - steps["enrich"].entered
        rate = _rate(recent, now_s, begun_s)
        units = sum(_is_receipt(name, "units") for name in found)
        return steps, StepProgress("enrich", "units", units, units_of, left, rate)
    plan = parsed(store, f"{work}/plan.json", PlanOfShards.of)
    steps |= {"enrich": plan.enrich, "select": plan.select}
    if plan.stopped:
        return steps, StepProgress("publish", "shards", 0, plan.shards)
    shards = [one for name, one in found.items() if _is_receipt(name, "shards")]
    begun_s = max(since_s, found["plan.json"].modified_s)
    samples = [(one.modified_s, parsed(store, one.key, samples_in)) for one in shards]
    written = sum(count for _, count in samples)
    steps["write"] = StepCounts(entered=written, passed=written)
    if len(shards) == plan.shards:
        return steps, StepProgress("publish", "shards", len(shards), plan.shards)
    rate = _rate(sum(count for at_s, count in samples if at_s >= begun_s), now_s, begun_s)
    left = steps["select"].passed - written
    return steps, StepProgress("write", "shards", len(shards), plan.shards, left, rate)


def _batch(name: str) -> str:
    """Returns the name of the batch of which screening left a file."""
    return name.rpartition("/")[2].partition(".")[0].removeprefix("screen-")


def _read_units(
    store: Store, work: str, found: dict[str, ObjectInfo], since_s: float
) -> tuple[StepCounts, int]:
    """Returns the counts of the units that are done, and their assets of this attempt."""
    total, recent = StepCounts(), 0
    units = [one for name, one in found.items() if _is_receipt(name, "units")]
    keys = [one.key for one in units]
    with ThreadPoolExecutor(_READERS) as threads:  # there may be thousands
        read = partial(parsed, store, parse=counts_in("counts"), read=first_line)
        for one, counts in zip(units, threads.map(read, keys), strict=True):
            total.add(counts)
            recent += counts.entered if one.modified_s >= since_s else 0
    return total, recent


def _is_receipt(name: str, folder: str) -> bool:
    return name.startswith(f"{folder}/") and name.endswith(".json")


def _rate(assets: int, now_s: float, since_s: float) -> float | None:
    return assets / (now_s - since_s) if assets and now_s > since_s else None
