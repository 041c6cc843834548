"""Measures the memory of a task that runs in its own processes."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from dataclasses import dataclass
from multiprocessing.connection import Connection
from typing import Generic, TypeVar

from tests.bench.scale_watch import memory_bytes, process_tree

_SAMPLE_S = 0.05


_Answer = TypeVar("_Answer")


@dataclass(frozen=True)
class Measured(Generic[_Answer]):
    """A task's result and its memory use.

    Attributes:
        answer: The value that the task returned.
        peak_bytes: Peak memory of all its processes together, with shared pages counted once
            (the sum of their PSS, sampled twenty times a second).
    """

    answer: _Answer
    peak_bytes: int


def _run(sender: Connection, task: Callable[..., object], arguments: tuple[object, ...]) -> None:
    sender.send(task(*arguments))


def measure(task: Callable[..., _Answer], *arguments: object) -> Measured[_Answer]:
    """Runs a task in a new process, and monitors its memory and that of its children."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_run, args=(sender, task, arguments))
    process.start()
    sender.close()
    peak = 0
    while not receiver.poll(_SAMPLE_S):
        peak = max(peak, sum(map(memory_bytes, process_tree(process.pid or 0))))
    try:
        answer: _Answer = receiver.recv()
    except EOFError:
        process.join()
        raise RuntimeError(f"{task.__name__} failed, exit code {process.exitcode}") from None
    process.join()
    return Measured(answer, peak)
