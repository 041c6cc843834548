"""Makes the demonstration library and packages it, for `fairshard demo`."""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import (
    parse_as_of,
    print_json,
)
from pipelines.commands.logging_options import logging_to
from pipelines.commands.packaging import package_with_progress, showing_undelivered
from pipelines.commands.telemetry import telemetry
from pipelines.demo.library import make_library
from pipelines.demo.metadata_only import make_metadata_only
from pipelines.demo.roles.role import AS_OF
from pipelines.report.progress import show_progress
from pipelines.report.summary import packaged_json, show_packaged
from pipelines.report.tree import tree_lines
from pipelines.report.verification import show_report
from pipelines.run.prepare import prepare_job
from pipelines.run.request import JobRequest
from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.steps.observe import Tell
from pipelines.steps.worker_models import load_if_new
from pipelines.steps.worker_origin import workers_to_come
from pipelines.storage.progress import report_progress
from pipelines.verify.delivery import verify_delivery

_TREE_DEPTH = 5


def make_and_package(options: argparse.Namespace, results: Console, progress: Console) -> int:
    """Makes the library, packages it and verifies the delivery.

    Args:
        options: The command's.
        results: Where results are shown.
        progress: Where progress is shown.

    Returns:
        The exit code.
    """
    tell = telemetry(options, progress)
    _make_library(options, progress)
    return _package_and_verify(options, results, progress, tell)


def metadata_only(options: argparse.Namespace, results: Console) -> int:
    """Makes the tables alone, and returns the exit code."""
    folder = make_metadata_only(options.out, options.seed, options.assets)
    results.print(f"Tables of {options.assets:,} assets: {folder}", soft_wrap=True)
    return 0


def _make_library(options: argparse.Namespace, console: Console) -> None:
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        path = Path(folder) / "progress"
        reported = 0

        def report(done: int, total: int) -> None:
            nonlocal reported
            report_progress(str(path), "draw", done - reported, 0 if reported else total)
            reported = done

        with show_progress(path, console, options.quiet):
            make_library(options.out, options.seed, options.assets, report, options.workers)


def _package_and_verify(
    options: argparse.Namespace, results: Console, console: Console, tell: Tell | None
) -> int:
    out: Path = options.out
    key = out / "out" / "agency" / "signing.key"
    save_key(key, demonstration_key(options.seed))
    request = JobRequest(
        catalogue=str(out / "catalogue"),
        deal=out / "deal.toml",
        as_of=parse_as_of(AS_OF.isoformat()),
        output=str(out / "out"),
        key=str(key),
        workers=options.workers,
        debug=options.debug,
    )
    with (
        tempfile.TemporaryDirectory(prefix="fairshard-") as folder,
        logging_to(options, Path(folder)) as log,
        workers_to_come(options.workers, options.debug, str(out / "out")) as origin,
    ):
        path = Path(folder) / "progress"
        prepared = prepare_job(replace(request, progress_path=str(path), log=log))
        load_if_new(prepared, origin)
        with showing_undelivered(prepared.job, results, options.json):
            packaged = package_with_progress(prepared, path, console, options.quiet, tell=tell)
    if options.json:
        print_json(packaged_json(prepared.job, packaged))
        return 0
    show_packaged(results, prepared.job, packaged)
    results.print()
    delivery = f"{prepared.job.output_uri}/{prepared.job.delivery}"
    report = verify_delivery(delivery)
    show_report(results, delivery, report)
    results.print()
    for line in tree_lines(out, _TREE_DEPTH):
        results.print(line, highlight=False, markup=False, soft_wrap=True)
    results.print(
        f"\nTo package the same library for another deal, without embedding or captioning again:\n"
        f"  fairshard package --catalogue {out}/catalogue --deal {out}/deal-strict.toml "
        f"--out {out}/out --as-of {AS_OF.isoformat()}",
        soft_wrap=True,
        highlight=False,
    )
    return 0 if report.sound else 1
