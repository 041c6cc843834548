"""Shows progress: workers append lines to a local file, and the command shows the totals.

A line is one JSON array, [step, done, total]; either number may be null. Lines are short, so that
appending one is atomic even when several processes write.
"""

from __future__ import annotations

import json
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from pipelines.report.durations import seconds_text
from pipelines.run.step_names import STEP_NAMES

# All long work, in the order in which it is shown: the steps of a run and what other commands do.
STEPS = {
    "draw": "Generate library",
    **STEP_NAMES,
    "verify": "Verify",
    "pull": "Pull (MiB)",
    "pictures": "Make thumbnails",
}
_POLL_S = 0.2
_LINE_INTERVAL_S = 5.0
_BAR_WIDTH = 6  # so that a line has at most 80 columns
_RATE_WINDOW_S = 30.0
_LEAST_SEEN = 2
_FIRST_TIME_S = 0.5  # from when on the time is said
_FIRST_RATE_S = 2.0  # from when on a rate and the time left are


class _ProgressTotals:
    """Follows a progress file and adds up its lines."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0
        self.done: dict[str, int] = {}
        self.total: dict[str, int] = {}

    def refresh(self) -> None:
        with self._path.open("rb") as source:
            source.seek(self._offset)
            for line in source:
                if not line.endswith(b"\n"):
                    break
                self._offset += len(line)
                step, done, total = json.loads(line)
                self.done[step] = self.done.get(step, 0) + (done or 0)
                self.total[step] = self.total.get(step, 0) + (total or 0)


@contextmanager
def show_progress(path: Path, console: Console, quiet: bool = False) -> Iterator[None]:
    """Shows what workers report while the block runs.

    On a terminal: one bar per step with count, rate and time left. Elsewhere: plain lines, one per
    step every few seconds and one when the step ends.
    """
    path.touch(mode=0o600)
    if quiet:
        yield
        return
    stop = threading.Event()
    show = _show_bars if console.is_terminal else _show_lines
    thread = threading.Thread(target=show, args=(_ProgressTotals(path), console, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _show_bars(totals: _ProgressTotals, console: Console, stop: threading.Event) -> None:
    # Only a terminal shows bars, and nothing else waits for their import.
    from rich.progress import BarColumn, Progress, SpinnerColumn, TaskID, TextColumn

    bars = Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=_BAR_WIDTH),
        TextColumn("{task.fields[told]}", markup=False),
        console=console,
    )
    tasks: dict[str, TaskID] = {}
    steps: dict[str, StepProgress] = {}
    with bars:
        running = True
        while running:
            running = not stop.wait(_POLL_S)
            totals.refresh()
            now_s = time.monotonic()
            for step in [name for name in STEPS if name in totals.done]:
                if step not in tasks:
                    tasks[step] = bars.add_task(STEPS[step], total=None, told="")
                    steps[step] = StepProgress(now_s)
                done, total = totals.done[step], totals.total[step]
                steps[step].note(done, total, now_s)
                told = steps[step].told()
                bars.update(tasks[step], completed=done, total=total or None, told=told)


def _show_lines(totals: _ProgressTotals, console: Console, stop: threading.Event) -> None:
    steps: dict[str, StepProgress] = {}
    last_shown_s: dict[str, float] = {}
    finished: set[str] = set()
    running = True
    while running:
        running = not stop.wait(_POLL_S)
        totals.refresh()
        now_s = time.monotonic()
        for step in [name for name in STEPS if name in totals.done and name not in finished]:
            progress = steps.setdefault(step, StepProgress(now_s))
            progress.note(totals.done[step], totals.total[step], now_s)
            if progress.ended or now_s - last_shown_s.setdefault(step, now_s) >= _LINE_INTERVAL_S:
                last_shown_s[step] = now_s
                line = f"  {STEPS[step]:<16} {progress.told()}"
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            if progress.ended:
                finished.add(step)


class StepProgress:
    """How far a step is, and how fast it was lately.

    The rate is that of the last half minute: one since the start would jump where a run continues
    with what was done before, and would hide that it has slowed down.

    Args:
        now_s: When the step was first heard of, by a clock that only goes forward.
    """

    def __init__(self, now_s: float) -> None:
        self._started_s = self._now_s = now_s
        self._seen: deque[tuple[float, int]] = deque()
        self._done = self._total = 0

    @property
    def ended(self) -> bool:
        """Whether everything is done."""
        return 0 < self._total <= self._done

    def note(self, done: int, total: int, now_s: float) -> None:
        """Notes how much is done, of how much, at a time."""
        self._done, self._total = done, total
        if self._seen and self._seen[-1][1] == done and self.ended:
            return  # its time does not go on
        self._now_s = now_s
        self._seen.append((now_s, done))
        while now_s - self._seen[0][0] > _RATE_WINDOW_S and len(self._seen) > _LEAST_SEEN:
            self._seen.popleft()

    def told(self) -> str:
        """Returns count, rate and times, for people; at most 56 characters."""
        count = f"{self._done:,}/{self._total:,}" if self._total else f"{self._done:,}"
        elapsed_s = self._now_s - self._started_s
        if elapsed_s < _FIRST_TIME_S:
            return f"{count:>15}"
        words = f"{count:>15}  {seconds_text(elapsed_s):>7} so far"
        if self.ended:
            rate = self._done / elapsed_s
            return f"{words[:-7]} in all{_per_second(rate)}"
        (first_s, before), (last_s, now) = self._seen[0], self._seen[-1]
        if now == before or last_s - first_s < _FIRST_RATE_S:
            return words
        rate = (now - before) / (last_s - first_s)
        left = self._total - self._done
        return f"{words}{_per_second(rate)}" + (
            f", {seconds_text(left / rate)} left" if left > 0 else ""
        )


def _per_second(rate: float) -> str:
    """Returns a rate for people; slow ones by the minute, since 0/s says nothing."""
    return f", {rate:,.0f}/s" if rate >= 1 else f", {60 * rate:,.0f}/min"
