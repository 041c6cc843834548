"""A worker process of the embedded runner: Beam's own worker, without output unless `--debug`.

Beam's worker logs every step to stderr at INFO and every exception with its traceback. The command
shows errors in its own words; `--debug` shows the worker's output as well.
"""

from __future__ import annotations

import logging
import sys

from pipelines.process.identity import end_with, this_process
from pipelines.process.isolated import python_command
from pipelines.storage.s3_requests import report_requests

_PARENT = "--parent="
_PROGRESS = "--progress="


def worker_command(debug: bool, progress_path: str = "") -> list[str]:
    """Returns the command line that starts a worker, which exits when this process ends.

    Args:
        debug: Whether it shows its output.
        progress_path: Local file to which it reports in the end what it sent to S3, or "".
    """
    me = this_process()
    parent = f"{_PARENT}{me.pid}:{me.started_ticks}"
    progress = f"{_PROGRESS}{progress_path}"
    return python_command(__name__, parent, progress, *(["--debug"] if debug else []))


def main() -> None:
    """Runs a worker; the address of its runner is in the environment that Beam sets."""
    progress_path = ""
    for word in sys.argv[1:]:
        if word.startswith(_PROGRESS):
            progress_path = word.removeprefix(_PROGRESS)
        if word.startswith(_PARENT):
            pid, started_ticks = map(int, word.removeprefix(_PARENT).split(":"))
            end_with(pid, started_ticks)
    if "--debug" not in sys.argv:
        logging.disable(logging.CRITICAL)
    # Imported after logging is set up, since some of Beam's modules log during import.
    from apache_beam.runners.worker import sdk_worker_main

    from pipelines.steps.beam_defaults import end_stages_promptly

    end_stages_promptly()
    sdk_worker_main.main(sys.argv)
    report_requests(progress_path)
