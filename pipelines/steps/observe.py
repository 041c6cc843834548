"""Observes a run in the process that started it: its log, its record and its Beam counters."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from pipelines.run.costs import Cost
from pipelines.run.job import Job
from pipelines.run.lease_record import loss_reason
from pipelines.run.logs import log, start_logging
from pipelines.run.record import Observed
from pipelines.run.undelivered import UndeliveredError
from pipelines.steps.at_work import error_fields
from pipelines.steps.runner import engine_name, knows_workers
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.errors import FairshardError, InputError
from schemas.run_record import RunRecord

# What is told about a run that has ended, besides its log and its record.
Tell = Callable[[RunRecord], None]


@contextmanager
def observing(store: Store, job: Job, tell: Tell | None = None) -> Iterator[Observed]:
    """Logs a run, and leaves its record in the output however it ends.

    A run whose inputs are refused leaves nothing behind, and so no record; a run that has lost its
    version, or is cut off, writes none either.

    Args:
        store: The output store.
        job: The run, with its lease.
        tell: Is given the record when it has been left.

    Yields:
        What is known about the run, to be filled in.
    """
    start_logging(job.log)
    now_s = time.time()
    workers = job.workers if knows_workers(job.beam_options) else None
    observed = Observed(engine_name(job.beam_options), workers, job.begun_s or now_s)
    if job.begun_s:
        observed.costs["prepare"] = Cost(1, job.begun_s, now_s, now_s - job.begun_s)
    known = {} if workers is None else {"workers": workers}
    log("run.started", {"engine": observed.engine, **known})
    try:
        yield observed
    except BaseException as error:
        log("run.failed", error_fields(error), logging.ERROR)
        if isinstance(error, FairshardError) and not _is_refused(error):
            _leave_record(store, job, run_record(job, observed, error.what), tell)
        raise
    record = run_record(job, observed)
    end = observed.delivered
    size = {} if end is None else {"shards": end.shards, "samples": end.samples, "bytes": end.bytes}
    measured = {"seconds": record.attempt.elapsed_s}
    log("run.done", {"outcome": record.outcome.value, **size, "measured": measured})
    _leave_record(store, job, record, tell)


def run_record(job: Job, observed: Observed, error: str = "") -> RunRecord:
    """Returns the record of a run that ends now."""
    deal_id = job.deal.deal_id
    return observed.record(deal_id, job.version, job.run_id, time.time(), error)


def _leave_record(store: Store, job: Job, record: RunRecord, tell: Tell | None) -> None:
    """Writes and tells a run's record, unless the version is no longer this run's.

    A failure to write is ignored: the run has ended, and its delivery does not depend on it.
    """
    data = json_bytes(record.model_dump(mode="json"))
    with contextlib.suppress(FairshardError, OSError):
        if job.lease_record is not None and loss_reason(store, job.lease_record):
            return
        store.write_bytes(layout.run_record_path(job.deal.deal_id, job.version), data)
    if tell is not None:
        tell(record)


def _is_refused(error: FairshardError) -> bool:
    cause = error.error if isinstance(error, UndeliveredError) else error
    return isinstance(cause, InputError)
