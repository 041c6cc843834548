"""`fairshard removals`: lists notices by deal, takes buyers' replies, signs lists for readers."""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import groupby
from pathlib import Path

from rich.console import Console

from pipelines.accounts.log import AgencyLog
from pipelines.accounts.removals import RecordedNotice, all_notices
from pipelines.commands.books import add_books_options, open_books, signing_key_path
from pipelines.commands.common import (
    add_general_options,
    consoles,
    parse_as_of,
    print_json,
)
from pipelines.removal.buyer_keys import PinnedKey, pinned_keys, short_name
from pipelines.removal.lists import publish_removal_list
from pipelines.removal.replies import AcceptedReply, BuyerKey, accept_reply
from pipelines.removal.states import NoticeState, NoticeStatus, notice_statuses
from pipelines.run.signing_key import load_key
from pipelines.storage.store import Store
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  fairshard removals --out out/
  fairshard removals --out out/ --as-of 2027-01-31 --json
  a buyer's acknowledgement or certificate, with the buyer's verifier key:
    fairshard removals --out out/ --accept certificate.json \\
        --buyer-key buyer.vkey
  the list of everything removed, for the buyer's readers, signed again:
    fairshard removals --out out/ --list acme-2026-01
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
    reply.add_argument(
        "--replace-buyer-key",
        action="store_true",
        help="the buyer has a new key: it replaces the one that the deal's replies had so far",
    )
    reply.add_argument(
        "--earlier-key",
        nargs="+",
        type=Path,
        default=[],
        metavar="FILE",
        help="keys that versions were packaged with before",
    )
    parser.add_argument(
        "--list",
        dest="deal_id",
        metavar="DEAL",
        help="sign the list of all removals of a deal as of the day, for the buyer's readers; do "
        "so before the last one ends",
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    as_of = parse_as_of(options.as_of)
    if (options.accept is None) != (options.buyer_key is None):
        raise InputError(
            "--accept and --buyer-key must be given together",
            f"{options.accept or options.buyer_key}",
            "Nothing was recorded. Get the buyer's key from another source than the reply.",
        )
    if options.accept is None and (options.replace_buyer_key or options.earlier_key):
        raise InputError(
            "--replace-buyer-key and --earlier-key belong to a reply",
            "without --accept",
            "Nothing was recorded. Give the reply with --accept, or leave them out.",
        )
    if options.accept is not None and options.deal_id is not None:
        raise InputError(
            "--accept and --list exclude each other", options.deal_id, "Nothing was recorded."
        )
    store, log = open_books(options)
    if options.deal_id is not None:
        _sign_list(options, store, log, as_of, results)
        return 0
    if options.accept is not None:
        accepted = _accept(options, store, log, as_of.isoformat())
        if options.json:
            print_json(_reply_json(accepted))
        else:
            _show_reply(results, accepted)
        return 0
    statuses, keys = notice_statuses(log, as_of.date()), pinned_keys(log)
    day = as_of.date().isoformat()
    standing = [one for one in all_notices(log) if not one.has_buyer and _day(one) <= day]
    if options.json:
        print_json(
            {
                "as_of": day,
                "notices": list(map(_json, statuses)),
                "without_buyer": list(map(_no, standing)),
                "buyer_keys": {deal: key.vkey for deal, key in sorted(keys.items())},
            }
        )
    else:
        _show(results, statuses, keys, day)
        _show_standing(results, standing)
    return 0


def _sign_list(
    options: argparse.Namespace, store: Store, log: AgencyLog, as_of: datetime, console: Console
) -> None:
    signer = load_key(signing_key_path(options))
    key, made = publish_removal_list(store, log, signer, options.deal_id, as_of)
    if options.json:
        print_json({"file": key, **made.model_dump(mode="json")})
        return
    notices, assets = counted(len(made.notices), "notice"), counted(len(made.assets), "asset")
    _print(console, f"Signed: {key}, {notices} with {assets}")
    _print(console, f"  readers take it until {made.valid_until}: give it to the buyer")


def _accept(
    options: argparse.Namespace, store: Store, log: AgencyLog, recorded_at: str
) -> AcceptedReply:
    try:
        data, vkey = options.accept.read_bytes(), options.buyer_key.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            "The reply or the buyer's key cannot be read", str(error), "Give their paths."
        ) from error
    secrets = (*log.openers, *(load_key(path).secret for path in options.earlier_key))
    key = BuyerKey(vkey, options.replace_buyer_key)
    return accept_reply(log, store, data, key, recorded_at, secrets)


def _reply_json(accepted: AcceptedReply) -> dict[str, object]:
    return {
        "record": accepted.record.index,
        "is_new": accepted.is_new,
        "recorded_at": accepted.record.recorded_at,
        "reply": accepted.reply.model_dump(mode="json"),
        "buyer_key": accepted.record.private["vkey"],
        "first_of_deals": list(accepted.first),
        "replaced_buyer_key": accepted.replaced or None,
    }


def _show_reply(console: Console, accepted: AcceptedReply) -> None:
    record, reply = accepted.record, accepted.reply
    said = "Recorded" if accepted.is_new else f"Recorded on {record.recorded_at[:10]} already"
    names = ", ".join(dict.fromkeys(one.notice for one in reply.notices))
    _print(console, f"{said} as record {record.index}: {reply.kind} for {names}.")
    _print(console, f"  signed by {reply.signer} on {reply.signed_at}")
    name = short_name(str(record.private["vkey"]))
    if accepted.replaced:
        _print(console, f"  buyer's key {name}, which replaces {short_name(accepted.replaced)}")
    elif accepted.first:
        deals = ", ".join(accepted.first)
        _print(console, f"  buyer's key {name}: from now on, no other is taken for {deals}")
    else:
        _print(console, f"  buyer's key {name}, as before")
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


def _day(notice: RecordedNotice) -> str:
    return notice.record.recorded_at[:10]


def _no(notice: RecordedNotice) -> dict[str, object]:
    return {
        "notice": notice.notice_id,
        "sequence": notice.sequence,
        "reason": notice.term("reason"),
        "deal_id": notice.deal_id or None,
        "effective_at": notice.effective_at.isoformat(),
        "asked": notice.asked.to_json(),
    }


def _show_standing(console: Console, notices: Sequence[RecordedNotice]) -> None:
    if notices:
        _print(console, "")
        _print(console, "without a buyer: refused by later runs")
    for notice in notices:
        names = ", ".join(f"{kind} {name}" for kind, name in notice.asked)
        scope = f"in {notice.deal_id}" if notice.deal_id else "in every deal"
        reason = f"{notice.term('reason'):<17}  {notice.effective_at}"
        _print(console, f"  {notice.notice_id}  {reason}  {scope}: {names}")


def _show(
    console: Console, statuses: Sequence[NoticeStatus], keys: Mapping[str, PinnedKey], day: str
) -> None:
    if not statuses:
        _print(console, f"No notices of removal up to {day}.")
        return
    counts = Counter(status.state for status in statuses)
    said = ", ".join(f"{counts[state]:,} {state}" for state in NoticeState if counts[state])
    _print(console, f"{counted(len(statuses), 'notice')} of removal as of {day}: {said}")
    for deal_id, group in groupby(statuses, lambda status: status.notice.deal_id):
        _print(console, "")
        _print(console, deal_id)
        if deal_id in keys:
            key = keys[deal_id]
            _print(console, f"  buyer's key {key.name}, record {key.record.index}")
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
