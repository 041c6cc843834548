"""Runs `fairshard package`, and what other commands that package share with it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.log import open_log
from pipelines.commands.common import consoles, parse_as_of, print_json
from pipelines.commands.job_request import job_request
from pipelines.commands.logging_options import logging_to
from pipelines.commands.package_output import (
    print_package_json,
    show_changed,
    show_complete,
    show_package,
)
from pipelines.commands.telemetry import telemetry
from pipelines.features.remembered_checks import recall_checks
from pipelines.process.fork_server import ForkServer
from pipelines.report.defaults import show_defaults, strict_defaults
from pipelines.report.earlier import continued_line
from pipelines.report.progress import show_progress
from pipelines.report.undelivered import show_undelivered, undelivered_json
from pipelines.report.versions import show_versions, versions_json
from pipelines.run.announce import announce
from pipelines.run.changes import known_changes
from pipelines.run.corrected import after_removals
from pipelines.run.job import Job
from pipelines.run.leftovers import discard_unfinished_of
from pipelines.run.logs import LogTarget
from pipelines.run.pools import read_history
from pipelines.run.prepare import PreparedJob, prepare_job
from pipelines.run.replaced import Replaced, read_replaced
from pipelines.run.request import JobRequest
from pipelines.run.undelivered import UndeliveredError
from pipelines.steps.complete import PackageResult
from pipelines.steps.engine_options import seen_everywhere, workers_note
from pipelines.steps.few_workers import with_workers_needed
from pipelines.steps.observe import Tell
from pipelines.steps.package import package
from pipelines.steps.retry import include_changed_files
from pipelines.steps.runner import check_engine, worker_count
from pipelines.steps.worker_models import choose_by, load_if_new
from schemas.errors import InputError


def _job_request(
    options: argparse.Namespace,
    beam_options: tuple[str, ...],
    origin: ForkServer | None,
    path: Path,
    log: LogTarget,
) -> JobRequest:
    """Returns what the options ask for; `path` is the file of the run's progress."""
    request = job_request(options, parse_as_of(options.as_of))
    if options.scheduler:
        request = replace(request, catalogue=seen_everywhere(options.catalogue))
    return replace(
        request,
        output=options.out,
        key=options.key,
        workers=options.workers,
        debug=options.debug,
        beam_options=beam_options,
        progress_path=str(path),
        new_pool=_new_pool(options.new_pool),
        choose=choose_by(origin),
        log=log,
        recall=recall_checks,
    )


def run_package(
    options: argparse.Namespace, beam_options: tuple[str, ...], origin: ForkServer | None
) -> int:
    """Runs the command and returns its exit code.

    Args:
        options: Its options.
        beam_options: Beam's options for the engine that they name.
        origin: The process that workers are forked from, if there are any.
    """
    results, progress = consoles(options)
    runner = check_engine(beam_options)  # before anything is written
    if runner and not (options.as_many_workers_as_help or options.scheduler):
        note = workers_note(runner, options.workers, options.requests_per_minute)
        progress.print(note, markup=False, highlight=False, soft_wrap=True)
    options.workers = worker_count(beam_options, options.workers)
    tell = telemetry(options, progress)
    with (
        tempfile.TemporaryDirectory(prefix="fairshard-") as folder,
        logging_to(options, Path(folder)) as log,
    ):
        path = Path(folder) / "progress"
        request = _job_request(options, beam_options, origin, path, log)
        prepared, changed = include_changed_files(prepare_job(request))
        if prepared.version.complete:
            _finish_end(prepared)
            show_complete(prepared, changed, options.json, results, options.key)
            return 0
        show_changed(progress if options.json else results, changed)
        money = look_at_versions(prepared, progress if options.json else results)
        if options.as_many_workers_as_help:
            prepared = with_workers_needed(prepared)
        continued = continued_line(prepared.store, prepared.job)
        if continued:
            progress.print(continued, markup=False, highlight=False, soft_wrap=True)
        load_if_new(prepared, origin)
        with showing_undelivered(prepared.job, results, options.json):
            packaged = package_with_progress(
                prepared, path, progress, options.quiet, options.take_over, money.replaced, tell
            )
    if options.json:
        print_package_json(prepared, packaged, changed, money.json)
    else:
        show_package(results, prepared, packaged, options.key)
    return 0


def _finish_end(prepared: PreparedJob) -> None:
    """Does what comes after a delivery is published, in case a run was cut off before it."""
    store, job, key = prepared.store, prepared.job, prepared.log_key
    discard_unfinished_of(store, job.deal.deal_id, job.version)
    record_delivery(store, key, job.deal.deal_id, job.version, job.as_of)
    announce(store, job.deal.deal_id, key.signer, job.as_of)
    store.delete_prefix(job.work)


@dataclass(frozen=True)
class EarlierMoney:
    """What earlier versions credited: the replaced one, if any, and all of them as JSON data."""

    replaced: Replaced | None
    json: dict[str, object]


def look_at_versions(prepared: PreparedJob, console: Console) -> EarlierMoney:
    """Shows what exists and what happens to the money, before anything is written.

    Raises:
        RunError: If the version that is replaced is damaged.
    """
    job, store = prepared.job, prepared.store
    history = read_history(store, job.deal)
    replaced = read_replaced(store, job, prepared.signer.vkey)
    if replaced is not None:
        replaced = after_removals(open_log(store, prepared.log_key), replaced)
    changes = None if replaced is None else known_changes(store, job, replaced)
    show_versions(console, job, history, changes)
    return EarlierMoney(replaced, versions_json(job, history, changes))


def package_with_progress(
    prepared: PreparedJob,
    path: Path,
    console: Console,
    quiet: bool,
    take_over: bool = False,
    replaced: Replaced | None = None,
    tell: Tell | None = None,
) -> PackageResult:
    """Packages a job and shows its progress."""
    job = prepared.job
    if job.models.demonstration and not quiet:
        console.print(
            "The demonstration model writes captions and embeddings: for demonstration only.",
            style="yellow",
            soft_wrap=True,
        )
    if not quiet:
        for note in job.models.precision_notes:
            console.print(f"Model {note}.", markup=False, highlight=False, soft_wrap=True)
    with show_progress(path, console, quiet):
        return package(job, prepared.log_key, take_over, replaced, prepared.command, tell)


@contextmanager
def showing_undelivered(job: Job, console: Console, as_json: bool) -> Iterator[None]:
    """Shows the counts of a run that ends without a delivery, before its error is printed."""
    try:
        yield
    except UndeliveredError as error:
        defaults = strict_defaults(job.deal, error.undelivered)
        if as_json:
            listed = [item.to_json() for item in defaults]
            print_json({**undelivered_json(job, error), "strict_defaults": listed})
        else:
            show_defaults(console, defaults)
            show_undelivered(console, job.deal, error.undelivered)
        raise


def _new_pool(name: str | None) -> str:
    if name == "":  # such as an unset variable, which must not replace a version instead
        raise InputError(
            "--new-pool is empty",
            "''",
            "Name the pool, or leave the option out to replace the latest version.",
        )
    return name or ""
