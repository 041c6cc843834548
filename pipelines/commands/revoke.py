"""`fairshard revoke`: removes assets from all deliveries, with notices for their buyers."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import get_args

from rich.console import Console

from pipelines.accounts.kept_salts import Opener, kept_salts
from pipelines.accounts.reader import read_log
from pipelines.catalogue.identifiers import normalise_id
from pipelines.commands.books import add_books_options
from pipelines.commands.common import (
    add_general_options,
    consoles,
    parse_as_of,
    positive_int,
    print_json,
)
from pipelines.removal.outcome import DealRemoval, Revocation
from pipelines.removal.request import Agency, Removal
from pipelines.removal.revoke import revoke
from pipelines.removal.search import Wanted
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from schemas.errors import InputError, counted
from schemas.manifest import RemovalWay
from schemas.money import format_amount
from schemas.notice import MoneyEffect, RecurringEffect, RemovalReason

EXAMPLES = """\
examples:
  fairshard revoke --out out/ --asset img-000123 --reason takedown \\
      --effective 2026-12-01
  fairshard revoke --out out/ --contributor c-0017 --reason consent_withdrawn \\
      --effective 2026-12-01 --money reverse --recurring stop-next-period
  fairshard revoke --out s3://agency/out --key keys/agency.key \\
      --release R-2019-044 \\
      --reason release_invalid --effective 2026-12-01 --way tombstone \\
      --deadline-days 14
"""

_MAX_DEADLINE_DAYS = 3_650
_LAST_YEAR = 9_900


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    what = parser.add_argument_group("what is removed (at least one)")
    for name, text in (
        ("asset", "ids of assets"),
        ("contributor", "ids of contributors, with all their assets"),
        ("release", "references of releases, with all assets that rest on them"),
    ):
        what.add_argument(
            f"--{name}", nargs="+", action="extend", default=[], metavar="ID", help=text
        )
    what.add_argument(
        "--asset-file", type=Path, metavar="FILE", help="ids of assets, one on each line"
    )
    what.add_argument("--deal", default="", metavar="ID", help="only in this deal (default: all)")
    how = parser.add_argument_group("why and how (a default that is not shown is the deal's)")
    reasons = get_args(RemovalReason)
    how.add_argument(
        "--reason", required=True, choices=reasons, metavar="REASON", help=", ".join(reasons)
    )
    how.add_argument(
        "--effective", required=True, metavar="DATE", help="day from which it may not be used"
    )
    how.add_argument(
        "--deadline-days",
        type=_deadline_days,
        metavar="N",
        help="days that buyers have to delete, at most 3650",
    )
    how.add_argument("--way", choices=get_args(RemovalWay), help="new shards, or overwritten bytes")
    how.add_argument(
        "--money",
        choices=get_args(MoneyEffect),
        help="what the price credited for it: contributors keep it, or it is taken back; what is "
        "recorded of later revenue stays in either case",
    )
    how.add_argument(
        "--recurring", choices=get_args(RecurringEffect), help="its weights in later revenue"
    )
    how.add_argument(
        "--earlier-key",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="keys that versions were packaged with before; needed for --release",
    )
    how.add_argument("--as-of", metavar="DATE", help="day of the notice (default: today)")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    wanted = Wanted(
        _ids([*options.asset, *_listed(options.asset_file)]),
        _ids(options.contributor),
        _ids(options.release),
    )
    if wanted == Wanted():
        raise InputError(
            "Nothing was named to be removed",
            "no asset, contributor or release",
            "Name at least one.",
        )
    removal = Removal(
        wanted,
        options.reason,
        _effective_day(options.effective),
        parse_as_of(options.as_of),
        options.deadline_days,
        options.way,
        options.money,
        options.recurring,
        options.deal,
    )
    done = revoke(open_agency(options.out, options.key, options.earlier_key), removal)
    if options.json:
        deals = [_deal_json(one) for one in done.deals]
        standing = {"standing": _standing_json(done)}
        print_json({"deals": deals, "unknown": list(done.unknown), **standing})
    else:
        _show(results, done)
    return 1 if done.unknown or any(one.differences for one in done.deals) else 0


def _ids(given: Iterable[str]) -> frozenset[str]:
    """Returns ids as a catalogue's are compared: without stray blanks, in one Unicode form."""
    return frozenset(one for text in given if (one := normalise_id(text)))


def _effective_day(text: str) -> date:
    day = read_day(text, "--effective")
    if day.year > _LAST_YEAR:
        raise InputError("Not a day", f"--effective {text}", f"Write one until {_LAST_YEAR}.")
    return day


def _deadline_days(text: str) -> int:
    days = positive_int(text)
    if days > _MAX_DEADLINE_DAYS:
        raise argparse.ArgumentTypeError(f"{text[:20]!a} is more than {_MAX_DEADLINE_DAYS}")
    return days


def _listed(path: Path | None) -> list[str]:
    """Reads the ids of a file."""
    try:
        text = "" if path is None else path.read_text("utf-8-sig")
        return text.split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The list of assets cannot be read", f"--asset-file {path}: {error}", "Give its path."
        ) from error


def open_agency(out: str, key_file: str, given: Sequence[Path] = ()) -> Agency:
    """Opens an output with the agency's keys.

    Args:
        out: The output.
        key_file: Path of the key's file, or "" for the output's own.
        given: Files of keys that versions were packaged with before, besides those beside the key.

    Raises:
        InputError: If a key cannot be read.
    """
    path = Path(key_file) if key_file else default_key_path(out.rstrip("/") or "/")
    signer, store = load_key(path), open_store(out)
    key, log = log_key(signer, path), read_log(store)
    more = tuple(load_key(one) for one in given)
    key = replace(
        key,
        earlier=(*key.earlier, *more),
        secrets=(*key.secrets, *(one.secret for one in more)),
    )
    secrets: dict[str, Opener] = {one.vkey: one for one in kept_salts(log)} if log else {}
    secrets |= {one.vkey: one.secret for one in (signer, *key.earlier)}
    return Agency(store, key, signer, secrets)


def read_day(text: str, option: str) -> date:
    """Reads a day.

    Raises:
        InputError: If the text is not one.
    """
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise InputError("Not a day", f"{option} {text!a}"[:100], "Write 2026-12-01.") from error


def _deal_json(one: DealRemoval) -> dict[str, object]:
    return {
        "deal_id": one.deal_id,
        "notices": [
            {
                "notice": notice.notice_id,
                "sequence": notice.sequence,
                "record": notice.record.index,
                "sha256": notice.sha256,
                "file": path,
                "deadline": notice.deadline.isoformat(),
                "way": notice.term("way"),
                "money": notice.term("money"),
                "recurring": notice.term("recurring"),
            }
            for notice, path in zip(one.notices, one.paths, strict=True)
        ],
        "is_new": one.is_new,
        "samples": one.found,
        "patched": one.patched,
        "emptied": list(one.emptied),
        "differences": list(one.differences),
        "later_revenue_kept": one.kept_revenue,
        "corrections": [
            {"record": index, "pool": name, "taken_minor": minor, "currency": currency}
            for index, name, minor, currency in one.taken
        ],
    }


def _standing_json(done: Revocation) -> dict[str, object] | None:
    if done.standing is None:
        return None
    return {
        "notice": done.standing.notice_id,
        "sequence": done.standing.sequence,
        "record": done.standing.record.index,
        "is_new": done.standing_is_new,
        "asked": done.standing.asked.to_json(),
    }


def _show(console: Console, done: Revocation) -> None:
    if not done.deals:
        _print(console, "Nothing of it is in a published delivery, so no buyer has to delete it.")
    for one in done.deals:
        for notice, path in zip(one.notices, one.paths, strict=True):
            is_new = one.is_new and notice is one.notices[-1]
            said = "Recorded" if is_new else f"Recorded on {notice.record.recorded_at[:10]} already"
            _print(console, f"{said}: notice {notice.notice_id}, record {notice.record.index}")
            _print(console, f"  for the buyer: {path}")
            _print(
                console,
                f"  {notice.term('reason')}, effective {notice.effective_at}, "
                f"to be deleted by {notice.deadline}",
            )
        for delivery, samples in one.found.items():
            _print(console, f"  {delivery}: {counted(samples, 'sample')}")
        for index, name, minor, currency in one.taken:
            amount = f"{format_amount(minor, currency)} {currency}"
            _print(console, f"  taken back from {name}: {amount}, record {index}")
        if one.kept_revenue:
            many = counted(one.kept_revenue, "record")
            _print(console, f"  later revenue that was shared before stays as it is: {many}")
        for before, version in one.patched.items():
            _print(console, f"  {one.deal_id}/{version} patches {before}")
        for delivery in one.emptied:
            _print(
                console, f"  {delivery} is not patched: nothing would be left. Delete all of it."
            )
        for difference in one.differences:
            _print(console, f"  Not changed: {difference}.")
    if done.standing is not None:
        recorded_on = done.standing.record.recorded_at[:10]
        said = "Recorded" if done.standing_is_new else f"Recorded on {recorded_on} already"
        which = f"notice {done.standing.notice_id}, record {done.standing.record.index}"
        _print(console, f"{said}: {which}, without a buyer")
        _print(console, "  later runs refuse what it names")
    for name in done.unknown:
        _print(console, f"In no published delivery: {name}")
    if done.unrecorded:
        _print(
            console,
            "Nothing was recorded: a term ends in one deal. Name it with --deal, or give the "
            "reason for which it may be in no deal.",
        )


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
