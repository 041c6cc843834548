"""Turns a command's arguments into a job, and refuses invalid inputs before anything is processed.

The steps, numbered in the code: 1. the deal; 2. the catalogue's tables; 3. the models' weights;
4. the output; 5. the key; 6. the version. Nothing is written before step 4.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.accounts.key import LogKey
from pipelines.accounts.removed import read_removed
from pipelines.catalogue.checks import CatalogueChecks
from pipelines.fetch.locate import media_limits, source_policy
from pipelines.fetch.pacing import http_client
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.ed25519 import AgencyKey
from pipelines.run.input_faults import check_inputs
from pipelines.run.inspectors import resolve_inspectors
from pipelines.run.job import Job, run_id
from pipelines.run.logs import NO_LOG
from pipelines.run.models import resolve_models
from pipelines.run.pools import check_pool_name, plan_pool
from pipelines.run.request import JobRequest, continuing_command
from pipelines.run.signing_key import default_key_path, load_key, load_or_create_key, log_key
from pipelines.run.versions import Version, find_version
from pipelines.signals.file.trust import load_trust_lists
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.deal import Deal
from schemas.faults import Faults


@dataclass(frozen=True)
class PreparedJob:
    """A job that is ready to run, with what stays on this machine.

    Attributes:
        job: The job.
        store: Its output.
        signer: The agency's key.
        version: Its version, and whether that is already complete.
        log_key: The key of the agency's log.
        command: The command that continues the run if it is cut off.
    """

    job: Job
    store: Store
    signer: AgencyKey
    version: Version
    log_key: LogKey
    command: str = ""


def prepare_job(request: JobRequest) -> PreparedJob:
    """Checks every input of a run and makes its job.

    Raises:
        InputError: If an input is invalid; of deal and catalogue it names every fault.
    """
    begun_s = time.time()
    new_pool = check_pool_name(request.new_pool)
    client = http_client(request.user_agent, request.requests_per_minute, request.workers)
    deal, checks = _checked_inputs(request)  # 1 to 3
    trust = load_trust_lists(
        [Path(path).absolute() for path in deal.sources.trust_lists],
        denial_phrases=deal.rights.denial_phrases,
    )
    output = request.output_of(deal)
    store = open_store(output)  # 4
    store.ensure_writable()
    models = resolve_models(deal, store, request.choose)
    inspectors = resolve_inspectors(deal, models.clip_id)
    signer, keys = _keys(request, output)  # 5
    salt = deal_salt(signer.secret, deal.deal_id)
    removed = read_removed(store, deal, keys.secrets, request.made_before)
    current_run_id = run_id(
        deal, checks.catalogue, request.as_of, models, salt, trust, new_pool, removed, inspectors
    )
    version = find_version(store, deal, current_run_id)  # 6
    media_root = [request.mapping.media_root] if request.mapping.media_root else []
    plan = plan_pool(store, deal, version.name, new_pool)
    job = Job(
        deal=deal,
        catalogue=checks.catalogue,
        as_of=request.as_of,
        models=models,
        output_uri=output,
        version=version.name,
        salt=salt,
        policy=source_policy(deal, (*request.roots, *media_root), request.hosts, client),
        limits=media_limits(deal),
        trust=trust,
        progress_path=request.progress_path,
        workers=request.workers,
        debug=request.debug,
        beam_options=request.beam_options,
        rows_read=tuple(checks.rows.items()),
        new_pool=new_pool,
        pool=plan.pool,
        replaces=plan.replaces,
        removed=removed,
        inspectors=inspectors,
        begun_s=begun_s,
    )
    log = replace(request.log, deal=deal.deal_id, run=job.run_id) if request.log.path else NO_LOG
    job = replace(job, log=log)
    return PreparedJob(job, store, signer, version, keys, continuing_command(request, job))


def _checked_inputs(request: JobRequest) -> tuple[Deal, CatalogueChecks]:
    """Reads and checks deal and catalogue, and reports every fault of both."""
    as_of_us = round(request.as_of.timestamp() * 1_000_000)
    faults = Faults()
    checked = check_inputs(
        request.deal,
        request.catalogue,
        request.mapping,
        as_of_us,
        faults,
        lambda deal: request.recall(request.output_of(deal)),
    )
    faults.report()
    if checked is None:  # then there was a fault, and it was reported
        raise AssertionError("inputs that cannot be checked have a fault")
    return checked


def _keys(request: JobRequest, output: str) -> tuple[AgencyKey, LogKey]:
    """Loads the agency's key, or creates its own, and the key of its log."""
    path = Path(request.key) if request.key else default_key_path(output)
    signer = load_key(path) if request.key else load_or_create_key(path)
    return signer, log_key(signer, path)
