"""`fairshard replay`: computes the agency's books again from their records."""

from __future__ import annotations

import argparse
from pathlib import Path

from pipelines.accounts.bookkeeping import transactions
from pipelines.accounts.kept_salts import Opener, kept_salts, salt_with
from pipelines.accounts.replay import Replay, replay
from pipelines.commands.books import add_books_options, open_books
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.ledger.journal import journal
from pipelines.run.signing_key import default_key_path, load_key, log_key
from schemas.errors import InputError

EXAMPLES = """\
examples:
  fairshard replay --out out/
  fairshard replay --out out/ --journal ledger.journal --json
"""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    parser.add_argument(
        "--journal", type=Path, metavar="FILE", help="also compare a journal that was written"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    _, log = open_books(options)
    path = Path(options.key) if options.key else default_key_path(options.out.rstrip("/") or "/")
    key = log_key(load_key(path), path)
    openers: tuple[Opener, ...] = (*key.secrets, *kept_salts(log))

    def tie_keys(deal_id: str) -> list[bytes]:
        salts = (salt_with(opener, deal_id) for opener in openers)
        return [salt for salt in salts if salt is not None]

    done = replay(log, tie_keys)
    if not done.fault and options.journal is not None:
        text = "".join(journal(transactions(log))).encode()
        done.fault = _journal_fault(options.journal, text)
    if options.json:
        print_json({"ok": not done.fault, **vars(done)})
    else:
        for line in _said(done, options.journal):
            results.print(line, markup=False, highlight=False, soft_wrap=True)
    return 1 if done.fault else 0


def _journal_fault(path: Path, expected: bytes) -> str:
    try:
        found = path.read_bytes()
    except OSError as error:
        raise InputError(
            "The journal cannot be read", f"{path} ({error.strerror or error})", "Give its path."
        ) from error
    if found == expected:
        return ""
    pairs = zip(found.splitlines(), expected.splitlines(), strict=False)
    same = 0
    for one, other in pairs:
        if one != other:
            break
        same += 1
    return f"the journal {path} differs from the books in line {same + 1}"


def _said(done: Replay, journal_path: Path | None) -> list[str]:
    lines = [f"not replayed: {one}" for one in done.skipped]
    if done.rewritten:
        lines.append(
            f"{_count(done.rewritten, 'table')} with the same rows in other bytes, as another "
            "release of pyarrow writes them"
        )
    if done.fault:
        return [*lines, f"DIFFERENT: {done.fault}"]
    same = "the same rows" if done.rewritten else "the same bytes"
    lines.append(
        f"Replayed {_count(done.records, 'record')}: {_count(done.pools, 'pool')} and "
        f"{_count(done.payouts, 'payout')} give {same}."
    )
    if journal_path is not None:
        lines.append("The journal is the same, byte for byte.")
    return lines


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
