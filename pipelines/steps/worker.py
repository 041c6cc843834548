"""A worker process of the embedded runner: Beam's own, but silent unless it is asked to speak.

Beam's worker logs every step to stderr at INFO and every exception with its traceback. The command
shows errors in its own words; with `--debug` the worker's are shown as well.
"""

from __future__ import annotations

import logging
import sys

from pipelines.process.identity import end_with, this_process
from pipelines.process.isolated import python_command

_PARENT = "--parent="
_SAMPLING_PERIOD_MS = 2


def worker_command(debug: bool) -> list[str]:
    """The command line that starts a worker, which ends with this process."""
    me = this_process()
    parent = f"{_PARENT}{me.pid}:{me.started_ticks}"
    return python_command(__name__, parent, *(["--debug"] if debug else []))


def end_stages_promptly() -> None:
    """Lets a stage of the graph end when its work does.

    Beam samples what a stage is at from a thread, and the stage ends when that thread wakes: its
    sleep grows with the stage to a fifth of a second, and the class has no setting but its default.
    """
    from apache_beam.runners.worker import statesampler

    statesampler.StateSampler.__init__.__defaults__ = (_SAMPLING_PERIOD_MS,)


def main() -> None:
    """Runs a worker; where it finds its runner is in the environment that Beam sets."""
    for word in sys.argv[1:]:
        if word.startswith(_PARENT):
            pid, started_ticks = map(int, word.removeprefix(_PARENT).split(":"))
            end_with(pid, started_ticks)
    if "--debug" not in sys.argv:
        logging.disable(logging.CRITICAL)
    # Imported only now, since some of Beam's modules log while they are imported.
    from apache_beam.runners.worker import sdk_worker_main

    end_stages_promptly()
    sdk_worker_main.main(sys.argv)
