"""Shows a run's counts, reasons and times by step."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from rich import box
from rich.console import Console
from rich.table import Table

from pipelines.report.durations import seconds_text
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts, count_reasons
from pipelines.run.step_names import STEP_NAMES
from pipelines.steps.engine_options import engine_as_typed
from schemas.errors import counted
from schemas.reason_info import Outcome
from schemas.run_record import AttemptRecord, RunRecord, StepTime


def show_counts(
    console: Console, steps: Mapping[str, StepCounts], run: RunRecord | None = None
) -> None:
    """Prints the counts per step and, if assets were excluded, the table of reasons.

    Args:
        console: Where to print.
        steps: The counts of the steps that ran, in order.
        run: What they took; None if that is not known.
    """
    console.print()
    console.print(funnel(steps, None if run is None else run.attempt))
    if run is not None:
        for line in work_lines(run.attempt):
            console.print(f"  {line}", markup=False, highlight=False, soft_wrap=True)
        console.print()
    reasons = _reasons(steps)
    if reasons.row_count:
        console.print(reasons)
        console.print(
            "An asset may have several reasons, so the sum can exceed the excluded assets.\n"
        )
    for line in notice_lines(steps):
        console.print(line, markup=False, highlight=False, soft_wrap=True)


def funnel(steps: Mapping[str, StepCounts], attempt: AttemptRecord | None) -> Table:
    """Returns the table of counts by step, with times if an attempt is given."""
    table = Table(title="From catalogue to delivery", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("step")
    for name in ("in", "refused", "failed", "out"):
        table.add_column(name, justify="right")
    if attempt is None:
        for name, counts in steps.items():
            table.add_row(STEP_NAMES[name], *_counted(counts))
        return table
    for name in ("time", "share", "CPU"):
        table.add_column(name, justify="right")
    total_s = attempt.elapsed_s
    for name in STEP_NAMES:
        if name in steps or name in attempt.steps:
            counted = _counted(steps[name]) if name in steps else [""] * 4
            table.add_row(STEP_NAMES[name], *counted, *_timed(attempt.steps.get(name), total_s))
    other = StepTime(elapsed_s=attempt.other_s, busy_s=0.0, cpu_s=None, pieces=0)
    table.add_row("Start and wait", *[""] * 4, *_timed(other, total_s))
    return table


def _counted(counts: StepCounts) -> list[str]:
    numbers = (counts.entered, counts.refused_assets, counts.failed_assets, counts.passed)
    return [f"{number:,}" for number in numbers]


def _timed(time: StepTime | None, total_s: float) -> list[str]:
    if time is None:
        return [""] * 3
    share = f"{100 * time.elapsed_s / total_s:.0f} %" if total_s else ""
    cpu = "" if time.cpu_s is None else seconds_text(time.cpu_s)
    return [seconds_text(time.elapsed_s), share, cpu]


def work_lines(attempt: AttemptRecord) -> list[str]:
    """Returns what the work took, for people; at most 80 characters a line with the indent."""
    work = attempt.work
    workers = "" if attempt.workers is None else f", {counted(attempt.workers, 'worker')}"
    engine = engine_as_typed(attempt.engine)
    lines = [f"{seconds_text(attempt.elapsed_s)} in all, on {engine}{workers}"]
    if work.media_bytes or work.decode_s or work.model_calls:
        lines.append(
            f"decoding {seconds_text(work.decode_s)}, models {seconds_text(work.inference_s)} in "
            f"{work.model_calls:,} calls; {work.media_bytes / 1e6:,.1f} MB of media read"
        )
    retries = {
        "decoder": work.decoder_retries,
        "fetch": work.fetch_retries,
        "storage": work.store_retries,
    }
    if any(retries.values()):
        named = ", ".join(f"{name} {count:,}" for name, count in retries.items() if count)
        lines.append(f"tried again: {named}")
    return lines


def _reasons(steps: Mapping[str, StepCounts]) -> Table:
    table = Table(title="Excluded assets, by reason", box=box.SIMPLE_HEAD, title_justify="left")
    table.add_column("assets", justify="right")
    table.add_column("reason", no_wrap=True)
    table.add_column("meaning")
    found = count_reasons(steps.values())
    for code, count in sorted(found.items(), key=lambda item: (-item[1], item[0])):
        info = REASONS[code]
        mark = " (failed asset)" if info.outcome is Outcome.FAILED else ""
        table.add_row(f"{count:,}", code, info.sentence + mark)
    return table


def notice_lines(steps: Mapping[str, StepCounts]) -> list[str]:
    """Returns how many assets were refused under which notices of removal, for people."""
    found: Counter[str] = Counter()
    for counts in steps.values():
        found.update(counts.notices)
    return [
        f"Refused under notice {notice}: {counted(count, 'asset')}"
        for notice, count in sorted(found.items())
    ]
