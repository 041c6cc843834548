"""A worker process of the embedded runner: Beam's own, but silent unless it is asked to speak.

Beam's worker logs every step to stderr at INFO and every exception with its traceback. The command
shows errors in its own words; with `--debug` the worker's are shown as well.
"""

from __future__ import annotations

import logging
import shlex
import sys


def worker_command(debug: bool) -> str:
    """The command line that starts a worker."""
    words = [sys.executable, "-m", "pipelines.worker", *(["--debug"] if debug else [])]
    return shlex.join(words)


def main() -> None:
    """Runs a worker; where it finds its runner is in the environment that Beam sets."""
    if "--debug" not in sys.argv:
        logging.disable(logging.CRITICAL)
    # Imported only now, since some of Beam's modules log while they are imported.
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main(sys.argv)


if __name__ == "__main__":
    main()
