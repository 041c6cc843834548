"""Progress: the lines that workers write, and how they are shown."""

from __future__ import annotations

import io
import json
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from pipelines.report.durations import seconds_text
from pipelines.report.progress import STEPS, StepProgress, show_progress
from pipelines.storage.progress import report_progress


def console(terminal: bool = False) -> tuple[Console, io.StringIO]:
    sink = io.StringIO()
    return Console(file=sink, force_terminal=terminal, width=120), sink


def test_plain_lines(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    shown, sink = console()
    with show_progress(path, shown):
        report_progress(str(path), "screen", 1_200, 1_200)
        report_progress(str(path), "enrich", 0, 4)
        report_progress(str(path), "enrich", 3)
        report_progress(str(path), "enrich", 1)
    lines = sink.getvalue().splitlines()
    assert [line.split() for line in lines] == [
        ["Screen", "rights", "1,200/1,200"],
        ["Enrich", "assets", "4/4"],
    ]
    assert not any(mark in sink.getvalue() for mark in ("\r", "\x1b", "━"))


def test_unfinished_step_is_not_shown_as_complete(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    shown, sink = console()
    with show_progress(path, shown):
        report_progress(str(path), "write", 2, 5)
    assert "5/5" not in sink.getvalue()


def test_bars_on_a_terminal(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    shown, sink = console(terminal=True)
    with show_progress(path, shown):
        report_progress(str(path), "read", 7, 9)
        time.sleep(0.3)
        report_progress(str(path), "read", 2)
    assert "Read catalogue" in sink.getvalue() and "9/9" in sink.getvalue()


def test_quiet(tmp_path: Path) -> None:
    path = tmp_path / "progress"
    shown, sink = console()
    with show_progress(path, shown, quiet=True):
        report_progress(str(path), "read", 1, 1)
    assert sink.getvalue() == ""


def test_nothing_is_written_without_a_file() -> None:
    report_progress("", "read", 1, 1)


def test_lines_of_many_writers_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "progress"

    def work() -> None:
        for _ in range(200):
            report_progress(str(path), "enrich", 1)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = path.read_text(encoding="ascii").splitlines()
    assert [json.loads(line) for line in lines] == [["enrich", 1, None]] * 1_600


def test_error_within_the_block_is_raised(tmp_path: Path) -> None:
    shown, _ = console()
    with pytest.raises(KeyError), show_progress(tmp_path / "progress", shown):
        raise KeyError("x")


def test_every_step_has_a_name() -> None:
    assert {"read", "screen", "enrich", "select", "write", "publish", "verify"} <= set(STEPS)


def test_times_and_rates_have_labels_and_units() -> None:
    step = StepProgress(100.0)
    step.note(0, 600, 100.0)
    assert step.told().split() == ["0/600"]
    for second in range(1, 101):
        step.note(2 * second, 600, 100.0 + second)
    assert step.told().strip() == "200/600   1m 40s so far, 2/s, 3m 20s left"
    step.note(600, 600, 220.0)
    assert step.told().strip() == "600/600   2m 00s in all, 5/s"
    step.note(600, 600, 400.0)  # nothing more is done, so its time does not go on
    assert step.told().strip() == "600/600   2m 00s in all, 5/s"


def test_the_rate_is_that_of_now() -> None:
    """A run that continues finds most done at once; that is no rate."""
    step = StepProgress(0.0)
    step.note(0, 1000, 0.0)
    step.note(900, 1000, 1.0)
    for second in range(2, 60):
        step.note(900 + second // 2, 1000, float(second))
    assert step.told().strip() == "929/1,000   59.0 s so far, 30/min, 2m 22s left"


@pytest.mark.parametrize("seconds", [0.0, 59.9, 75.2, 3_599.9, 7_384.0, 360_000.0])
def test_durations_are_short_and_have_units(seconds: float) -> None:
    assert seconds_text(seconds)[-1] in "sm" and len(seconds_text(seconds)) <= 8


def test_lines_fit_80_columns(tmp_path: Path) -> None:
    step = StepProgress(0.0)
    for second in (0, 10, 20):
        step.note(100_000 + 1234 * second, 999_999, float(second))
    told = step.told()
    assert "left" in told and 1 + 1 + 16 + 1 + 6 + 1 + len(told) <= 80, told
