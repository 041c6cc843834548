"""`fairshard sweep`: finds delivered assets whose rights have ended, and drafts their notices."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import get_args

from rich.console import Console

from pipelines.accounts.removed import read_removed
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import (
    add_as_of_option,
    add_general_options,
    add_mapping_options,
    consoles,
    parse_as_of,
    print_json,
    refuse_public_folder,
)
from pipelines.commands.mapping_options import mapping_choice
from pipelines.explain.inputs import DecisionInputs, open_decision_inputs
from pipelines.removal.sweep import DealSweep, sweep
from pipelines.storage.tables import json_bytes
from schemas.deal import load_deal
from schemas.errors import InputError, counted
from schemas.notice import RemovalReason

EXAMPLES = """\
examples:
  fairshard sweep --out out/ --catalogue library/ --deal acme.toml \\
      --deal other.toml --to drafts/
  fairshard sweep --out out/ --catalogue library/ --deal acme.toml \\
      --as-of 2027-01-01 --json
"""
_DRAFT = "fairshard/sweep/v1"


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--catalogue",
        default="",
        metavar="URI",
        help="folder or s3:// prefix, as it is now; needs --deal",
    )
    add_mapping_options(parser)
    parser.add_argument(
        "--deal",
        action="append",
        default=[],
        type=Path,
        metavar="FILE",
        help="a deal in TOML; may be given several times. Of other deals in the output, only the "
        "end of their own term is seen",
    )
    add_as_of_option(parser)
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="write drafts, a file per deal")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    if options.to is not None:
        refuse_public_folder(options.to, "Drafts of notices")
    as_of = parse_as_of(options.as_of)
    inputs = _inputs(options, as_of)
    store, log = open_books(options)
    for deal_id, own in inputs.items():
        removed = read_removed(store, own.deal, secrets=None)
        inputs[deal_id] = replace(own, removed=removed)
    found = sweep(store, log, inputs, as_of.date())
    drafts = [_draft(one, options, as_of) for one in found]
    if options.to is not None:
        _write(options.to, found, drafts)
    if options.json:
        print_json({"as_of": as_of.date().isoformat(), "deals": drafts})
    else:
        _show(results, found, drafts)
    return 0


def _inputs(options: argparse.Namespace, as_of: datetime) -> dict[str, DecisionInputs]:
    if bool(options.deal) != bool(options.catalogue):
        raise InputError(
            "--catalogue and --deal must be given together",
            options.catalogue or str(options.deal[0]),
            "Give the deals whose rules are to be applied, and the catalogue. Without both, only "
            "deals whose own term has ended are found.",
        )
    found: dict[str, DecisionInputs] = {}
    for path in options.deal:
        deal = load_deal(path)
        if deal.deal_id in found:
            raise InputError(
                "Two deals have the same id", f"{path}: {deal.deal_id}", "Give each deal once."
            )
        chosen = mapping_choice(options)
        found[deal.deal_id] = open_decision_inputs(options.catalogue, deal, as_of, chosen)
    return found


def _draft(one: DealSweep, options: argparse.Namespace, as_of: datetime) -> dict[str, object]:
    """Returns the draft of a deal's notices; nothing in it is signed."""
    folder = options.to or Path()
    return {
        "draft": _DRAFT,
        "deal_id": one.deal_id,
        "as_of": as_of.isoformat(),
        "delivered": one.delivered,
        "noticed": one.noticed,
        "examined": one.examined,
        "notices": [
            {
                "reason": reason,
                "assets": [{"asset_id": a.asset_id, "codes": list(a.codes)} for a in assets],
                "command": _command(
                    options, one.deal_id, reason, folder / _list_name(one, reason), as_of
                ),
            }
            for reason, assets in sorted(one.ended.items())
        ],
        "refused_by_other_rules": dict(sorted(one.other.items())),
        "not_in_the_catalogue": one.missing,
    }


def _list_name(one: DealSweep, reason: str) -> str:
    return f"{one.deal_id}.{reason}.txt"


def _command(
    options: argparse.Namespace, deal_id: str, reason: str, listed: Path, as_of: datetime
) -> str:
    words = ["fairshard", "revoke", "--out", options.out]
    words += ["--key", options.key] if options.key else []
    words += ["--deal", deal_id, "--asset-file", listed.as_posix(), "--reason", reason]
    return shlex.join([*words, "--effective", as_of.date().isoformat()])


def _write(folder: Path, found: Sequence[DealSweep], drafts: Sequence[dict[str, object]]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one, draft in zip(found, drafts, strict=True):
            for reason in get_args(RemovalReason):  # an earlier run may have found others
                if reason not in one.ended:
                    (folder / _list_name(one, reason)).unlink(missing_ok=True)
            for reason, assets in one.ended.items():
                lines = "".join(f"{asset.asset_id}\n" for asset in assets)
                (folder / _list_name(one, reason)).write_text(lines, encoding="utf-8")
            (folder / f"{one.deal_id}.json").write_bytes(json_bytes(draft))
    except OSError as error:
        raise InputError(
            "The drafts cannot be written", f"{folder} ({error.strerror or error})", "Use --to."
        ) from error


def _show(
    console: Console, found: Sequence[DealSweep], drafts: Sequence[dict[str, object]]
) -> None:
    for one, draft in zip(found, drafts, strict=True):
        note = "" if one.examined else "; its deal was not given, so only its end was seen"
        _print(console, f"{one.deal_id}: {counted(one.delivered, 'delivered asset')}{note}")
        for reason, assets in sorted(one.ended.items()):
            _print(console, f"  {reason}: {len(assets):,}")
        for code, count in sorted(one.other.items()):
            _print(console, f"  to be looked at, {code}: {count:,}")
        if one.noticed:
            _print(console, f"  named by notices already: {one.noticed:,}")
        if one.missing:
            _print(console, f"  no longer in the catalogue: {len(one.missing):,}")
        notices = draft["notices"]
        for notice in notices if isinstance(notices, list) else []:
            _print(console, f"  {notice['command']}")
    _print(console, "Nothing was recorded or signed. The commands above do that.")


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
