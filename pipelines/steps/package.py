"""Runs the whole pipeline: from a catalogue and a deal to a signed delivery and a ledger.

One Beam graph processes the assets and leaves receipts. The ledger and the signed manifest are made
from the receipts afterwards, in the process that holds the key.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import cast

import apache_beam as beam

from pipelines.accounts.carried import carried_to
from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.removed import read_removed
from pipelines.catalogue.account import Reading, TableCount, account_for
from pipelines.catalogue.read import read_table
from pipelines.ledger.payees import read_payees
from pipelines.ledger.signed_note import Signer
from pipelines.run.announce import announce
from pipelines.run.corrected import after_removals
from pipelines.run.costs import Stopwatch, total_cost
from pipelines.run.counts import StepCounts, none_left
from pipelines.run.failures import clear_outdated, recorded_failure
from pipelines.run.job import Job
from pipelines.run.lease import Lease, hold_version
from pipelines.run.lease_record import utc_now_text
from pipelines.run.personal_counts import PersonalCounts, PersonalData
from pipelines.run.receipts import ShardSpec
from pipelines.run.record import Observed
from pipelines.run.replaced import Replaced, read_replaced
from pipelines.run.sample_counts import SampleCounts
from pipelines.run.undelivered import Undelivered, UndeliveredError, leave_undelivered, look_back
from pipelines.run.versions import begin_version
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.steps.observe import Tell, observing, run_record
from pipelines.steps.publish import (
    publish_agency,
    publish_counts,
    publish_delivery,
    publish_reading,
)
from pipelines.steps.reconcile import RunCounts, read_counts, read_receipts, reconcile
from pipelines.steps.runner import Graph, run_graph
from pipelines.steps.second_reading import has_doubts, start_over
from pipelines.steps.transforms import (
    CountScreened,
    EnrichAssets,
    JudgeCatalogue,
    ReadCatalogue,
    ScreenRights,
    SelectSamples,
    WriteShards,
)
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.errors import FairshardError, InputError, RunError
from schemas.manifest import Manifest
from schemas.run_record import RunRecord


@dataclass(frozen=True)
class PackageResult:
    """A run that ended in a delivery.

    Attributes:
        manifest: What was published.
        attribution: The ledger's totals.
        steps: Each step's counts, in pipeline order.
        computed: As in `reconcile.RunCounts`.
        reading: What was read of the catalogue.
        reported: Rules on references that failed and do not stop the run, with the first ids.
        personal: What was found of personal data.
        likeness: How many pairs of assets show the same, and what became of the deal's pairs.
        faces: How many assets show more faces than people, if the deal requires it.
        samples: How many samples have a rendition or a flagged caption.
        run: What the run took.
    """

    manifest: Manifest
    attribution: Attribution
    steps: dict[str, StepCounts]
    computed: dict[str, int]
    reading: Reading
    personal: PersonalData
    reported: tuple[dict[str, object], ...] = ()
    likeness: dict[str, object] = field(default_factory=dict)
    faces: dict[str, int] = field(default_factory=dict)
    samples: SampleCounts = field(default_factory=SampleCounts)
    run: RunRecord | None = None


def build_graph(root: beam.Pipeline, job: Job) -> None:
    """Builds the Beam graph of every step that handles rows or media."""
    select_graph(root, job) | "WriteShards" >> WriteShards(job)


def select_graph(root: beam.Pipeline, job: Job) -> beam.PCollection[ShardSpec]:
    """Builds the same graph up to the plan of the shards, which are then not written."""
    asset_parts = job.catalogue.parts("assets")
    parts = root | "Parts" >> beam.Create(asset_parts, reshuffle=len(asset_parts) > 1)
    batches = parts | "ReadCatalogue" >> ReadCatalogue(job)
    verdict = batches | "JudgeCatalogue" >> JudgeCatalogue(job)
    screened = batches | "ScreenRights" >> ScreenRights(job, verdict)
    screened | "CountScreened" >> CountScreened(job)
    return screened | "EnrichAssets" >> EnrichAssets(job) | "SelectSamples" >> SelectSamples(job)


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
    with hold as lease, _frozen_gc():
        held = replace(job, lease_record=lease.lease_record)
        with observing(store, held, tell) as observed:
            _begin(store, held, command)
            result = _run_and_publish(store, held, key.signer, lease, replaced, log, observed)
            record_delivery(store, key, job.deal.deal_id, job.version, job.as_of, just_made=True)
            announce(store, job.deal.deal_id, key.signer, job.as_of)
            _check_removals(store, job, key, _REVOKE_AGAIN)
        return replace(result, run=run_record(held, observed))


def _check_removals(store: Store, job: Job, key: LogKey, remedy: str) -> None:
    """Refuses to go on if a notice was recorded that the run does not know."""
    now = read_removed(store, job.deal, key.secrets)
    if now.excluded != job.removed.excluded:
        which = f"{job.deal.deal_id}/{job.version} was made without it"
        raise RunError("A removal was recorded while the run was under way", which, remedy)


_REVOKE_AGAIN = "It is published: run the same fairshard revoke again now."


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
        reading = _reading(job, counts)
        publish_reading(store, job, reading, counts.reported)
        _check_worth_publishing(store, job, counts)
        result = _publish(store, job, signer, lease, counts, reading, replaced, log, observed)
        observed.costs["publish"] = watch.cost()
        return result
    except UndeliveredError:
        raise
    except FairshardError as error:
        raise UndeliveredError(error, Undelivered(counts.ran)) from error


def _publish(
    store: Store,
    job: Job,
    signer: Signer,
    lease: Lease,
    counts: RunCounts,
    reading: Reading,
    replaced: Replaced | None,
    log: AgencyLog,
    observed: Observed,
) -> PackageResult:
    receipts = read_receipts(store, job)
    steps = observed.steps = reconcile(store, job, counts, receipts)
    observed.costs["write"] = total_cost((one.cost for one in receipts), job.begun_s)
    personal = PersonalData(job.deal.rights.personal_data, counts.personal, PersonalCounts())
    samples = SampleCounts()
    for receipt in receipts:
        personal.delivered.add(receipt.personal)
        samples.add(receipt.samples)
    publish_counts(
        store,
        job,
        steps,
        counts.copies,
        counts.likeness,
        personal.to_json(),
        dict(samples.to_json()),
        counts.faces,
    )
    shards = [receipt.shard.name for receipt in receipts]
    payees = read_payees(read_table(job.catalogue, "contributors"))
    log.refresh()  # others may have recorded removals and pools since the run began
    _check_removals(store, job, log.key, "Nothing was published. Run the same command again.")
    carried = carried_to(
        log,
        layout.delivery_id(job.deal.deal_id, job.version),
        job.deal.price.currency,
        "" if replaced is None else replaced.delivery,
    )
    noted = NotedStore(store)
    output = cast("Store", noted)
    attribution = record_attribution(output, job, signer, shards, replaced, payees, carried)
    manifest = publish_delivery(
        output, job, signer, receipts, attribution, lease.confirm, noted.sha256_of
    )
    observed.delivered = manifest.end
    store.delete_prefix(job.work)
    return PackageResult(
        manifest,
        attribution,
        steps,
        counts.computed,
        reading,
        personal,
        counts.reported,
        counts.likeness,
        counts.faces,
        samples,
    )


def _reading(job: Job, counts: RunCounts) -> Reading:
    """Returns what was read of the catalogue and what was used of it."""
    read = counts.steps["read"]
    assets = TableCount(
        read.passed,
        read.failed_assets,
        counts.blank_rows,
        empty=tuple(counts.empty.items()),
        named=tuple(counts.named.items()),
    )
    rows = {"assets": assets, **dict(job.rows_read), **counts.joined_rows}
    return account_for(
        job.catalogue.files,
        job.catalogue.columns,
        rows,
        job.deal,
        counts.control_characters,
        job.catalogue.joined_columns,
    )


def run_until_settled(store: Store, job: Job) -> dict[str, int] | None:
    """Runs the graph, and again while servers change media that it has read.

    Each round fails an asset or adds a statement about it, and an origin has few rounds.

    Returns:
        Beam's counters of the last round; None on engines without metrics.
    """
    start_over(store, job)  # an interrupted run may have left notes
    job = replace(job, doubted=has_doubts(store, job.work))
    counters = run_pipeline(store, job)
    while start_over(store, job):
        job = replace(job, doubted=True, round=job.round + 1)
        counters = run_pipeline(store, job)
    return counters


def run_pipeline(store: Store, job: Job, build: Graph = build_graph) -> dict[str, int] | None:
    """Runs the graph to its end, and returns Beam's counters; None on engines without metrics.

    Raises:
        FairshardError: The error that a worker recorded, with its parts.
    """
    try:
        return run_graph(job, build)
    except Exception as error:
        failure = recorded_failure(store, job.work, job.progress_path)
        if failure is None:
            raise
        raise failure from error


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


def fault_of(job: Job, counts: RunCounts) -> RunError | None:
    """Returns why these counts allow no delivery; None if they allow one."""
    where = f"{job.output_uri}/{job.agency}"
    if counts.too_many_failed:
        return RunError(
            "Too many failed assets",
            f"{counts.failed_assets:,} of {counts.steps['read'].entered:,} assets, limit "
            f"limits.dead_letter_share = {job.deal.limits.dead_letter_share}",
            f"See {where}/dead_letters for the causes; fix the media, or raise the limit.",
        )
    if counts.steps["select"].passed == 0:
        return RunError(
            "Nothing is left to deliver",
            none_left(counts.steps["read"].entered),
            f"The reasons are in {where}/decisions.",
        )
    return None
