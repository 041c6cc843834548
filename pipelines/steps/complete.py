"""Completes a run whose graph has ended: counts, ledger, and the signed manifest last."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.accounts.append import begin_log
from pipelines.accounts.carried import carried_to
from pipelines.accounts.key import LogKey
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removed import read_removed
from pipelines.catalogue.account import Reading, TableCount, account_for
from pipelines.catalogue.read import read_table
from pipelines.delivery.recheck import rechecking
from pipelines.ledger.payees import read_payees
from pipelines.ledger.signed_note import Signer
from pipelines.run.costs import total_cost
from pipelines.run.counts import StepCounts
from pipelines.run.job import Job
from pipelines.run.lease import Lease
from pipelines.run.personal_counts import PersonalCounts, PersonalData
from pipelines.run.receipts import ShardReceipt
from pipelines.run.record import Observed
from pipelines.run.replaced import Replaced
from pipelines.run.sample_counts import SampleCounts
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.steps.publish import publish_counts, publish_delivery
from pipelines.steps.reconcile import RunCounts, read_receipts, reconcile
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError
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


def publish_run(
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
    """Records attribution and publishes the delivery; the run's work area stays.

    Args:
        store: The output.
        job: The run.
        signer: The agency's key.
        lease: The lease on the version, which is confirmed before the manifest is published.
        counts: What the graph counted.
        reading: What was read of the catalogue.
        replaced: The delivery that this one replaces, if any.
        log: The agency's log.
        observed: Is given the counts and costs.

    Raises:
        RunError: If counts do not reconcile, a removal was recorded meanwhile, or the lease is
            lost; then no manifest is published.
    """
    receipts = read_receipts(store, job)
    steps = observed.steps = reconcile(store, job, counts, receipts)
    observed.costs["write"] = total_cost((one.cost for one in receipts), job.begun_s)
    personal, samples = _publish_counts(store, job, counts, steps, receipts)
    shards = [receipt.shard.name for receipt in receipts]
    payees = read_payees(read_table(job.catalogue, "contributors"))
    log.refresh()  # others may have recorded removals and pools since the run began
    check_removals(store, job, log.key, "Nothing was published. Run the same command again.")
    begin_log(log, job.as_of.isoformat())  # long before the delivery is recorded after it
    carried = carried_to(
        log,
        layout.delivery_id(job.deal.deal_id, job.version),
        job.deal.price.currency,
        "" if replaced is None else replaced.delivery,
    )
    noted = NotedStore(store, job.delivery)
    with rechecking(store, job, receipts) as recheck:
        attribution = record_attribution(noted, job, signer, shards, replaced, payees, carried)
        manifest = publish_delivery(
            noted, job, signer, receipts, attribution, recheck, lease.confirm
        )
    observed.delivered = manifest.end
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


def _publish_counts(
    store: Store,
    job: Job,
    counts: RunCounts,
    steps: dict[str, StepCounts],
    receipts: Sequence[ShardReceipt],
) -> tuple[PersonalData, SampleCounts]:
    """Publishes all counts, and returns those that are added up from the shards' receipts."""
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
    return personal, samples


def check_removals(store: Store, job: Job, key: LogKey, remedy: str) -> None:
    """Refuses to continue if a notice was recorded that the run does not know.

    Raises:
        RunError: If there is one.
    """
    now = read_removed(store, job.deal, key.secrets)
    if now.excluded != job.removed.excluded:
        which = f"{job.deal.deal_id}/{job.version} was made without it"
        raise RunError("A removal was recorded while the run was under way", which, remedy)


def reading_of(job: Job, counts: RunCounts) -> Reading:
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
