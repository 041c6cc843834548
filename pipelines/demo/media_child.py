"""A process that draws files of the library. Run by `pipelines.demo.media_jobs`."""

from __future__ import annotations

import os
import pickle
import signal
import sys

from pipelines.demo.media_jobs import draw_file


def main() -> None:
    """Draws what it is told to until the parent closes the pipe.

    A request is a pickled pair of the catalogue's folder and some assets; the answer is the list of
    their facts, or the exception that was raised.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent's, who then closes the pipe
    requests = sys.stdin.buffer
    # Libraries that print would damage the messages.
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        while True:
            try:
                root, assets = pickle.load(requests)  # noqa: S301  (the parent's)
            except EOFError:
                return
            try:
                answer: object = [draw_file(root, asset) for asset in assets]
            except Exception as error:
                answer = error
            pickle.dump(answer, answers)
            answers.flush()
