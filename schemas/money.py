"""Reads and writes amounts of money as integers in the currency's minor unit, never as floats.

The list contains every active ISO 4217 code that has a minor unit, including the fund codes. Codes
without one (gold, special drawing rights, testing) are omitted, since nobody can be paid in them.
"""

from __future__ import annotations

import re
from fractions import Fraction

from schemas.errors import InputError

# Longer amounts are mistakes, and Python refuses to print integers of more than 4,300 digits.
_MAX_DIGITS = 1_000
_AMOUNT = re.compile(r"[0-9]+(?:\.[0-9]+)?")

_CODES_BY_EXPONENT = {
    0: """
        BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF
    """,
    2: """
        AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BMD BND BOB BOV BRL BSD BTN BWP BYN BZD
        CAD CDF CHE CHF CHW CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP
        GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK
        LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV MYR MZN NAD NGN NIO
        NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS
        SRD SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST
        XAD XCD XCG YER ZAR ZMW ZWG
    """,
    3: """
        BHD IQD JOD KWD LYD OMR TND
    """,
    4: """
        CLF UYW
    """,
}

#: The number of decimal digits, by currency code.
EXPONENTS: dict[str, int] = {
    code: exponent for exponent, codes in _CODES_BY_EXPONENT.items() for code in codes.split()
}


#: The largest amount of a pool, a payment or a sum on a statement, in minor units. Statements are
#: JSON, and readers of JSON, browsers among them, have no exact whole numbers beyond it.
MAX_MINOR = 2**53 - 1


def exponent(currency: str) -> int:
    """Returns how many decimal digits a currency has.

    Args:
        currency: An ISO 4217 code in capitals, such as `USD`.

    Returns:
        0, 2, 3 or 4.

    Raises:
        InputError: The code is not an active ISO 4217 currency with a minor unit.
    """
    decimals = EXPONENTS.get(currency) if isinstance(currency, str) else None
    if decimals is None:
        raise InputError(
            "unknown currency",
            _shorten(currency),
            "Use an active ISO 4217 code in capitals, such as USD, EUR or JPY.",
        )
    return decimals


def parse_amount(text: str, currency: str) -> int:
    """Reads a decimal amount exactly.

    Args:
        text: Digits, with a point and decimals if the currency has them: `100000.00`.
        currency: An ISO 4217 code in capitals.

    Returns:
        The amount in minor units, zero or more.

    Raises:
        InputError: The text is not such an amount, or has more decimals than the currency.

    Example:
        >>> parse_amount("99999.99", "USD")
        9999999
    """
    decimals = exponent(currency)
    example = format_amount(10 ** (decimals + 2), currency)
    if not isinstance(text, str):
        raise InputError(
            f"an amount must be text, not {type(text).__name__}",
            _shorten(text),
            f'Put it in quotes, such as "{example}": a float cannot hold money exactly.',
        )
    if len(text) > _MAX_DIGITS or not _AMOUNT.fullmatch(text):
        raise InputError(
            "not an amount of money",
            _shorten(text),
            f'Write digits and at most one point, without sign or spaces, such as "{example}".',
        )
    decimals_given = len(text.partition(".")[2])
    if decimals_given > decimals:
        raise InputError(
            f"{currency} has {decimals} decimals, and this amount has {decimals_given}",
            _shorten(text),
            f'Write it as "{example}" is written; a point is never a thousands separator.',
        )
    return int(text.replace(".", "") + "0" * (decimals - decimals_given))


def format_amount(minor: int, currency: str) -> str:
    """Writes minor units as a decimal amount, with all the decimals that the currency has.

    Args:
        minor: Minor units; a correction may be negative.
        currency: An ISO 4217 code in capitals.

    Returns:
        The amount in the form that `parse_amount` reads, with a minus sign if it is negative.

    Raises:
        InputError: The currency is unknown, or `minor` is not an integer.

    Example:
        >>> format_amount(3334, "USD"), format_amount(3334, "JPY"), format_amount(-5, "BHD")
        ('33.34', '3334', '-0.005')
    """
    decimals = exponent(currency)
    if isinstance(minor, bool) or not isinstance(minor, int):
        raise InputError("minor units must be an integer", _shorten(minor), "Pass an int.")
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor)).rjust(decimals + 1, "0")
    if decimals == 0:
        return sign + digits
    return f"{sign}{digits[:-decimals]}.{digits[-decimals:]}"


def round_half_down(amount: Fraction) -> int:
    """Returns the nearest integer to an amount in minor units; of two, the lower one.

    Example:
        >>> round_half_down(Fraction(21901, 2)), round_half_down(Fraction(2, 3))
        (10950, 1)
    """
    part, remainder = divmod(amount.numerator, amount.denominator)
    return part + (2 * remainder > amount.denominator)


def _shorten(value: object) -> str:
    """Returns a value as messages show it: quoted, and shortened if it is long."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:60]}… ({len(text)} characters)"
