"""Measures the cost of each step of a run from outside, by its progress lines and /proc."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.storage.s3_requests import REQUESTS

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class StepCost:
    """The cost of a step.

    Attributes:
        clock_s: Elapsed time.
        processor_s: Processor time of all processes.
        peak_bytes: Peak memory of all processes together, with shared pages counted once.
    """

    clock_s: float = 0.0
    processor_s: float = 0.0
    peak_bytes: int = 0


@dataclass
class ProcessWatch:
    """Monitors a process and its descendants.

    Time is assigned to the step of the next progress line, since lines are written after the work.

    Attributes:
        pid: The process.
        progress: The file to which the run appends its progress lines.
        steps: The cost of each step, in the order of their first lines.
        peak_bytes: Peak memory of all processes together, with shared pages counted once.
        peak_of: Peak memory of each process alone.
    """

    pid: int
    progress: Path
    steps: dict[str, StepCost] = field(default_factory=dict)
    peak_bytes: int = 0
    peak_of: dict[int, int] = field(default_factory=dict)
    _clock: float = 0.0
    _processor: float = 0.0
    _peak_bytes: int = 0
    _offset: int = 0

    def poll(self, clock: float) -> None:
        """Records the time and the progress since the last poll.

        Args:
            clock: Seconds since the start of the run.
        """
        pids = process_tree(self.pid)
        # The times of ended processes are included in their parents'.
        processor = max(self._processor, sum(map(processor_s, pids)))
        steps = self._new_lines()
        if steps:
            # If one poll sees several lines, the first took most of the time since the last one.
            taken = self.steps.setdefault(steps[0], StepCost())
            taken.clock_s += clock - self._clock
            taken.processor_s += processor - self._processor
            taken.peak_bytes = max(taken.peak_bytes, self._peak_bytes)
            self._clock, self._processor, self._peak_bytes = clock, processor, 0

    def measure_memory(self) -> None:
        """Records the memory in use."""
        held = {pid: memory_bytes(pid) for pid in process_tree(self.pid)}
        now = sum(held.values())
        self.peak_bytes, self._peak_bytes = max(self.peak_bytes, now), max(self._peak_bytes, now)
        for pid, size in held.items():
            self.peak_of[pid] = max(self.peak_of.get(pid, 0), size)

    def _new_lines(self) -> list[str]:
        with self.progress.open("rb") as source:
            source.seek(self._offset)
            data = source.read()
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        # A line without completed work states only the total.
        lines = [json.loads(line) for line in whole.splitlines()]
        return [step for step, done, _ in lines if done and not step.startswith(REQUESTS)]


def process_tree(pid: int) -> list[int]:
    """Returns the ids of a process and its descendants that are alive."""
    found = [pid]
    # Children are listed under the thread that started them.
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [
                below for child in listed.read_text().split() for below in process_tree(int(child))
            ]
    return found


def processor_s(pid: int) -> float:
    """Returns the processor time of a process and its ended children, in seconds."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[11:15])) / _TICKS


def memory_bytes(pid: int) -> int:
    """Returns the proportional memory (PSS) of a process in bytes; 0 if it has just ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    held = next((line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")), "0")
    return int(held) * 1024
