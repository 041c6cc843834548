"""Shows progress: workers append lines to a local file, and the command shows the totals.

A line is one JSON array, [step, done, total]; either number may be null. Lines are short, so that
appending one is atomic even when several processes write.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

STEPS = {
    "draw": "Generate library",
    "read": "Read catalogue",
    "screen": "Screen rights",
    "enrich": "Enrich assets",
    "select": "Select samples",
    "write": "Write shards",
    "publish": "Publish",
    "verify": "Verify",
    "pull": "Pull (MiB)",
    "pictures": "Make thumbnails",
}
_POLL_S = 0.2
_LINE_INTERVAL_S = 5.0


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
    bars = Progress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description:<16}"),
        BarColumn(bar_width=32),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]:>10}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
    )
    tasks: dict[str, TaskID] = {}
    with bars:
        running = True
        while running:
            running = not stop.wait(_POLL_S)
            totals.refresh()
            for step in [name for name in STEPS if name in totals.done]:
                if step not in tasks:
                    tasks[step] = bars.add_task(STEPS[step], total=None, rate="")
                task = tasks[step]
                elapsed = bars.tasks[task].elapsed or 0.0
                rate = f"{totals.done[step] / elapsed:,.0f}/s" if elapsed > 0.5 else ""
                total = totals.total[step] or None
                bars.update(task, completed=totals.done[step], total=total, rate=rate)


def _show_lines(totals: _ProgressTotals, console: Console, stop: threading.Event) -> None:
    started_s: dict[str, float] = {}
    last_shown_s: dict[str, float] = {}
    finished: set[str] = set()
    running = True
    while running:
        running = not stop.wait(_POLL_S)
        totals.refresh()
        now = time.monotonic()
        for step in [name for name in STEPS if name in totals.done and name not in finished]:
            started_s.setdefault(step, now)
            done, total = totals.done[step], totals.total[step]
            ended = 0 < total <= done
            if ended or now - last_shown_s.get(step, started_s[step]) >= _LINE_INTERVAL_S:
                last_shown_s[step] = now
                line = _plain_line(step, done, total, now - started_s[step])
                console.print(line, highlight=False, markup=False, soft_wrap=True)
            if ended:
                finished.add(step)


def _plain_line(step: str, done: int, total: int, elapsed_s: float) -> str:
    count = f"{done:,}/{total:,}" if total else f"{done:,}"
    line = f"  {STEPS[step]:<16} {count:>15}"
    if elapsed_s > 0.5 and done:
        rate = done / elapsed_s
        line += f"  {rate:>9,.0f}/s"
        if total > done:
            line += f"  {(total - done) / rate:>5,.0f} s left"
    return line
