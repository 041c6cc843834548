"""How `check` looks at files, and what it makes of them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

from rich.console import Console

from pipelines.fetch.locate import media_limits, source_policy
from pipelines.fetch.pacing import http_client
from pipelines.report.progress import show_progress
from pipelines.run.counts import StepCounts, none_left, what_to_fix
from pipelines.run.request import JobRequest
from pipelines.run.undelivered import Undelivered
from pipelines.steps.checked_assets import CheckedAssets
from pipelines.steps.dry_run import dry_run
from pipelines.steps.file_look import FileLook, look_for_files
from schemas.deal import Deal
from schemas.errors import FairshardError, InputError, RunError

#: With `--files auto`: how many files are read at most, and of how many more one looks whether
#: they exist.
READ_MOST, LOOK_MOST = 200, 1_000
_REMEDY = "The reasons are in the table; fairshard explain shows one asset's."


@dataclass(frozen=True)
class FilesOption:
    """What `--files` asks for.

    Attributes:
        read: Up to how many cleared assets all files are read; None for any number.
        most: How many files are looked for if they are not read.
    """

    read: int | None
    most: int


@dataclass(frozen=True)
class Look:
    """What the files came to.

    Attributes:
        ended: The counts of each step that was completed.
        files: Which files exist; None if they were all read.
        error: Why a run would end without a delivery, or None.
    """

    ended: Undelivered
    files: FileLook | None
    error: FairshardError | None

    @property
    def is_complete(self) -> bool:
        """Whether every file was read, so that a run would have the same result."""
        return self.files is None

    def to_json(self, deal: Deal) -> dict[str, object]:
        """Returns it as JSON."""
        error = self.error
        return {
            **self.ended.to_json(deal),
            "files": "read" if self.files is None else self.files.to_json(),
            "delivers": error is None,
            "error": None if error is None else vars_of(error),
        }

    def lines(self) -> list[str]:
        """Returns it for people."""
        if self.files is None:
            return ["Files: all of cleared assets were read and judged, as package does."]
        if not self.files.cleared:
            return ["Files: none was looked for, as no asset is cleared."]
        lines = [f"Files: {line}" for line in self.files.lines()]
        more = (
            "package also reads files: what they say about rights, faults and duplicates may "
            "refuse more"
        )
        return [*lines, f"{more}. --files all reads them now."]


def vars_of(error: FairshardError) -> dict[str, str]:
    """Returns the parts of an error."""
    return {"what": error.what, "which": error.which, "remedy": error.remedy}


def check_files_option(text: str) -> FilesOption:
    """Reads the value of `--files`.

    Raises:
        InputError: If it is none of the allowed ones.
    """
    words = {
        "auto": FilesOption(READ_MOST, LOOK_MOST),
        "all": FilesOption(None, 0),
        "none": FilesOption(0, 0),
    }
    if text in words:
        return words[text]
    if text.isascii() and text.isdecimal() and int(text) > 0:
        return FilesOption(0, int(text))
    raise InputError(
        "Not a choice of files", f"--files {text!a}"[:80], "Give auto, all, none or 500."
    )


def look_at_files(
    option: FilesOption,
    found: CheckedAssets,
    screened: Undelivered,
    request: JobRequest,
    progress: Console,
) -> Look:
    """Reads the files of cleared assets, or looks whether some exist, or does neither.

    Args:
        option: What is asked for.
        found: The checked assets.
        screened: Their counts.
        request: The run's arguments.
        progress: Where progress is shown.

    Raises:
        FairshardError: As `dry_run` and `look_for_files`.
    """
    cleared = screened.steps["screen"].passed
    error = _fault_of_counts(screened, found.deal)
    if not cleared:
        return Look(_with_empty_steps(screened, found.deal), FileLook(cleared), error)
    if option.read is None or cleared <= option.read:
        with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
            path = Path(folder) / "progress"
            with show_progress(path, progress, progress.quiet):
                ran = dry_run(replace(request, progress_path=str(path)), found.removed)
        return Look(ran.ended, None, ran.error)
    if error is not None or not option.most:
        return Look(screened, FileLook(cleared), error)
    client = http_client(request.user_agent, request.requests_per_minute, request.workers)
    policy = source_policy(found.deal, request.roots, request.hosts, client)
    look = look_for_files(
        found.files(), cleared, found.checks.catalogue, policy, media_limits(found.deal)
    )
    return Look(screened, look, _fault_of_files(screened, look, found.deal))


def _with_empty_steps(screened: Undelivered, deal: Deal) -> Undelivered:
    """Adds the steps that a run goes through although screening clears nothing."""
    names = ("enrich",) if _has_too_many(screened.steps["read"], deal) else ("enrich", "select")
    return replace(screened, steps=screened.steps | {name: StepCounts() for name in names})


def _has_too_many(read: StepCounts, deal: Deal, missing: int = 0) -> bool:
    return read.failed_assets + missing > deal.limits.dead_letter_share * read.entered


def _fault_of_counts(screened: Undelivered, deal: Deal) -> RunError | None:
    """Returns why the tables alone allow no delivery; None if they allow one."""
    read, passed = screened.steps["read"], screened.steps["screen"].passed
    if _has_too_many(read, deal):
        return _too_many(read.failed_assets, 0, read.entered, deal)
    if passed == 0:
        return RunError("Nothing is left to deliver", none_left(read.entered), _REMEDY)
    return None


def _fault_of_files(screened: Undelivered, look: FileLook, deal: Deal) -> RunError | None:
    """Returns why files that are not there allow no delivery; None if they may allow one."""
    read = screened.steps["read"]
    if _has_too_many(read, deal, look.missing):
        return _too_many(read.failed_assets, look.missing, read.entered, deal)
    if look.looked_for and not look.found:
        which = f"none of {look.looked_for:,} files exists that were looked for"
        return RunError("Nothing is left to deliver", which, "Put the files in place.")
    return None


def _too_many(rows: int, media: int, entered: int, deal: Deal) -> RunError:
    return RunError(
        "Too many failed assets",
        f"{rows + media:,} of {entered:,} assets, limit "
        f"limits.dead_letter_share = {deal.limits.dead_letter_share}",
        f"The reasons are in the table; {what_to_fix(rows, media)}, or raise the limit.",
    )
