"""What `verify` found, for people."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from pipelines.verify.report import Repaired, Report


def show_report(console: Console, delivery: str, report: Report) -> None:
    """Prints each problem in a line, then what was looked at and how it ended."""
    if report.repaired is not None:
        for name, text in _mended(report.repaired):
            console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(problem.tell(), markup=False, highlight=False, soft_wrap=True)
    for name, text in _looked_at(report):
        console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    count = len(report.problems)
    if count:
        end = f"FAILED: {count:,} problem{'s' if count > 1 else ''} in {delivery}"
    else:
        ok = "OK" if report.sampled is None else "OK as far as it was looked at"
        end = f"{ok}: {delivery}: {_totals(report)}, signed by {report.signer}"
    console.print(end, markup=False, highlight=False, soft_wrap=True)


def _totals(report: Report) -> str:
    return (
        f"{report.files:,} files, {report.bytes:,} bytes, {report.shards:,} shards, "
        f"{report.samples:,} samples, {report.entries:,} ledger entries"
    )


def _looked_at(report: Report) -> Iterator[tuple[str, str]]:
    if report.sampled is not None:
        seen = report.sampled
        share = seen.samples / seen.of if seen.of else 0.0
        yield "sample", f"{seen.samples:,} of {seen.of:,} samples ({share:.2%}), seed {seen.seed}"
        yield "read", f"{seen.bytes:,} of {seen.of_bytes:,} bytes of tars"
        yield (
            "chance",
            f"{seen.chance:.2%} of meeting damage that touches one sample in a hundred",
        )
        for text in seen.unread:
            yield "unread", text
    if report.resumed is not None:
        seen_before = report.resumed
        before = f", which saw {seen_before.before}" if seen_before.before else ", made anew"
        yield "state", f"{seen_before.state}{before}"
        yield (
            "known",
            (
                f"{seen_before.files:,} files, {seen_before.bytes:,} bytes look as when they were "
                f"found sound and were not read; {seen_before.reread:,} were read again"
            ),
        )


def _mended(repaired: Repaired) -> Iterator[tuple[str, str]]:
    for problem in repaired.found:
        yield "was", problem.tell()
    for path in repaired.files:
        yield "made", path
    for path in repaired.removed:
        yield "removed", path
    yield "written", f"shards anew: {', '.join(repaired.shards) or 'none'}"
