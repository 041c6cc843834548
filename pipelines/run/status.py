"""The state of a run, read from its output alone: from another terminal or another machine."""

from __future__ import annotations

import contextlib
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum

from pydantic import ValidationError

from pipelines.run.counts import StepCounts
from pipelines.run.current_step import CurrentStep, read_progress
from pipelines.run.lease import DEFAULT_TIMING
from pipelines.run.lease_record import (
    LeaseRecord,
    LeaseStatus,
    assess_lease,
    latest_lease_record,
)
from pipelines.run.left_so_far import (
    parsed,
    text_of,
)
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import FairshardError, RunError
from schemas.run_record import RunOutcome, RunRecord


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

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON data."""
        return {
            "host": self.record.holder.host,
            "process": self.record.holder.pid,
            "alive": self.status.held,
            "certain": self.status.certain,
            "heartbeat_age_s": round(self.status.age_s, 1),
            "elapsed_s": round(self.since_s, 1),
        }


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
    at: CurrentStep | None
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
            "at": None if at is None else at.to_json(),
            "holder": None if holder is None else holder.to_json(),
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
            steps, at = read_progress(store, work, found, since_s, now_s)
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
