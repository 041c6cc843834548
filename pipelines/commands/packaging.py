"""Runs `fairshard package`, and what other commands that package share with it."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipelines.accounts.deliveries import record_delivery
from pipelines.accounts.log import open_log
from pipelines.commands.common import consoles, parse_as_of, print_json
from pipelines.commands.job_request import job_request
from pipelines.commands.logging_options import logging_to
from pipelines.commands.telemetry import telemetry
from pipelines.features.remembered_checks import recall_checks
from pipelines.process.fork_server import ForkServer
from pipelines.report.defaults import show_defaults, strict_defaults
from pipelines.report.earlier import complete_json, continued_line
from pipelines.report.next_steps import (
    expiry_line,
    latest_command,
    report_command,
    stated_expiry,
    version_lines,
)
from pipelines.report.progress import show_progress
from pipelines.report.summary import packaged_json, show_packaged
from pipelines.report.undelivered import show_undelivered, undelivered_json
from pipelines.report.versions import show_versions, versions_json
from pipelines.report.wrapped import print_labelled, print_wrapped
from pipelines.rights.formatting import one_line
from pipelines.run.announce import announce
from pipelines.run.changes import known_changes
from pipelines.run.corrected import after_removals
from pipelines.run.job import Job
from pipelines.run.logs import LogTarget
from pipelines.run.pools import read_history
from pipelines.run.prepare import PreparedJob, prepare_job
from pipelines.run.replaced import Replaced, read_replaced
from pipelines.run.request import JobRequest
from pipelines.run.signing_key import default_key_path
from pipelines.run.undelivered import UndeliveredError, look_back
from pipelines.steps.complete import PackageResult
from pipelines.steps.engine_options import seen_everywhere, workers_note
from pipelines.steps.few_workers import with_workers_needed
from pipelines.steps.observe import Tell
from pipelines.steps.package import package
from pipelines.steps.retry import include_changed_files
from pipelines.steps.runner import check_engine, worker_count
from pipelines.steps.worker_models import choose_by, load_if_new
from schemas.errors import InputError, counted

_MAX_NAMED = 3
_LABEL_WIDTH = 13


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
            record_delivery(  # these three where the run was cut off at its end
                prepared.store,
                prepared.log_key,
                prepared.job.deal.deal_id,
                prepared.job.version,
                prepared.job.as_of,
            )
            announce(
                prepared.store,
                prepared.job.deal.deal_id,
                prepared.log_key.signer,
                prepared.job.as_of,
            )
            prepared.store.delete_prefix(prepared.job.work)
            return _say_complete(prepared, changed, options.json, results, options.key)
        _show_changed(progress if options.json else results, changed)
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
    decisions = f"{prepared.job.agency}/decisions"
    counts = look_back(prepared.store, decisions, packaged.steps)
    defaults = strict_defaults(prepared.job.deal, counts)
    if options.json:
        listed = [item.to_json() for item in defaults]
        before = {**packaged_json(prepared.job, packaged), "versions": money.json}
        before |= {"changed_files": changed, **_next_json(prepared)}
        print_json({**before, "strict_defaults": listed})
    else:
        show_packaged(results, prepared.job, packaged)
        _show_next(results, prepared, options.key)
        if not options.key:
            _show_key_file(results, default_key_path(prepared.job.output_uri))
        show_defaults(results, defaults)
    return 0


def _show_changed(console: Console, changed: list[str]) -> None:
    """Says which files make this another version than the one of the same inputs."""
    if changed:
        more = f" and {len(changed) - _MAX_NAMED:,} more" if len(changed) > _MAX_NAMED else ""
        console.print(
            f"{counted(len(changed), 'asset')} {'has' if len(changed) == 1 else 'have'} other "
            f"files than an earlier version was made from: "
            f"{', '.join(map(one_line, changed[:_MAX_NAMED]))}{more}",
            soft_wrap=True,
            markup=False,
            highlight=False,
        )


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


def _show_next(console: Console, prepared: PreparedJob, key: str) -> None:
    """Says which versions there are, what shows them, and whether buyers can pull."""
    job, store = prepared.job, prepared.store
    names = [past.name for past in read_history(store, job.deal)]
    versions = version_lines(store, job.deal.deal_id, job.version, names)
    rows = [("versions" if at == 0 else "", line) for at, line in enumerate(versions)]
    print_labelled(console, rows, _LABEL_WIDTH)
    _show_command(console, "pages", report_command(job))
    expires_at = stated_expiry(store, job.deal.deal_id)
    line = "" if expires_at is None else expiry_line(expires_at, datetime.now(UTC))
    if line:
        print_wrapped(console, line)
        _show_command(console, "run", latest_command(job.output_uri, key))


def _show_command(console: Console, name: str, command: str) -> None:
    """Prints a command on one line, so that it can be copied."""
    label = f"  {name:<{_LABEL_WIDTH}} "
    console.print(f"{label}{command}", markup=False, highlight=False, soft_wrap=True)


def _next_json(prepared: PreparedJob) -> dict[str, object]:
    job = prepared.job
    expires_at = stated_expiry(prepared.store, job.deal.deal_id)
    return {
        "report": report_command(job),
        "latest_expires_at": None if expires_at is None else expires_at.isoformat(),
    }


def _show_key_file(console: Console, path: Path) -> None:
    """Says where the key is that the first run created: the next version must be signed with it."""
    console.print(
        f"\nYour own signing key, which nobody else may have, is in {path}.\n"
        "Keep a copy of it: the next version must be signed with it.",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )


def _say_complete(
    prepared: PreparedJob, changed: list[str], as_json: bool, console: Console, key: str
) -> int:
    job = prepared.job
    where = f"{job.output_uri}/{job.delivery}"
    history = read_history(prepared.store, job.deal)
    by = "".join(past.name for past in history if past.replaces == job.version)
    if as_json:
        print_json(
            {
                **complete_json(prepared.store, job, history, changed),
                **_next_json(prepared),
            }
        )
    else:
        more = f" {by} has replaced it since." if by else ""
        console.print(
            f"Nothing to do: {where} was made from the same inputs.{more}", soft_wrap=True
        )
        _show_next(console, prepared, key)
    return 0


def _new_pool(name: str | None) -> str:
    if name == "":  # such as an unset variable, which must not replace a version instead
        raise InputError(
            "--new-pool is empty",
            "''",
            "Name the pool, or leave the option out to replace the latest version.",
        )
    return name or ""
