"""Prints the findings of `fairshard verify`."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console

from pipelines.verify.report import RepairSummary, Report
from pipelines.verify.signer import SignedBy
from schemas.errors import counted
from schemas.manifest import PatchRecord


def show_report(
    console: Console, delivery: str, report: Report, allow_unpinned: bool = False
) -> None:
    """Prints one line per problem, then what was checked, who signed, and the verdict.

    Args:
        console: The console to print to.
        delivery: The delivery's address, as given by the user.
        report: The findings.
        allow_unpinned: Whether the reader accepts a delivery whose signer's key is not pinned.
    """
    if report.repaired is not None:
        for name, text in _repair_lines(report.repaired):
            console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    for problem in report.problems:
        console.print(problem.describe(), markup=False, highlight=False, soft_wrap=True)
    if report.patches is not None:
        for name, text in _patch_lines(report.patches):
            console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    for name, text in _coverage_lines(report):
        console.print(f"{name:<8} {text}", markup=False, highlight=False, soft_wrap=True)
    if report.signed_by is not None:
        _show_signer(console, report.signed_by)
    end, style = _verdict(delivery, report, allow_unpinned)
    console.print(end, style=style, markup=False, highlight=False, soft_wrap=True)


def _show_signer(console: Console, signer: SignedBy) -> None:
    style = "green" if signer.pinned and not signer.demonstration else "yellow"
    pinned = "key pinned" if signer.pinned else "key NOT pinned"
    lines = [
        ("signer", f"{signer.name}, key id {signer.key_id}: signature valid, {pinned}"),
        ("key", f"sha256 fingerprint {signer.fingerprint}"),
    ]
    if signer.demonstration:
        lines.append(("", "this is the demonstration key, which anybody can compute"))
    elif not signer.pinned:
        lines.append(
            (
                "",
                "this key came with the delivery: anybody can create and sign one like this",
            )
        )
    for name, text in lines:
        console.print(
            f"{name:<8} {text}", style=style, markup=False, highlight=False, soft_wrap=True
        )


def _verdict(delivery: str, report: Report, allow_unpinned: bool) -> tuple[str, str]:
    """Returns the last line and its colour."""
    count = len(report.problems)
    if count:
        return f"FAILED: {count:,} problem{'s' if count > 1 else ''} in {delivery}", "red"
    signer = report.signed_by
    if signer is None or not (signer.accepted or allow_unpinned):
        return (
            f"NOT CONFIRMED: {delivery}: {_totals_text(report)}: no damage found, but it is not "
            "proven who made it. Get the verifier key from the agency and give it with "
            "--vkey, or accept this with --allow-unpinned."
        ), "yellow"
    ok = "OK" if report.sampled is None else "OK as far as checked"
    caveat = "" if signer.pinned else ", key NOT pinned"
    style = "green" if signer.pinned and not signer.demonstration else "yellow"
    return f"{ok}: {delivery}: {_totals_text(report)}, signed by {signer.name}{caveat}", style


def _totals_text(report: Report) -> str:
    return (
        f"{counted(report.files, 'file')}, {counted(report.bytes, 'byte')}, "
        f"{counted(report.shards, 'shard')}, {counted(report.samples, 'sample')}, "
        f"{counted(report.entries, 'ledger entry', 'ledger entries')}"
    )


def _patch_lines(patches: PatchRecord) -> Iterator[tuple[str, str]]:
    """Yields what a version was made from by a removal, as the manifest says."""
    yield "patches", f"{patches.delivery}, manifest sha256 {patches.manifest_sha256}"
    if patches.original != patches.delivery:
        yield "", f"packaged as {patches.original}"
    many = counted(len(patches.shards), "shard")
    gone = f"; {len(patches.dropped):,} dropped so far" if patches.dropped else ""
    how = "written again" if patches.way == "patch" else "overwritten in place"
    yield "way", f"{patches.way}, {many} {how}{gone}"
    yield "notices", f"{', '.join(patches.notices)}, made {patches.as_of}"


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
            f"{sample.chance:.2%} probability of finding damage that affects 1 % of the samples",
        )
        for text in sample.unread:
            yield "unread", text
    if report.resumed is not None:
        resumed = report.resumed
        before = f", which saw {resumed.before}" if resumed.before else ", newly created"
        yield "state", f"{resumed.state}{before}"
        yield (
            "known",
            (
                f"{resumed.files:,} files, {resumed.bytes:,} bytes are unchanged since they were "
                f"found valid and were not read; {resumed.reread:,} were read again"
            ),
        )


def _repair_lines(repaired: RepairSummary) -> Iterator[tuple[str, str]]:
    for problem in repaired.found:
        yield "was", problem.describe()
    for path in repaired.files:
        yield "made", path
    for path in repaired.removed:
        yield "removed", path
    yield "written", f"rebuilt shards: {', '.join(repaired.shards) or 'none'}"
