"""Runs the whole pipeline: from a catalogue and a deal to a signed delivery and a ledger.

One Beam graph (`pipelines.steps.graph`) processes the assets and leaves receipts. Ledger and signed
manifest are made from these afterwards (`pipelines.steps.complete`), in the process that holds the
key.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from functools import partial

from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.ledger.signed_note import Signer
from pipelines.process.no_garbage import collecting_seldom
from pipelines.run.announce import announce
from pipelines.run.corrected import after_removals
from pipelines.run.costs import Stopwatch
from pipelines.run.failures import clear_outdated
from pipelines.run.job import Job
from pipelines.run.lease import Lease, hold_version
from pipelines.run.lease_record import utc_now_text
from pipelines.run.record import Observed
from pipelines.run.replaced import Replaced, read_replaced
from pipelines.run.undelivered import Undelivered, UndeliveredError, leave_undelivered, look_back
from pipelines.run.versions import begin_version
from pipelines.steps.complete import PackageResult, check_removals, publish_run, reading_of
from pipelines.steps.graph import run_until_settled
from pipelines.steps.observe import Tell, observing, run_record
from pipelines.steps.publish import publish_agency, publish_reading
from pipelines.steps.reconcile import RunCounts, fault_of, read_counts
from pipelines.steps.worker_origin import kept_origin, workers_to_come
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.errors import AccessError, FairshardError, InputError


def package(
    job: Job,
    key: LogKey,
    take_over: bool = False,
    replaced: Replaced | None = None,
    command: str = "",
    tell: Tell | None = None,
) -> PackageResult:
    """Runs a job to its end and holds the lease on its version meanwhile.

    Args:
        job: The run.
        key: The agency's key.
        take_over: Whether to treat a lease holder on another machine as dead.
        replaced: What `after_removals` returned, if the caller has read it.
        command: The command that continues the run, for whoever finds it cut off.
        tell: Is given the run's record when it has ended.

    Raises:
        InputError: If an input is refused; nothing is left behind.
        RunError: If another run holds or has published the version, the version that it replaces
            cannot be read, or the agency's log is not as it was; nothing is changed then.
        UndeliveredError: If the run ends without a delivery after its assets were counted. Either
            the catalogue checks refused the catalogue (exit code 2; nothing is left behind), or too
            many assets failed, nothing is left to deliver, counts do not reconcile or publishing
            failed; then the agency's tables are left for inspection, but no manifest.
    """
    store = open_store(job.output_uri)
    store.ensure_writable()
    log = open_log(store, key)  # an altered log is noticed before anything is computed
    if replaced is None:
        replaced = after_removals(log, read_replaced(store, job, key.signer.vkey))
    hold = hold_version(store, job.deal.deal_id, job.version, job.run_id, take_over=take_over)
    with _workers_to_come(job), hold as lease, _frozen_gc():
        held = replace(job, lease_record=lease.lease_record)
        with observing(store, held, tell) as observed:
            _begin(store, held, command)
            result = _run_and_publish(store, held, key.signer, lease, replaced, log, observed)
            _record_published(store, job, key, log)
        return replace(result, run=run_record(held, observed))


def _record_published(store: Store, job: Job, key: LogKey, log: AgencyLog) -> None:
    """Records the published delivery in the agency's log, and tells buyers of it."""
    deal_id = job.deal.deal_id
    try:
        record_delivery(
            store,
            key,
            deal_id,
            job.version,
            job.as_of,
            just_made=True,
            log=log,
            meanwhile=partial(store.delete_prefix, job.work),
        )
        announce(store, deal_id, key.signer, job.as_of)
        again = "It is published: run the same fairshard revoke again now."
        check_removals(store, job, key, again)
    except AccessError as error:  # of the store, which could be used until now
        raise error.in_run() from error


def _workers_to_come(job: Job) -> AbstractContextManager[object]:
    """Starts what workers are forked from, unless the command has, while the lease is acquired."""
    is_started = kept_origin() is not None or job.beam_options  # other engines have their workers
    return workers_to_come(1 if is_started else job.workers, job.debug)


@contextmanager
def _frozen_gc() -> Iterator[None]:
    """Excludes objects that exist before the run from garbage collection.

    Hundreds of thousands of objects (modules, classes) outlive the run, and each full collection
    would traverse all of them.
    """
    if gc.get_freeze_count():  # a caller froze the heap and will unfreeze it
        yield
        return
    gc.freeze()
    try:
        with collecting_seldom():
            yield
    finally:
        gc.unfreeze()


def _begin(store: Store, job: Job, command: str) -> None:
    """Records whose version it is, and how to continue it."""
    more = {
        "pool": job.pool,
        "replaces": job.replaces,
        "new_pool": job.new_pool,
        "catalogue": job.catalogue.digest,
        "vocabulary": job.models.vocabulary_id,
    }
    begin_version(store, job.deal, job.version, job.run_id, job.first_run_id, job.retry, more)
    clear_outdated(store, job.work)
    started = {"command": command, "workers": job.workers, "started": utc_now_text()}
    store.write_bytes(f"{job.work}/{layout.STARTED}", json_bytes(started))


def _run_and_publish(
    store: Store,
    job: Job,
    signer: Signer,
    lease: Lease,
    replaced: Replaced | None,
    log: AgencyLog,
    observed: Observed,
) -> PackageResult:
    try:
        observed.beam_counters = run_until_settled(store, job)
    except AccessError as error:  # of the store, in mid-run
        raise error.in_run() from error
    except InputError:
        _discard_run(store, job)
        raise
    counts = read_counts(store, job)
    observed.steps, observed.computed = counts.ran, counts.computed
    observed.costs |= counts.costs
    watch = Stopwatch()
    if counts.stop is not None:
        ended = look_back(store, f"{job.work}/agency/decisions", counts.ran)
        _discard_run(store, job)
        raise UndeliveredError(InputError(*counts.stop), ended)
    try:
        publish_agency(store, job)
        reading = reading_of(job, counts)
        publish_reading(store, job, reading, counts.reported)
        _check_worth_publishing(store, job, counts)
        result = publish_run(store, job, signer, lease, counts, reading, replaced, log, observed)
        observed.costs["publish"] = watch.cost()
        return result
    except UndeliveredError:
        raise
    except AccessError as error:
        raise UndeliveredError(error.in_run(), Undelivered(counts.ran)) from error
    except FairshardError as error:
        raise UndeliveredError(error, Undelivered(counts.ran)) from error


def _discard_run(store: Store, job: Job) -> None:
    """Removes all output of a run whose input was refused; features stay, as they remain valid."""
    store.delete_prefix(job.work)
    store.delete_prefix(layout.version_prefix(job.deal.deal_id, job.version))


def _check_worth_publishing(store: Store, job: Job, counts: RunCounts) -> None:
    error = fault_of(job, counts)
    if error is None:
        return
    ended = look_back(store, f"{job.agency}/decisions", counts.ran)
    leave_undelivered(store, job, ended)
    store.delete_prefix(job.work)
    raise UndeliveredError(error, ended)
