"""What `verify` found, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from pipelines.verify.report import RepairSummary, Report


def show_report(console: Console, delivery: str, report: Report) -> None:
    """Prints each problem in a line, then what was looked at and how it ended."""
    if report.repaired is not None:
        for name, text in _repair_lines(report.repaired):
            console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(problem.describe(), markup=False, highlight=False, soft_wrap=True)
    for name, text in _coverage_lines(report):
        console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    count = len(report.problems)
    if count:
        end = f"FAILED: {count:,} problem{'s' if count > 1 else ''} in {delivery}"
    else:
        ok = "OK" if report.sampled is None else "OK as far as it was looked at"
        end = f"{ok}: {delivery}: {_totals_text(report)}, signed by {report.signer}"
    console.print(end, markup=False, highlight=False, soft_wrap=True)


def _totals_text(report: Report) -> str:
    return (
        f"{report.files:,} files, {report.bytes:,} bytes, {report.shards:,} shards, "
        f"{report.samples:,} samples, {report.entries:,} ledger entries"
    )


def _coverage_lines(report: Report) -> Iterator[tuple[str, str]]:
    if report.sampled is not None:
        sample = report.sampled
        share = sample.samples / sample.of if sample.of else 0.0
        yield (
            "sample",
            f"{sample.samples:,} of {sample.of:,} samples ({share:.2%}), seed {sample.seed}",
        )
        yield "read", f"{sample.bytes:,} of {sample.of_bytes:,} bytes of tars"
        yield (
            "chance",
            f"{sample.chance:.2%} of meeting damage that touches one sample in a hundred",
        )
        for text in sample.unread:
            yield "unread", text
    if report.resumed is not None:
        resumed = report.resumed
        before = f", which saw {resumed.before}" if resumed.before else ", made anew"
        yield "state", f"{resumed.state}{before}"
        yield (
            "known",
            (
                f"{resumed.files:,} files, {resumed.bytes:,} bytes look as when they were "
                f"found sound and were not read; {resumed.reread:,} were read again"
            ),
        )


def _repair_lines(repaired: RepairSummary) -> Iterator[tuple[str, str]]:
    for problem in repaired.found:
        yield "was", problem.describe()
    for path in repaired.files:
        yield "made", path
    for path in repaired.removed:
        yield "removed", path
    yield "written", f"shards anew: {', '.join(repaired.shards) or 'none'}"
