"""Sections of the agency's page on the way from catalogue to delivery: counts, reasons, times."""

from __future__ import annotations

from collections.abc import Mapping

from pipelines.report.durations import seconds_text
from pipelines.report.funnel import work_lines
from pipelines.report.pages.excluded import Exclusions
from pipelines.report.pages.parts import Column, bar, note, percent, section, table, text
from pipelines.rights.rules.reasons import REASONS
from pipelines.run.counts import StepCounts
from pipelines.run.step_names import STEP_NAMES
from schemas.errors import counted
from schemas.reason_info import Outcome
from schemas.run_record import RunRecord, StepTime


def funnel_section(steps: Mapping[str, StepCounts], delivered: bool) -> str:
    """Returns what became of the assets in each step.

    Args:
        steps: The counts of the steps that ran, in order.
        delivered: Whether the run ended in a delivery.
    """
    if not steps:
        return section(
            "funnel",
            "From catalogue to delivery",
            note("No step ran: the run ended before it read the catalogue's assets."),
        )
    most = max(counts.entered for counts in steps.values())
    rows = [
        (
            text(STEP_NAMES[name]),
            bar(
                ("passed", counts.passed),
                ("refused", counts.refused_assets),
                ("failed", counts.failed_assets),
                most=most,
            ),
            f"{counts.entered:,}",
            f"{counts.refused_assets:,}",
            f"{counts.failed_assets:,}",
            f"{counts.passed:,}",
            percent(counts.passed, counts.entered),
        )
        for name, counts in steps.items()
    ]
    parts = [
        '<p class="legend"><span class="passed">passed</span> <span class="refused">refused: a '
        'rule said no</span> <span class="failed">failed: could not be read</span></p>\n',
        table(
            "Assets by step",
            (
                Column("step"),
                Column(""),
                *(Column(name, True) for name in ("in", "refused", "failed", "out", "share out")),
            ),
            rows,
        ),
    ]
    if not delivered:
        last = STEP_NAMES[list(steps)[-1]]
        parts.append(note(f"Nothing was delivered. The last step with counts is: {last}."))
    return section("funnel", "From catalogue to delivery", *parts)


def exclusion_sections(found: Exclusions, csv: str) -> tuple[str, str]:
    """Returns the table of reasons, and the frame of the list of excluded assets.

    Args:
        found: What was decided.
        csv: Name of the table for spreadsheets.
    """
    if not found.excluded:
        return "", ""
    most = max(found.by_reason.values())
    ordered = sorted(found.by_reason.items(), key=lambda item: (-item[1], item[0]))
    reasons = section(
        "reasons",
        "Excluded assets, by reason",
        note(
            f"{counted(found.excluded, 'asset')} excluded. An asset may have several reasons, so "
            "the sum can be larger. Alone: how many would be delivered, as far as screening can "
            "tell, without this one reason."
        ),
        table(
            counted(len(ordered), "reason"),
            (
                Column("reason"),
                Column("assets", True),
                Column("alone", True),
                Column("meaning"),
                Column("how to fix"),
            ),
            (_reason_row(reason, count, found.alone[reason], most) for reason, count in ordered),
        ),
    )
    left = found.excluded - len(found.ids)
    more = f" The other {left:,} are in {csv}." if left and csv else ""
    listed = section(
        "excluded",
        "Excluded assets",
        note(f"{counted(len(found.ids), 'asset')} with what was seen.{more}"),
        '<form class="filters" id="excluded-filters"><label>Search<input type="search" '
        'id="excluded-search" placeholder="asset id or value" autocomplete="off"></label>\n'
        '<label>Reason<select id="excluded-reason"><option value="">all</option></select></label>'
        "</form>\n"
        '<p id="excluded-matches" class="soft" role="status"></p>\n'
        '<div id="excluded-rows" class="box" tabindex="0" role="group" '
        'aria-label="Excluded assets"></div>\n<div class="printed" id="printed-rows"></div>\n'
        "<noscript><p>The list needs scripts. The table above does not.</p></noscript>\n",
    )
    return reasons, listed


def _reason_row(reason: str, count: int, alone: int, most: int) -> tuple[str, ...]:
    info = REASONS[reason]
    kind = "failed" if info.outcome is Outcome.FAILED else "refused"
    return (
        f"<code>{text(reason)}</code>{bar((kind, count), most=most)}",
        f"{count:,}",
        f"{alone:,}",
        text(info.sentence),
        text(info.remedy),
    )


def timing_section(record: RunRecord | None) -> str:
    """Returns what the run took; "" if it left no record."""
    if record is None:
        return ""
    attempt = record.attempt
    other = StepTime(elapsed_s=attempt.other_s, busy_s=0.0, cpu_s=None, pieces=0)
    times = [
        (STEP_NAMES[name], attempt.steps[name]) for name in STEP_NAMES if name in attempt.steps
    ]
    times.append(("Start and wait", other))
    most = max(1, *(round(1000 * time.elapsed_s) for _, time in times))
    rows = (
        (
            text(name),
            bar(("passed", round(1000 * time.elapsed_s)), most=most),
            seconds_text(time.elapsed_s),
            percent(time.elapsed_s, attempt.elapsed_s),
            "" if time.cpu_s is None else seconds_text(time.cpu_s),
        )
        for name, time in times
    )
    return section(
        "timing",
        "Timing",
        f'<p class="soft">{text(attempt.started[:19].replace("T", " "))} to '
        f"{text(attempt.ended[:19].replace('T', ' '))} UTC</p>\n",
        table(
            "Time by step, of the last attempt",
            (
                Column("step"),
                Column(""),
                Column("time", True),
                Column("share", True),
                Column("processor", True),
            ),
            rows,
        ),
        *(note(line) for line in work_lines(attempt)),
    )
