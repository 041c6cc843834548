"""`fairshard removals`: lists notices of removal by deal, and takes buyers' replies to them."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path

from rich.console import Console

from pipelines.accounts.log import AgencyLog
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import (
    add_general_options,
    consoles,
    counted,
    parse_as_of,
    print_json,
)
from pipelines.removal.replies import AcceptedReply, accept_reply
from pipelines.removal.states import NoticeState, NoticeStatus, notice_statuses
from pipelines.storage.store import Store
from schemas.errors import InputError

EXAMPLES = """\
examples:
  fairshard removals --out out/
  fairshard removals --out out/ --as-of 2027-01-31 --json
  a buyer's acknowledgement or certificate, with the buyer's verifier key:
    fairshard removals --out out/ --accept certificate.json \\
        --buyer-key buyer.vkey
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--as-of", metavar="DATE", help="the day of the states, or of the reply (default: today)"
    )
    reply = parser.add_argument_group("a buyer's reply")
    reply.add_argument("--accept", type=Path, metavar="FILE", help="DSSE envelope or signed note")
    reply.add_argument(
        "--buyer-key", type=Path, metavar="FILE", help="the buyer's verifier key, one line"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    as_of = parse_as_of(options.as_of)
    if (options.accept is None) != (options.buyer_key is None):
        raise InputError(
            "--accept and --buyer-key need each other",
            f"{options.accept or options.buyer_key}",
            "Nothing was recorded. The buyer's key must be known from elsewhere than the reply.",
        )
    store, log = open_books(options)
    if options.accept is not None:
        accepted = _accept(options, store, log, as_of.isoformat())
        if options.json:
            print_json(_reply_json(accepted))
        else:
            _show_reply(results, accepted)
        return 0
    statuses = notice_statuses(log, as_of.date())
    if options.json:
        print_json({"as_of": as_of.date().isoformat(), "notices": list(map(_json, statuses))})
    else:
        _show(results, statuses, as_of.date().isoformat())
    return 0


def _accept(
    options: argparse.Namespace, store: Store, log: AgencyLog, recorded_at: str
) -> AcceptedReply:
    try:
        data, vkey = options.accept.read_bytes(), options.buyer_key.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The reply or the buyer's key cannot be read", str(error), "Give their paths."
        ) from error
    return accept_reply(log, store, data, vkey, recorded_at)


def _reply_json(accepted: AcceptedReply) -> dict[str, object]:
    return {
        "record": accepted.record.index,
        "is_new": accepted.is_new,
        "recorded_at": accepted.record.recorded_at,
        "reply": accepted.reply.model_dump(mode="json"),
    }


def _show_reply(console: Console, accepted: AcceptedReply) -> None:
    record, reply = accepted.record, accepted.reply
    said = "Recorded" if accepted.is_new else f"Recorded on {record.recorded_at[:10]} already"
    names = ", ".join(dict.fromkeys(one.notice for one in reply.notices))
    _print(console, f"{said} as record {record.index}: {reply.kind} for {names}.")
    _print(console, f"  signed by {reply.signer} on {reply.signed_at}")
    if reply.kind == "certificate":
        _print(console, "  It says that data was deleted, and nothing of what models learned.")


def _json(status: NoticeStatus) -> dict[str, object]:
    notice = status.notice
    return {
        "deal_id": notice.deal_id,
        "notice": notice.notice_id,
        "sequence": notice.sequence,
        "reason": notice.term("reason"),
        "way": notice.term("way"),
        "effective_at": notice.effective_at.isoformat(),
        "deadline": notice.deadline.isoformat(),
        "deliveries": sorted(notice.assets),
        "assets": len({asset for assets in notice.assets.values() for asset in assets}),
        "state": status.state,
        "acknowledged_on": status.acknowledged_on or None,
        "deleted_on": status.deleted_on or None,
    }


def _show(console: Console, statuses: Sequence[NoticeStatus], day: str) -> None:
    if not statuses:
        _print(console, f"No notices of removal up to {day}.")
        return
    counts = Counter(status.state for status in statuses)
    said = ", ".join(f"{counts[state]:,} {state}" for state in NoticeState if counts[state])
    _print(console, f"{counted(len(statuses), 'notice')} of removal as of {day}: {said}")
    for deal_id, group in groupby(statuses, lambda status: status.notice.deal_id):
        _print(console, "")
        _print(console, deal_id)
        _print(console, f"  {'no.':>6}  {'reason':<17}  {'effective':<10}  {'deadline':<10}  state")
        for status in group:
            notice = status.notice
            _print(
                console,
                f"  {notice.sequence:06d}  {notice.term('reason'):<17}  {notice.effective_at}  "
                f"{notice.deadline}  {_state(status)}",
            )


def _state(status: NoticeStatus) -> str:
    if status.state is NoticeState.OVERDUE and status.acknowledged_on:
        return f"{status.state}, acknowledged"
    return str(status.state)


def _print(console: Console, line: str) -> None:
    console.print(line, markup=False, highlight=False, soft_wrap=True)
