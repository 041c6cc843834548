"""Turns a command's arguments into a job, and refuses invalid inputs before anything is processed.

The steps, numbered in the code: 1. the deal; 2. the catalogue's tables; 3. the models' weights;
4. the output; 5. the key; 6. the version. Nothing is written before step 4.
"""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from pipelines.accounts.key import LogKey
from pipelines.accounts.removed import read_removed
from pipelines.catalogue.choice import AS_FOUND, MappingChoice
from pipelines.catalogue.memory import NO_MEMORY, CheckMemory
from pipelines.fetch.locate import media_limits, source_policy
from pipelines.fetch.pacing import http_client
from pipelines.ledger.commitments import deal_salt
from pipelines.ledger.ed25519 import AgencyKey
from pipelines.run.input_faults import check_inputs
from pipelines.run.inspectors import resolve_inspectors
from pipelines.run.job import Job, run_id
from pipelines.run.logs import NO_LOG, LogTarget
from pipelines.run.models import Choose, resolve_models
from pipelines.run.pools import check_pool_name, plan_pool
from pipelines.run.signing_key import default_key_path, load_key, load_or_create_key, log_key
from pipelines.run.versions import Version, find_version
from pipelines.signals.file.trust import load_trust_lists
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.vision.precision import choose_precision
from schemas.deal import Deal
from schemas.faults import Faults

_DASK = "--dask_client_address="
_SECRET = re.compile(r"key|secret|token|password|credential", re.IGNORECASE)


def _no_memory(output: str) -> CheckMemory:
    return NO_MEMORY


@dataclass(frozen=True)
class JobRequest:
    """The arguments of a run, as the command was given them.

    Attributes:
        catalogue: Folder or s3:// prefix of the catalogue.
        deal: Path of the deal.
        as_of: The time at which rights are evaluated.
        output: Address of the output store, or "" for the deal's own output.
        mapping: How the columns of the catalogue are mapped.
        key: Path of the signing key, or "" for the agency's own.
        roots: Additional roots that media may lie under.
        hosts: Additional hosts that media may be fetched from.
        user_agent: The User-Agent that web servers are sent, or "" for the program's own.
        requests_per_minute: Highest rate of requests to each web server; 0 for none.
        workers: Number of processes.
        debug: Whether workers log what they do.
        beam_options: Beam's options for an engine other than the embedded one.
        new_pool: Name of a further pool of the deal, or "" to replace the latest version.
        choose: Chooses the precision of a model on this machine.
        made_before: Id of a published delivery that is made again, or "": removals that were
            recorded after it do not count.
        log: Where the run is logged.
        recall: Opens what earlier runs found in the catalogue's rows.
    """

    catalogue: str
    deal: Path
    as_of: datetime
    output: str = ""
    mapping: MappingChoice = AS_FOUND
    key: str = ""
    roots: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    user_agent: str = ""
    requests_per_minute: int = 0
    workers: int = 1
    debug: bool = False
    beam_options: tuple[str, ...] = ()
    progress_path: str = field(default="", repr=False)
    new_pool: str = ""
    made_before: str = ""
    log: LogTarget = NO_LOG
    choose: Choose = field(default=choose_precision, repr=False)
    recall: Callable[[str], CheckMemory] = field(default=_no_memory, repr=False)


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


def continuing_command(request: JobRequest, job: Job) -> str:
    """Returns the command that continues a run, from whatever folder and on whatever day.

    Beam's options are given as they are, except for their values if they may be secret.
    """
    words = ["fairshard", "package", "--catalogue", _anywhere(request.catalogue)]
    words += ["--deal", str(request.deal.absolute()), "--out", _anywhere(job.output_uri)]
    words += ["--as-of", request.as_of.isoformat()]
    for option, path in (("--mapping", request.mapping.path), ("--key", request.key)):
        words += [option, str(Path(path).absolute())] if path else []
    words += ["--preset", request.mapping.preset] if request.mapping.preset else []
    prefix = request.mapping.media_prefix
    words += ["--media-prefix", prefix] if prefix else []
    for root in request.roots:
        words += ["--allow-root", _anywhere(root)]
    for host in request.hosts:
        words += ["--allow-host", host]
    words += ["--user-agent", request.user_agent] if request.user_agent else []
    if request.requests_per_minute:
        words += ["--requests-per-minute", str(request.requests_per_minute)]
    words += ["--new-pool", request.new_pool] if request.new_pool else []
    scheduler = [o.removeprefix(_DASK) for o in request.beam_options if o.startswith(_DASK)]
    if scheduler:
        words += ["--engine", "dask", "--scheduler", scheduler[-1]]
    else:
        words += [f"--beam={_without_secrets(option)}" for option in request.beam_options]
    return shlex.join(words)


def _anywhere(uri: str) -> str:
    return uri if "://" in uri else str(Path(uri).absolute())


def _without_secrets(option: str) -> str:
    name, equals, _ = option.partition("=")
    return f"{name}=…" if equals and _SECRET.search(name) else option


def _output_of(request: JobRequest, deal: Deal) -> str:
    return (request.output or deal.output.uri).rstrip("/") or "/"


def prepare_job(request: JobRequest) -> PreparedJob:
    """Checks every input of a run and makes its job.

    Raises:
        InputError: If an input is invalid; of deal and catalogue it names every fault.
    """
    begun_s = time.time()
    new_pool = check_pool_name(request.new_pool)
    client = http_client(request.user_agent, request.requests_per_minute, request.workers)
    as_of_us = round(request.as_of.timestamp() * 1_000_000)
    faults = Faults()
    checked = check_inputs(
        request.deal,
        request.catalogue,
        request.mapping,
        as_of_us,
        faults,
        lambda deal: request.recall(_output_of(request, deal)),
    )
    faults.report()  # 1 to 3
    if checked is None:  # then there was a fault, and it was reported
        raise AssertionError("inputs that cannot be checked have a fault")
    deal, checks = checked
    catalogue = checks.catalogue
    trust = load_trust_lists(
        [Path(path).absolute() for path in deal.sources.trust_lists],
        denial_phrases=deal.rights.denial_phrases,
    )
    output = _output_of(request, deal)
    store = open_store(output)  # 4
    store.ensure_writable()
    models = resolve_models(deal, store, request.choose)
    inspectors = resolve_inspectors(deal, models.clip_id)
    key_path = Path(request.key) if request.key else default_key_path(output)  # 5
    signer = load_key(key_path) if request.key else load_or_create_key(key_path)
    salt = deal_salt(signer.secret, deal.deal_id)
    keys = log_key(signer, key_path)
    removed = read_removed(store, deal, keys.secrets, request.made_before)
    current_run_id = run_id(
        deal, catalogue, request.as_of, models, salt, trust, new_pool, removed, inspectors
    )
    version = find_version(store, deal, current_run_id)  # 6
    media_root = [request.mapping.media_root] if request.mapping.media_root else []
    plan = plan_pool(store, deal, version.name, new_pool)
    job = Job(
        deal=deal,
        catalogue=catalogue,
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
