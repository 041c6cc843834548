"""What `fairshard package` prints of a run: its result, the changed files, what to do next."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from pipelines.commands.common import print_json
from pipelines.report.defaults import StrictDefault, show_defaults, strict_defaults
from pipelines.report.earlier import complete_json
from pipelines.report.next_steps import (
    expiry_line,
    latest_command,
    report_command,
    stated_expiry,
    version_lines,
)
from pipelines.report.summary import packaged_json, show_packaged
from pipelines.report.wrapped import print_labelled, print_wrapped
from pipelines.rights.formatting import one_line
from pipelines.run.pools import read_history
from pipelines.run.prepare import PreparedJob
from pipelines.run.signing_key import default_key_path
from pipelines.run.undelivered import look_back
from pipelines.steps.complete import PackageResult
from schemas.errors import counted

_MAX_NAMED = 3
_LABEL_WIDTH = 13


def show_package(
    console: Console, prepared: PreparedJob, packaged: PackageResult, key: str
) -> None:
    """Shows what a run delivered, and what to do next.

    Args:
        console: Where.
        prepared: The job.
        packaged: What it delivered.
        key: File of the agency's key, if one was named.
    """
    job = prepared.job
    show_packaged(console, job, packaged)
    _show_next(console, prepared, key)
    if not key:
        _show_key_file(console, default_key_path(job.output_uri))
    show_defaults(console, _strict_defaults(prepared, packaged))


def print_package_json(
    prepared: PreparedJob, packaged: PackageResult, changed: list[str], versions: dict[str, object]
) -> None:
    """Prints what a run delivered as JSON.

    Args:
        prepared: The job.
        packaged: What it delivered.
        changed: Assets whose files changed since an earlier version was made from them.
        versions: The versions before this one, and what becomes of their money.
    """
    print_json(
        {
            **packaged_json(prepared.job, packaged),
            "versions": versions,
            "changed_files": changed,
            **_next_json(prepared),
            "strict_defaults": [one.to_json() for one in _strict_defaults(prepared, packaged)],
        }
    )


def _strict_defaults(prepared: PreparedJob, packaged: PackageResult) -> list[StrictDefault]:
    decisions = f"{prepared.job.agency}/decisions"
    counts = look_back(prepared.store, decisions, packaged.steps)
    return strict_defaults(prepared.job.deal, counts)


def show_complete(
    prepared: PreparedJob, changed: list[str], as_json: bool, console: Console, key: str
) -> None:
    """Says that a delivery is complete already, and what it is."""
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


def show_changed(console: Console, changed: list[str]) -> None:
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
