"""The worker processes of the embedded runner, and the process that all of them are forked from.

That process imports what workers need, and loads the models if they will be needed, so that both
are done once and not once per worker. A worker is Beam's own, without output unless `--debug`:
Beam's logs every step to stderr at INFO and every exception with its traceback. The command shows
errors in its own words; `--debug` shows the workers' output as well.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from multiprocessing.connection import Connection

from pipelines.process.fork_loop import serve_forks
from pipelines.process.isolated import python_command
from pipelines.storage.s3_requests import report_requests

#: The environment variable by which a worker learns where to report what it sent to S3 in the end.
PROGRESS_VARIABLE = "FAIRSHARD_WORKER_PROGRESS"
_BEAM_WORKER = "apache_beam.runners.worker.sdk_worker_main"


def worker_command(debug: bool) -> list[str]:
    """Returns the command line of the process that forks workers, for `ForkServer`."""
    return python_command(__name__, *(["--debug"] if debug else []))


def main() -> None:
    """Runs that process, and in each of its forks a worker.

    The last argument is the descriptor of its connection. The address of a worker's runner is in
    the environment that Beam sets.
    """
    if "--debug" not in sys.argv:
        logging.disable(logging.CRITICAL)
    connection = Connection(int(sys.argv.pop()))
    serve_workers(connection)


def import_for_workers() -> None:
    """Imports what a worker needs; after logging is set up, since some modules of Beam's log."""
    importlib.import_module(_BEAM_WORKER)
    importlib.import_module("pipelines.steps.worker_models").import_steps()


def import_checks() -> None:
    """Imports what checks rows that no earlier run has checked."""
    importlib.import_module("pipelines.steps.worker_models").import_checks()


def serve_workers(connection: Connection) -> None:
    """Forks workers on request, and returns in each of them when it has done its work."""
    import_for_workers()
    from apache_beam.runners.worker import sdk_worker_main

    from pipelines.steps.beam_defaults import end_stages_promptly, look_for_state_once
    from pipelines.steps.worker_models import answer

    if not serve_forks(connection, answer):
        os._exit(0)  # a normal exit takes long and frees only memory
    end_stages_promptly()
    look_for_state_once()
    sdk_worker_main.main(["worker"])
    report_requests(os.environ[PROGRESS_VARIABLE])
