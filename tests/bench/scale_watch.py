"""What a run takes, step by step: watched from outside, by its progress lines and /proc."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, field
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class StepCost:
    """What a step took.

    Attributes:
        clock_s: Time on the clock.
        processor_s: Time of the processor, of all processes.
        peak_bytes: The most memory at once, of all processes, shared pages counted once.
    """

    clock_s: float = 0.0
    processor_s: float = 0.0
    peak_bytes: int = 0


@dataclass
class ProcessWatch:
    """Follows a process and those below it.

    Time goes to the step that the next progress line is of: lines are written when work is done.

    Attributes:
        pid: The process.
        progress: The file that the run adds its progress lines to.
        steps: What each step took, in the order of their first lines.
        peak_bytes: The most memory at once, of all processes, shared pages counted once.
        peak_of: The same of each process by itself.
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
        """Takes note of the time and of what was done since the last look.

        Args:
            clock: Seconds since the run began.
        """
        pids = process_tree(self.pid)
        # The times of what has ended are those of its parent by now.
        processor = max(self._processor, sum(map(processor_s, pids)))
        steps = self._new_lines()
        if steps:
            # Of several in one look the first took most of the time since the last line.
            taken = self.steps.setdefault(steps[0], StepCost())
            taken.clock_s += clock - self._clock
            taken.processor_s += processor - self._processor
            taken.peak_bytes = max(taken.peak_bytes, self._peak_bytes)
            self._clock, self._processor, self._peak_bytes = clock, processor, 0

    def measure_memory(self) -> None:
        """Takes note of the memory."""
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
        # A line without work done says only how much there will be.
        lines = [json.loads(line) for line in whole.splitlines()]
        return [step for step, done, _ in lines if done]


def process_tree(pid: int) -> list[int]:
    """A process and those below it, as far as they live."""
    found = [pid]
    # A child is listed with the thread that started it.
    for listed in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            found += [
                below for child in listed.read_text().split() for below in process_tree(int(child))
            ]
    return found


def processor_s(pid: int) -> float:
    """Time of the processor that a process took, with that of its children that ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(map(int, text.rpartition(")")[2].split()[11:15])) / _TICKS


def memory_bytes(pid: int) -> int:
    """Proportional memory of a process; 0 for what has just ended."""
    try:
        rollup = Path(f"/proc/{pid}/smaps_rollup").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    held = next((line.split()[1] for line in rollup.splitlines() if line.startswith("Pss:")), "0")
    return int(held) * 1024
