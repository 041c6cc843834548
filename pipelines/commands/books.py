"""Shared parts of the commands that work on the agency's books: options, the log, the day."""

from __future__ import annotations

import argparse
from datetime import date
from pathlib import Path

from pipelines.accounts.log import AgencyLog, open_log
from pipelines.accounts.reader import ReadableLog, read_log
from pipelines.commands.common import OptionsParent, parse_as_of
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import InputError


def add_books_options(parser: OptionsParent) -> None:
    """Adds the options that say whose books are meant."""
    parser.add_argument(
        "--out", required=True, metavar="URI", help="the output: a folder or s3:// prefix"
    )
    parser.add_argument(
        "--key", default="", metavar="FILE", help="signing key (default: the output's own)"
    )


def add_date_option(parser: OptionsParent) -> None:
    """Adds the day of the event."""
    parser.add_argument(
        "--date", metavar="DATE", help="the day of the event, such as 2026-12-15 (default: today)"
    )


def open_books(options: argparse.Namespace) -> tuple[Store, AgencyLog]:
    """Opens the output and its log.

    Raises:
        InputError: If the key cannot be read.
        RunError: If the log was forked, rolled back or altered, or is signed by another key.
    """
    store, path = open_store(options.out), signing_key_path(options)
    return store, open_log(store, log_key(load_key(path), path))


def signing_key_path(options: argparse.Namespace) -> Path:
    """Returns where the signing key is: as given, or the output's own."""
    return Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")


def open_books_to_read(options: argparse.Namespace) -> tuple[Store, ReadableLog | None]:
    """Opens the output, and its log if it has one; the key is used if it is there.

    With the key, it is noticed if the log was forked or rolled back.

    Raises:
        InputError: If a key was given that cannot be read.
        NoteError: If the log is not signed by the key beside it.
        RunError: If the log is damaged, forked or rolled back.
    """
    store, path = open_store(options.out), signing_key_path(options)
    log = read_log(store)
    if log is None or not (options.key or path.exists()):
        return store, log
    return store, open_log(store, log_key(load_key(path), path))


def event_day(options: argparse.Namespace) -> tuple[date, str]:
    """Returns the day of the event, and the instant that its record has.

    Raises:
        InputError: If the text is not a day.
    """
    instant = parse_as_of(options.date, "--date")
    return instant.date(), instant.isoformat()


def one_line(text: str, option: str) -> str:
    """Returns the value of an option that must be one line of text, without blanks around it.

    Raises:
        InputError: If it is not, or is empty.
    """
    if not text.strip() or not text.isprintable():
        raise InputError("Not one line of text", f"{option} {text!a}"[:100], "Write a short text.")
    return text.strip()
