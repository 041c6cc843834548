"""`fairshard share`: how much of a delivery came from whom."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Sequence
from pathlib import Path

from pipelines.accounts.kept_salts import Opener, kept_salts
from pipelines.accounts.published import find_versions
from pipelines.accounts.reader import read_log
from pipelines.accounts.share import GroupBy, compute_share
from pipelines.commands.common import (
    add_general_options,
    consoles,
    positive_int,
    print_json,
)
from pipelines.report.share import share_csv, share_json, show_share
from pipelines.run.signing_key import default_key_path, load_key, log_key
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  fairshard share --out out --deal acme-2026-01 --by contributor
  fairshard share --out out --deal acme-2026-01 --version v0001 --by licence \\
      --json
  fairshard share --out out --deal acme-2026-01 --by library \\
      --libraries libraries.csv
  fairshard share --out s3://bucket/out --deal acme-2026-01 --by contributor \\
      --top 0 --csv
"""

_TOP = 20
_MAX_NAMED = 5


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("--out", required=True, metavar="URI", help="the output of the run")
    parser.add_argument("--deal", required=True, metavar="ID", help="a deal_id in the output")
    parser.add_argument(
        "--version", default="", metavar="V", help="such as v0001 (default: the newest)"
    )
    parser.add_argument("--by", required=True, choices=[item.value for item in GroupBy])
    parser.add_argument(
        "--libraries",
        type=Path,
        metavar="FILE",
        help="for --by library: CSV with the columns asset_id and library",
    )
    parser.add_argument(
        "--top",
        type=_count,
        default=None,
        metavar="N",
        help=f"show the N largest and sum the others; 0 for all (default: {_TOP}; all with "
        "--json or --csv)",
    )
    parser.add_argument("--csv", action="store_true", help="print the groups as CSV")
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    if options.json and options.csv:
        raise InputError("Two forms of output", "--json and --csv", "Give one of them.")
    store = open_store(options.out)
    published = find_versions(store, options.deal, options.version)[-1]
    if options.libraries is not None and options.by != GroupBy.LIBRARY:
        raise InputError("--libraries was given", f"--by {options.by}", "Use --by library.")
    libraries = None if options.libraries is None else _libraries(options.libraries)
    share = compute_share(
        store, published, GroupBy(options.by), libraries, _openers(options.out, store)
    )
    results, progress = consoles(options)
    if share.unknown_assets:
        said = _in_words(share.unknown_assets, published.manifest.delivery)
        progress.print(said, markup=False, highlight=False, soft_wrap=True)
    if options.json:
        print_json(share_json(share, options.top or 0))
    elif options.csv:
        sys.stdout.writelines(share_csv(share, options.top or 0))
    else:
        show_share(results, share, _TOP if options.top is None else options.top)
    return 0


def _openers(out: str, store: Store) -> tuple[Opener, ...]:
    """Returns by what the output's ledgers are opened; nothing if it has no key of its own."""
    path, log = default_key_path(out.rstrip("/") or "/"), read_log(store)
    if not path.exists():
        return ()
    return (*log_key(load_key(path), path).secrets, *(kept_salts(log) if log else []))


def _libraries(path: Path) -> dict[str, str]:
    """Reads the library of each asset, "" if the row has none."""
    found: dict[str, str] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            rows = csv.DictReader(source)
            if not {"asset_id", "library"} <= set(rows.fieldnames or ()):
                raise InputError(
                    "The file of libraries lacks a column",
                    f"{path}: {', '.join(rows.fieldnames or ())[:200]}",
                    "It needs asset_id and library, and commas between the cells.",
                )
            for number, row in enumerate(rows, start=2):
                asset, library = row["asset_id"] or "", (row["library"] or "").strip()
                if found.setdefault(asset, library) != library:
                    raise InputError(
                        "An asset is in two libraries",
                        f"{path}, line {number}: {asset[:80]!a}",
                        "Keep one row for each asset.",
                    )
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("The file of libraries cannot be read", f"{path}: {error}", "") from error
    return found


def _in_words(unknown: Sequence[str], delivery: str) -> str:
    """Returns one line about rows of assets that a version does not have."""
    named = ", ".join(f"{name[:80]!a}" for name in unknown[:_MAX_NAMED])
    more = f" and {len(unknown) - _MAX_NAMED:,} more" if len(unknown) > _MAX_NAMED else ""
    rows = counted(len(unknown), "asset")
    return f"--libraries names {rows} that {delivery} does not have: {named}{more}"


def _count(text: str) -> int:
    return 0 if text == "0" else positive_int(text)
