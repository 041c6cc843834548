"""Shared parts of the commands: options, consoles, JSON output."""

from __future__ import annotations

import argparse
import json
import os
import sys
from datetime import UTC, date, datetime, time
from pathlib import Path

from rich.console import Console

from pipelines.ledger.ed25519 import PRIVATE_KEY_PREFIX
from pipelines.storage.local_store import LocalStore
from pipelines.storage.open import open_store
from schemas import layout
from schemas.errors import InputError
from schemas.presets import PRESETS

OptionsParent = argparse.ArgumentParser | argparse._ArgumentGroup  # options can be added to either
_MAX_WORKERS = 8
_WORKERS_PER_CORE = 4  # more share a core's time, and each loads its own models
documents_printed = 0  # in this process; an error is printed as JSON only if there is none yet
_END_OF_DAY = time(23, 59, 59, 999_999, UTC)


def consoles(options: argparse.Namespace) -> tuple[Console, Console]:
    """Returns the consoles for results and for progress; with --json, stdout gets only JSON."""
    return Console(soft_wrap=False), Console(stderr=True, quiet=options.quiet)


def parse_as_of(text: str | None, option: str = "--as-of") -> datetime:
    """Reads a day or instant; a date means its last microsecond in UTC.

    The default is today, not now, so that the same command resumes an interrupted run.

    Raises:
        InputError: If the text is neither a date nor an instant with a time zone.
    """
    if text is None:
        return datetime.combine(datetime.now(UTC).date(), _END_OF_DAY)
    try:
        if len(text) == len("2026-01-31"):
            return datetime.combine(date.fromisoformat(text), _END_OF_DAY)
        instant = datetime.fromisoformat(text)
        if instant.tzinfo is not None:
            return instant.astimezone(UTC)
    except (ValueError, OverflowError) as error:  # in UTC, a day may be before the year 1
        raise _as_of_error(text, option) from error
    raise _as_of_error(text, option)


def _as_of_error(text: str, option: str) -> InputError:
    return InputError(
        "Not a date or instant with a time zone",
        f"{option} {text!a}"[:100],
        "Write 2026-01-31 or 2026-01-31T12:00:00+00:00.",
    )


def default_workers() -> int:
    """Returns the number of cores available, up to eight, as each process loads its own models."""
    return min(_cores(), _MAX_WORKERS)


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def print_json(value: object) -> None:
    """Prints a value to stdout as one JSON document."""
    global documents_printed
    documents_printed += 1
    json.dump(value, sys.stdout, indent=1, sort_keys=True)
    sys.stdout.write("\n")


def add_general_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options that every command takes."""
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument("--quiet", action="store_true", help="show no progress")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")


def add_pinning_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options of commands that make something of a delivery whose maker must be known."""
    parser.add_argument(
        "--vkey",
        action="append",
        default=[],
        metavar="KEY|FILE",
        help="pin the agency's verifier key, as with `fairshard verify`; may be repeated",
    )
    parser.add_argument(
        "--allow-unpinned",
        action="store_true",
        help="continue although no key is pinned: it is then not known who made the delivery",
    )


def add_deal_options(parser: OptionsParent, *, required: bool = True) -> None:
    """Adds the options of commands that evaluate a catalogue under a deal."""
    parser.add_argument(
        "--catalogue", required=required, metavar="URI", help="folder or s3:// prefix"
    )
    parser.add_argument("--deal", required=required, type=Path, metavar="FILE", help="deal in TOML")
    add_mapping_options(parser)


def add_mapping_options(parser: OptionsParent) -> None:
    """Adds the options that say how a catalogue is mapped."""
    parser.add_argument("--mapping", default="", metavar="FILE", help="column mapping in TOML")
    parser.add_argument(
        "--preset",
        default="",
        metavar="NAME",
        help="read an agency's own export, on which the mapping may build: " + ", ".join(PRESETS),
    )
    parser.add_argument(
        "--media-prefix",
        default="",
        metavar="URI",
        help="folder or prefix of the media, before every media_uri: photos/ or s3://bucket/media/",
    )


def add_as_of_option(parser: OptionsParent) -> None:
    """Adds the rights date."""
    parser.add_argument(
        "--as-of",
        metavar="DATE",
        help="evaluate rights as of this day or instant (default: today)",
    )


def add_evaluation_options(parser: OptionsParent) -> None:
    """Adds the options of commands that fetch media: the rights date and the allowed sources."""
    add_as_of_option(parser)
    parser.add_argument(
        "--allow-root",
        action="append",
        default=[],
        metavar="URI",
        help="also allow media in this folder or prefix",
    )
    parser.add_argument(
        "--allow-host",
        action="append",
        default=[],
        metavar="HOST",
        help="also allow media from this web server",
    )
    parser.add_argument(
        "--user-agent",
        default="",
        metavar="TEXT",
        help="how web servers are told who asks (default: fairshard and its version)",
    )
    parser.add_argument(
        "--requests-per-minute",
        type=positive_int,
        default=0,
        metavar="N",
        help="ask each web server at most so often (default: no limit of our own)",
    )


def add_run_options(parser: OptionsParent) -> None:
    """Adds the options of commands that run the pipeline."""
    parser.add_argument(
        "--workers",
        type=worker_processes,
        default=default_workers(),
        metavar="N",
        help=f"processes to use (default: one per core, at most 8; here {default_workers()})",
    )


def positive_int(text: str) -> int:
    """Reads a whole number above 0; used as an argparse type."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number above 0")
    return number


def worker_processes(text: str) -> int:
    """Reads a number of processes that this machine can start; used as an argparse type."""
    number = positive_int(text)
    most = max(_MAX_WORKERS, _WORKERS_PER_CORE * _cores())
    if number > most:
        raise argparse.ArgumentTypeError(
            f"{number} is more than this machine can use; at most {most}, "
            f"{_WORKERS_PER_CORE} a core"
        )
    return number


def refuse_public_folder(target: str | Path, what: str) -> None:
    """Refuses to write something private to a delivery or to the agency's log.

    Args:
        target: A file or folder, or an s3:// prefix; a `Path` can only be local.
        what: What would be written, in the plural, for the message.

    Raises:
        InputError: If others are given what is in that place, or a path was meant as a bucket.
    """
    if isinstance(target, Path) and target.parts[:1] == ("s3:",):
        raise InputError(
            f"{what} are written to a local file or folder",
            f"--to {target}",
            "Give a local path, and copy it to the bucket afterwards.",
        )
    target = str(target)
    if _is_key(target):
        raise InputError(
            f"{what} cannot be written over a signing key",
            target,
            "Give --to another file.",
        )
    if in_delivery(target):
        raise InputError(
            f"{what} are not for a buyer and cannot be added to a signed delivery",
            target,
            "Give --to another folder.",
        )
    if _lies_in(target, layout.AGENCY_LOG.rpartition("/")[2], layout.LOG_VKEY):
        raise InputError(
            f"{what} are private and cannot be added to the agency's log, which anybody may read",
            target,
            "Give --to another folder.",
        )


def _is_key(target: str) -> bool:
    """Returns whether there is a private key at a local path."""
    path = Path(target)
    if target.startswith("s3://") or not path.is_file():
        return False
    with path.open("rb") as file:
        return file.read(len(PRIVATE_KEY_PREFIX)) == PRIVATE_KEY_PREFIX.encode()


def in_delivery(target: str) -> bool:
    """Returns whether a file written there would be an unexpected file in a delivery."""
    return _lies_in(target, layout.DELIVERY, layout.MANIFEST)


def _lies_in(target: str, folder_name: str, mark: str) -> bool:
    """Returns whether a place is, or is in, a folder with a name and a file that marks it."""
    store = open_store(target)
    path = store.root.resolve().as_posix() if isinstance(store, LocalStore) else store.uri
    parts = path.split("/")
    ancestors = [
        "/".join(parts[: end + 1]) for end, part in enumerate(parts) if part == folder_name
    ]
    return any(open_store(folder).exists(mark) for folder in {path, *ancestors})
