"""Refuses a payment under a name that another one has, and says what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schemas.errors import InputError
from schemas.money import format_amount


def check_same(terms: Mapping[str, Any], recorded: Mapping[str, Any], recorded_at: str) -> None:
    """Compares what is stated of a payment with the pool that its name has in the books.

    Args:
        terms: What is stated now.
        recorded: The pool's fields.
        recorded_at: When it was recorded, ISO 8601.

    Raises:
        InputError: If they differ; it names the option, and both values.
    """
    if all(recorded.get(name) == value for name, value in terms.items()):
        return
    now, then = _as_options(terms), _as_options(recorded)
    first = next((name for name in now if then[name] != now[name]), "--use")
    raise InputError(
        "The deal has another payment with this name",
        f"{terms['name']!r} was recorded on {recorded_at[:10]} with {first} {then[first]}, "
        f"not {now[first]}",
        "Nothing was recorded. Give this payment a name of its own with --name.",
    )


def _as_options(terms: Mapping[str, Any]) -> dict[str, str]:
    """Returns what is stated of a payment, as the options of `fairshard pay` state it."""
    rule, currency = terms["rule"], terms["currency"]
    taken = (f"{item['name']}={item['amount'] or item['share']}" for item in rule["deductions"])
    use = rule["use_sha256"]
    return {
        "--amount": f"{format_amount(terms['gross_minor'], currency)} {currency}",
        "--delivery": terms["delivery"],
        "--agency-share": rule["agency_share"],
        "--source": ascii(terms["source"]),
        "--period": ascii(terms["period"]),
        "--source-country": terms["source_country"] or "(none)",
        "--deduct": ", ".join(taken) or "(none)",
        "--use": f"FILE with the sha256 {use}" if use else "(none)",
    }
