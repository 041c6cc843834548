"""Decides for a run whether other processes would help it, where nobody said how many there are."""

from __future__ import annotations

from dataclasses import replace

from pipelines.run.job import Job, estimate_rows
from pipelines.run.prepare import PreparedJob
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.run_record import RunRecord

# A worker's start costs as much as packaging some hundred assets whose features are stored.
MOST_ASSETS = 1_000
_KNOWN_SHARE = 0.9
_MOST_DELIVERIES = 16
_ATTESTATIONS = f"{layout.AGENCY_LOG}/attestations"


def with_workers_needed(prepared: PreparedJob) -> PreparedJob:
    """Has a small run do everything in this process, if its features are stored already.

    What it makes does not depend on it.
    """
    job = prepared.job
    if job.beam_options or not has_little_to_do(prepared.store, job):
        return prepared
    return replace(prepared, job=replace(job, workers=1))


def has_little_to_do(store: Store, job: Job) -> bool:
    """Whether a catalogue is small, and an earlier delivery has computed most of its features."""
    assets = estimate_rows(job.catalogue)
    if assets > MOST_ASSETS:
        return False
    if not store.list(layout.features_prefix("embeddings", job.models.clip_id)):
        return False
    made = sorted(store.list(_ATTESTATIONS), key=lambda item: (item.modified_s, item.key))
    latest = reversed(made[-_MOST_DELIVERIES:])
    return any(_enriched(store, job, item.key) >= _KNOWN_SHARE * assets for item in latest)


def _enriched(store: Store, job: Job, attestation: str) -> int:
    """Returns how many assets a delivery enriched; 0 if it was made from another catalogue."""
    deal_id, _, name = attestation.removeprefix(f"{_ATTESTATIONS}/").partition("/")
    version = name.partition(".")[0]
    try:
        begun = read_json(store, f"{layout.agency_prefix(deal_id, version)}/{layout.RUN_RECORD}")
        if begun.get("catalogue") != job.catalogue.digest:
            return 0
        record = store.read_bytes(layout.run_record_path(deal_id, version))
        return RunRecord.model_validate_json(record).steps["enrich"].entered
    except (FileNotFoundError, ValueError, KeyError):  # it was removed, or an earlier release's
        return 0
