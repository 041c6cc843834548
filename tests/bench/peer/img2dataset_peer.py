"""Runs img2dataset in its own environment: each input line is a call, and each answer is a line.

It stays alive between calls, so that imports are not timed.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import time

from img2dataset import download


def _processor_s() -> float:
    """Returns the processor time of this process and its ended children, in seconds."""
    both = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(used.ru_utime + used.ru_stime for used in both)


def main() -> None:
    """Answers calls until the input ends."""
    # What the library prints must not be mixed with the answers.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        clock, processor = time.perf_counter(), _processor_s()
        with contextlib.redirect_stdout(sys.stderr):
            download(**json.loads(line))
        timing = {
            "clock_s": time.perf_counter() - clock,
            "processor_s": _processor_s() - processor,
        }
        answers.write(json.dumps(timing) + "\n")
        answers.flush()


# Its own worker processes import this file again.
if __name__ == "__main__":
    main()
