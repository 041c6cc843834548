"""Shared options of the commands that record revenue."""

from __future__ import annotations

from decimal import Decimal

from pipelines.commands.books import one_line
from pipelines.commands.common import OptionsParent
from schemas.deal_values import read_share
from schemas.errors import InputError
from schemas.money import parse_amount
from schemas.price_terms import Deduction
from schemas.territory import COUNTRIES


def add_revenue_options(parser: OptionsParent) -> None:
    """Adds what is stated about any revenue."""
    parser.add_argument("--currency", required=True, metavar="CODE", help="ISO 4217, such as USD")
    parser.add_argument(
        "--agency-share", required=True, metavar="SHARE", help="from 0 to 1, such as 0.40"
    )
    parser.add_argument("--source", required=True, metavar="TEXT", help="what the revenue is")
    parser.add_argument("--period", required=True, metavar="TEXT", help="when it was earned")
    parser.add_argument(
        "--source-country", default="", metavar="CODE", help="where it comes from, for withholding"
    )
    parser.add_argument(
        "--deduct",
        action="append",
        default=[],
        metavar="NAME=AMOUNT",
        help="taken before the division; may be given several times",
    )


def read_agency_share(text: str) -> Decimal:
    """Reads the agency's share.

    Raises:
        InputError: If it is not an exact share.
    """
    try:
        return read_share(text)
    except ValueError as error:
        raise InputError(
            "Not a share", f"--agency-share {text!a}: {error}", "Write 0.40 for 40 %."
        ) from error


def read_source_country(code: str) -> str:
    """Checks the country that revenue comes from; empty is unstated.

    Raises:
        InputError: If it is no ISO 3166-1 code.
    """
    if code and code not in COUNTRIES:
        raise InputError(
            "Not a country", f"--source-country {code!a}", "Write an ISO 3166-1 code such as US."
        )
    return code


def read_deduction(text: str, currency: str) -> Deduction:
    """Reads a deduction, such as `legal fee=30.00`.

    Raises:
        InputError: If it is not one.
    """
    name, equals, amount = text.rpartition("=")
    if not equals:
        raise InputError(
            "Not a deduction", f"--deduct {text!a}"[:100], 'Write "legal fee=30.00", for example.'
        )
    parse_amount(amount, currency)
    return Deduction(name=one_line(name, "--deduct"), amount=amount)
