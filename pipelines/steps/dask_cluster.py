"""Connects to a Dask cluster, and refuses one that could not make the same bytes.

Workers share nothing with the command but the output, the catalogue and the media. So each worker
is asked, before anything is written, whether it has the same program; and, when the run begins,
whether it sees the same output and the same local files.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TypeVar

from distributed import Client
from distributed.comm.core import CommClosedError
from distributed.scheduler import KilledWorker, NoValidWorkerError

from pipelines.catalogue.files import find_file
from pipelines.run.job import Job
from pipelines.steps.dask_identity import identity_probe
from pipelines.storage.open import open_store
from schemas.errors import FairshardError, InputError, RunError

_ANSWER_S = 10
_MAX_ASKS = 10
_ASK_AGAIN_S = 1.0
_SLOW_ANSWER_S = 120  # the first call imports the program
_CONTINUE = "then run the same command again: it continues from what is done."

_Answer = TypeVar("_Answer")


@contextmanager
def connected(scheduler: str, debug: bool = False) -> Iterator[Client]:
    """Connects to a scheduler for the length of the block.

    Certificates for `tls://` are those of Dask's own configuration (`distributed.comm.tls`).

    Raises:
        InputError: If no scheduler answers.
    """
    if not debug:  # Dask logs every lost connection several times
        logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        client = Client(scheduler, timeout=_ANSWER_S, set_as_default=False)
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise InputError(
            "No Dask scheduler answers",
            f"--scheduler {scheduler}: {str(error).splitlines()[0] if str(error) else error!r}",
            "Start it, or correct the address: tcp://HOST:PORT, or tls://HOST:PORT with the "
            "certificates in Dask's configuration.",
        ) from error
    try:
        yield client
    finally:
        client.close(timeout=_ANSWER_S)


@contextmanager
def clear_errors(client: Client, scheduler: str) -> Iterator[None]:
    """Turns Dask's own errors in the block into ours."""
    try:
        yield
    except KilledWorker as error:
        raise RunError(
            "Workers died several times in the same step",
            f"{str(error.task).rpartition('-')[0]}, last on {error.last_worker.address}",
            f"See that worker's log; if memory ran out, give workers more, {_CONTINUE}",
        ) from error
    except (CancelledError, CommClosedError, NoValidWorkerError, OSError) as error:
        ours = isinstance(error, OSError) and not isinstance(error, CommClosedError)
        if ours and client.status == "running":  # a worker's, such as a full disk
            raise
        raise RunError(
            "The connection to the Dask scheduler was lost",
            scheduler,
            f"Check that the scheduler runs, {_CONTINUE}",
        ) from error


def check_workers(client: Client, scheduler: str) -> int:
    """Checks that every worker has this program, and returns the number of workers.

    Raises:
        InputError: If there is no worker, or one has another program or several threads.
    """
    try:
        client.wait_for_workers(1, timeout=_ANSWER_S)
    except TimeoutError as error:
        raise InputError(
            "The Dask scheduler has no workers",
            f"--scheduler {scheduler}",
            f"Start some: dask worker {scheduler} --nthreads 1",
        ) from error
    for worker, threads in sorted(client.nthreads().items()):
        if threads != 1:
            raise InputError(
                "A Dask worker has several threads",
                f"{worker}: {threads}",
                "Start it with --nthreads 1, once for each core: the models take one at a time.",
            )
    probe = identity_probe()
    ours = probe()
    found = _ask(client, probe)
    for worker, theirs in sorted(found.items()):
        if isinstance(theirs, BaseException):
            theirs = {"program": f"not readable: {theirs!r}"}
        different = [
            f"{name} {theirs.get(name) or 'missing'}, here {value}"
            for name, value in ours.items()
            if theirs.get(name) != value
        ]
        if different:
            raise InputError(
                "A Dask worker has another version of the program or of its dependencies",
                f"{worker}: {'; '.join(different)}",
                "Install the same wheel with the same constraints.txt on every machine, and start "
                "the worker again.",
            )
    return len(found)


def check_shared(client: Client, job: Job) -> None:
    """Checks that every worker sees the output, the catalogue's local files and local roots.

    Args:
        client: The cluster's client.
        job: The run, which holds its lease.

    Raises:
        RunError: If a worker does not; it names the worker and the file.
    """
    for worker, fault in sorted(_ask(client, _first_unseen, job).items()):
        if fault:
            raise RunError(
                "A Dask worker does not see what the command sees",
                f"{worker}: {fault}",
                "Workers share the output and local files by a folder that is mounted at the same "
                "path on every machine, or use s3:// addresses and have the credentials.",
            )


def _ask(
    client: Client, function: Callable[..., _Answer], *arguments: object
) -> dict[str, _Answer]:
    """Calls a function on every worker, and returns the answers or errors by address.

    Raises:
        InputError: If a worker does not answer.
    """
    call = partial(client._run, function, *arguments, on_error="return")
    silent = list(client.nthreads())
    for _ in range(_MAX_ASKS):
        try:
            found: dict[str, _Answer] = client.sync(call, callback_timeout=_SLOW_ANSWER_S)
        except TimeoutError:
            break
        # A worker that dies is one less; whoever takes its place is asked as well.
        silent = [worker for worker, answer in found.items() if isinstance(answer, OSError)]
        if found and not silent:
            return found
        time.sleep(_ASK_AGAIN_S)
    raise InputError(
        "A Dask worker does not answer",
        f"one of {', '.join(sorted(silent)) or 'none that are left'}",
        "Stop workers that hang, or start them, then run the same command again.",
    )


def _first_unseen(job: Job) -> str:
    """Returns what this machine does not see of a run's files, or ""."""
    try:
        if job.lease_record and not open_store(job.output_uri).exists(job.lease_record.key()):
            return f"the output {job.output_uri} is another one here, without the run's lease"
        tables = (file for table in job.catalogue.tables for file in table.files)
        for file in (*tables, *job.catalogue.other_files):
            if "://" not in file.uri and find_file(Path(file.uri)).version != file.version:
                return f"the catalogue's file {file.uri} has another size or time here"
        for root in job.policy.roots:
            if "://" not in root and not Path(root).is_dir():
                return f"there is no folder {root}"
    except (FairshardError, OSError) as error:
        return str(error)
    return ""
