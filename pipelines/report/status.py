"""Shows the state of a run; every line but addresses, commands and errors fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from pipelines.report.durations import seconds_text
from pipelines.report.funnel import funnel
from pipelines.run.counts import count_reasons
from pipelines.run.current_step import CurrentStep
from pipelines.run.status import Holder, RunState, RunStatus
from pipelines.run.step_names import STEP_NAMES
from schemas.run_record import AttemptRecord

_REASONS_SHOWN = 3
_WORDS = {
    RunState.RUNNING: "running",
    RunState.DELIVERED: "delivered",
    RunState.UNDELIVERED: "ended without a delivery",
    RunState.FAILED: "failed",
    RunState.KILLED: "killed: its process is gone, and its work is not finished",
    RunState.INTERRUPTED: "interrupted, or refused for its inputs",
    RunState.UNREADABLE: "not known: what it wrote cannot be read",
}


def show_status(console: Console, status: RunStatus) -> None:
    """Prints the state of a run."""
    for label, text in status_lines(status):
        console.print(f"{label:<11} {text}", markup=False, highlight=False, soft_wrap=True)
    if status.steps:
        console.print(funnel(status.steps, _attempt(status)))


def _attempt(status: RunStatus) -> AttemptRecord | None:
    """Returns what the run took if it has ended; a run that goes on has taken other times."""
    if status.record is None or status.at is not None:
        return None
    return status.record.attempt


def status_lines(status: RunStatus) -> Iterator[tuple[str, str]]:
    """Yields labels and texts."""
    if status.fault is not None:
        yield "Run", f"{status.deal_id}/{status.version}"
        yield "State", _WORDS[status.state]
        yield "Error", str(status.fault)
        return
    yield "Run", f"{status.deal_id}/{status.version}, {status.run_id or 'not begun'}"
    yield "State", _WORDS[status.state]
    if status.holder is not None:
        yield from _holder_lines(status.holder)
    record = status.record
    if record is not None and status.holder is None:
        attempt = record.attempt
        yield "Took", f"{seconds_text(attempt.elapsed_s)}, until {attempt.ended[:19]}Z"
    if record is not None and record.error:
        yield "Error", record.error
    if status.at is not None:
        yield from _step_lines(status.at)
    reasons = count_reasons(status.steps.values()).most_common(_REASONS_SHOWN)
    if reasons:
        yield "Excluded", "most for " + ", ".join(f"{name} {count:,}" for name, count in reasons)
    there = "" if status.state is RunState.DELIVERED else "  (not there)"
    yield "Delivery", f"{status.delivery}{there}"
    if not status.is_well and status.command:
        yield "Continue", status.command


def _holder_lines(holder: Holder) -> Iterator[tuple[str, str]]:
    who, status = holder.record.holder, holder.status
    yield "Since", f"{seconds_text(holder.since_s)} ago, process {who.pid} on {who.host}"
    sure = "" if status.certain else "; that process cannot be seen from here"
    yield "Heartbeat", f"{seconds_text(status.age_s)} ago{sure}"


def _step_lines(at: CurrentStep) -> Iterator[tuple[str, str]]:
    of = "" if at.of is None else f" of {at.of:,}"
    yield "Step", f"{STEP_NAMES[at.step]}: {at.done:,}{of} {at.noun} done"
    if at.rate is not None:
        left = "" if at.left_s is None else f", about {seconds_text(at.left_s)} left in this step"
        yield "Rate", f"{at.rate:,.1f} assets/s{left}"
