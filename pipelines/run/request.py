"""The arguments of a run, and the command that continues it."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from pipelines.catalogue.choice import AS_FOUND, MappingChoice
from pipelines.catalogue.memory import NO_MEMORY, CheckMemory
from pipelines.run.job import Job
from pipelines.run.logs import NO_LOG, LogTarget
from pipelines.run.models import Choose
from pipelines.vision.precision import choose_precision
from schemas.deal import Deal

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

    def output_of(self, deal: Deal) -> str:
        """Returns the address of the output store."""
        return (self.output or deal.output.uri).rstrip("/") or "/"


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
