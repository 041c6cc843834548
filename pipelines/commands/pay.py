"""`fairshard pay`: shares later revenue of a delivery among its contributors."""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Collection, Mapping
from pathlib import Path

from rich.console import Console

from pipelines.accounts.exposures import exposed_assets
from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import read_ledger_rows
from pipelines.accounts.payments import Payment, RecordedPayment, price_of, record_payment
from pipelines.accounts.pools import booked_pools
from pipelines.accounts.removals import patched_deliveries, pool_holder
from pipelines.catalogue.mapping import load_use_mapping
from pipelines.catalogue.mapping_tables import TableMapping
from pipelines.catalogue.use_statement import read_use_statement
from pipelines.commands.books import (
    add_books_options,
    add_date_option,
    event_day,
    one_line,
    open_books,
)
from pipelines.commands.common import add_general_options, consoles, print_json
from pipelines.commands.exposure import exposure_in_words, exposure_json, read_exposure
from pipelines.commands.money_options import (
    add_revenue_options,
    read_agency_share,
    read_deduction,
    read_source_country,
)
from pipelines.commands.revenue import credits_json, division_in_words, print_credits
from pipelines.ledger.use import AssetIndex, MatchedUse, Unmatched, UnmatchedRow, match_use
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.catalogue import USE
from schemas.errors import InputError, counted
from schemas.money import format_amount, parse_amount

EXAMPLES = """\
examples:
  fairshard pay --out out/ --delivery acme-2026-01/v0001 \\
      --name generative-2026-h2 \\
      --amount 12000.00 --currency USD --agency-share 0.40 \\
      --source "generative licences" --period 2026-H2
  by the uses that the buyer reports, with a fee that is taken first:
    fairshard pay --out out/ --delivery acme-2026-01/v0001 --name use-2026-q3 \\
        --amount 900.00 --currency USD --agency-share 0.40 --source "use" \\
        --period 2026-Q3 \\
        --deduct "legal fee=30.00" --use Q3.csv --use-mapping use.toml
  by what a buyer's training was handed, as its readers counted and it signed:
    fairshard pay --out out/ --delivery acme-2026-01/v0001 --name seen-2026-q3 \\
        --amount 5000.00 --currency USD --agency-share 0.40 \\
        --source "training" --period 2026-Q3 \\
        --exposure exposure.json --buyer-key buyer.vkey
"""
_SHOWN = 10  # rows without an asset
_UNMATCHED = {
    Unmatched.NO_ID: "without an id",
    Unmatched.UNKNOWN: "not in the delivery",
    Unmatched.CONTRADICTION: "its ids are of different assets",
    Unmatched.QUANTITY: "without a quantity",
    Unmatched.CONTROL: "an id has a control character",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_books_options(parser)
    payment = parser.add_argument_group("the revenue")
    payment.add_argument("--delivery", required=True, metavar="DELIVERY", help="such as acme/v0001")
    payment.add_argument(
        "--name", required=True, metavar="NAME", help="names it among the deal's payments, for good"
    )
    payment.add_argument("--amount", required=True, metavar="AMOUNT", help="such as 12000.00")
    add_revenue_options(payment)
    use = parser.add_argument_group("sharing by use (default: by the delivery's weights)")
    use.add_argument("--use", type=Path, metavar="FILE", help="the buyer's statement of use")
    use.add_argument("--use-mapping", type=Path, metavar="FILE", help="its columns, in TOML")
    seen = parser.add_argument_group("sharing by exposure (rule per_exposure)")
    seen.add_argument(
        "--exposure", type=Path, metavar="FILE", help="the buyer's signed report of exposure"
    )
    seen.add_argument(
        "--buyer-key", type=Path, metavar="FILE", help="the buyer's verifier key, one line"
    )
    add_date_option(parser)
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, _ = consoles(options)
    _, recorded_at = event_day(options)
    deal_id, _, version = options.delivery.partition("/")
    store, log = open_books(options)
    matched, exposure = None, None
    _check_sources(options)
    if options.exposure is not None:
        price_of(pool_holder(options.delivery, patched_deliveries(log)), booked_pools(log))
        exposure = read_exposure(options.exposure, options.buyer_key, log, deal_id)
    elif options.use is not None:
        # Refuses a delivery that is not in the books.
        price_of(pool_holder(options.delivery, patched_deliveries(log)), booked_pools(log))
        matched = _matched_use(options, store, deal_id, version, log.openers)
    elif options.use_mapping is not None:
        raise InputError(
            "--use-mapping was given without --use",
            str(options.use_mapping),
            "Nothing was recorded. Give the statement of use with --use, or leave it out.",
        )
    uses, source = (None, "") if matched is None else (matched.quantities, _digest(options.use))
    if exposure is not None:
        uses = exposed_assets(store, options.delivery, log.openers, exposure)
        source = _digest(options.exposure)
    payment = Payment(
        name=one_line(options.name, "--name"),
        deal_id=deal_id,
        version=version,
        gross_minor=parse_amount(options.amount, options.currency),
        currency=options.currency,
        agency_share=read_agency_share(options.agency_share),
        source=one_line(options.source, "--source"),
        period=one_line(options.period, "--period"),
        source_country=read_source_country(options.source_country),
        deductions=tuple(read_deduction(text, options.currency) for text in options.deduct),
        uses=uses,
        uses_source=source,
        exposure=() if exposure is None else tuple(exposure.parts),
    )
    done = record_payment(log, store, payment, recorded_at)
    if options.json:
        seen = None if exposure is None else exposure_json(exposure)
        print_json(_payment_json(done, matched) | {"exposure": seen})
    else:
        _show(results, done, matched)
        if exposure is not None:
            results.print(exposure_in_words(exposure), markup=False, highlight=False)
    return 0


def _check_sources(options: argparse.Namespace) -> None:
    """Refuses options that exclude each other, or have no effect."""
    if (options.exposure is None) != (options.buyer_key is None):
        raise InputError(
            "--exposure and --buyer-key must be given together",
            f"{options.exposure or options.buyer_key}",
            "Nothing was recorded. Get the buyer's key from another source than the report.",
        )
    if options.exposure is not None and (options.use or options.use_mapping):
        raise InputError(
            "--exposure and --use exclude each other",
            f"{options.exposure}, {options.use or options.use_mapping}",
            "Nothing was recorded. Share the revenue by one of them.",
        )


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _matched_use(
    options: argparse.Namespace,
    store: Store,
    deal_id: str,
    version: str,
    secrets: Collection[Opener],
) -> MatchedUse:
    mapping = TableMapping(where=USE)
    if options.use_mapping is not None:
        mapping = load_use_mapping(options.use_mapping)
    statement = read_use_statement(options.use, mapping)
    if statement.failed:
        raise InputError(
            "Rows of the statement of use cannot be read",
            f"{counted(len(statement.failed), 'row')}; the first: {statement.failed[0].detail}",
            "Nothing was recorded. Correct the file or its mapping.",
        )
    matched = match_use(statement.tables, AssetIndex(_assets(store, deal_id, version, secrets)))
    if not matched.quantities:
        first = "".join(f"; the first: {_in_words(row)}" for row in matched.unmatched[:1])
        raise InputError(
            "No row of the statement of use leads to a use of a delivered asset",
            f"{options.use}: {counted(matched.rows, 'row')}{first}",
            "Nothing was recorded. Check --delivery, and the columns in --use-mapping.",
        )
    return matched


def _in_words(row: UnmatchedRow) -> str:
    ids = ", ".join(f"{name} {value!r}" for name, value in row.ids)
    return f"row {row.position}, {_UNMATCHED[row.reason]}{ids[:60] and f': {ids[:60]}'}"


def _assets(
    store: Store, deal_id: str, version: str, secrets: Collection[Opener]
) -> list[Mapping[str, str]]:
    names = ("asset_id", "asset_commitment", "key", "media_sha256")
    table = read_ledger_rows(store, deal_id, version, secrets, names)
    columns = [values_of(table[name], str) for name in names]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _payment_json(done: RecordedPayment, matched: MatchedUse | None) -> dict[str, object]:
    use = None
    if matched is not None:
        use = {
            "rows": matched.rows,
            "matched_rows": matched.matched_rows,
            "unmatched": [
                {"row": row.position, "reason": row.reason.value, "quantity": row.quantity}
                | dict(row.ids)
                for row in matched.unmatched
            ],
        }
    return {
        "record": done.record.index,
        "is_new": done.is_new,
        "recorded_at": done.record.recorded_at,
        "pool": dict(done.pool.fields),
        "replaced_by": done.replaced_by or None,
        "stopped_assets": done.stopped,
        "credits": credits_json(done.lines),
        "use": use,
    }


def _show(console: Console, done: RecordedPayment, matched: MatchedUse | None) -> None:
    pool = done.pool.fields
    currency = pool["currency"]

    def amount(minor: int) -> str:
        return f"{format_amount(minor, currency)} {currency}"

    lines = division_in_words(done.pool, done.lines, done.is_new)
    if pool["rounding_minor"]:
        lines.append(f"  not divisible, kept: {amount(pool['rounding_minor'])}")
    if done.replaced_by:
        lines.append(
            f"  {pool['delivery']} was replaced by {done.replaced_by}; this revenue is shared by "
            f"the weights of {pool['delivery']}."
        )
    if done.stopped:
        lines.append(f"  {counted(done.stopped, 'removed asset')} left out of it.")
    for line in lines:
        console.print(line, markup=False, highlight=False)
    print_credits(console, done.pool, done.lines)
    if matched is not None:
        _show_use(console, matched)


def _show_use(console: Console, matched: MatchedUse) -> None:
    lines = [
        f"{matched.matched_rows:,} of {counted(matched.rows, 'row')} of the statement of use "
        "counted."
    ]
    lines += [f"  {_in_words(row)}" for row in matched.unmatched[:_SHOWN]]
    if len(matched.unmatched) > _SHOWN:
        lines.append(f"  and {len(matched.unmatched) - _SHOWN:,} more; --json lists all")
    for line in lines:
        console.print(line, markup=False, highlight=False)
