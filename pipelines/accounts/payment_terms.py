"""Refuses a payment under a name that another one has, and says what differs between them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from pipelines.accounts.pools import BookedPool
from schemas.errors import InputError
from schemas.ledger import PoolRecord
from schemas.money import format_amount


def check_same(terms: Mapping[str, object], pool: BookedPool) -> None:
    """Compares what is stated of a payment with the pool that its name has in the books.

    Args:
        terms: What is stated now, under the names of a pool's fields.
        pool: The pool.

    Raises:
        InputError: If they differ; it names the option, and both values.
    """
    if all(pool.fields.get(name) == value for name, value in terms.items()):
        return
    then, now = _as_options(pool.fields), _as_options(cast(PoolRecord, {**pool.fields, **terms}))
    first = next((name for name in now if then[name] != now[name]), "--use")
    raise InputError(
        "The deal has another payment with this name",
        f"{pool.fields['name']!r} was recorded on {pool.day} with {first} {then[first]}, "
        f"not {now[first]}",
        "Nothing was recorded. Give this payment a name of its own with --name.",
    )


def _as_options(terms: PoolRecord) -> dict[str, str]:
    """Returns what is stated of a payment, as the options of `fairshard pay` state it."""
    rule, currency = terms["rule"], terms["currency"]
    deductions = cast("list[dict[str, str | None]]", rule["deductions"])
    taken = (f"{item['name']}={item['amount'] or item['share']}" for item in deductions)
    use, exposure = (rule.get(f"{kind}_sha256") for kind in ("use", "exposure"))
    return {
        "--amount": f"{format_amount(terms['gross_minor'], currency)} {currency}",
        "--delivery": terms["delivery"],
        "--agency-share": str(rule["agency_share"]),
        "--source": ascii(terms["source"]),
        "--period": ascii(terms["period"]),
        "--source-country": terms["source_country"] or "(none)",
        "--deduct": ", ".join(taken) or "(none)",
        "--use": f"FILE with the sha256 {use}" if use else "(none)",
        "--exposure": f"FILE with the sha256 {exposure}" if exposure else "(none)",
    }
