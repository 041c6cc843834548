"""Checks the record and the lines of a delivery's pool against its ledger."""

from __future__ import annotations

import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import pyarrow.parquet as pq

FIELDS = (
    "name deal_id delivery currency gross_minor deductions agency_minor contributors_minor "
    "contributors rounding_minor rule source period replaces lines_sha256"
).split()
COLUMNS = ["contributor_id", "weight", "due", "credit_minor", "carried", "basis"]


def check_pool(
    files: Mapping[str, bytes], agency: str, pays_undelivered: bool = False
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Checks that a pool is conserved, and that its lines are those of the ledger.

    Args:
        files: The files of an output, by key.
        agency: Key prefix of the agency's folder of the version.
        pays_undelivered: Whether assets that were not delivered are paid as well.

    Returns:
        The pool's record and its lines.
    """
    record = json.loads(files[f"{agency}/pool/pool.json"])
    data = files[f"{agency}/pool/pool_lines-00000.parquet"]
    lines = pq.read_table(io.BytesIO(data)).to_pylist()
    ledger = pq.read_table(io.BytesIO(files[f"{agency}/ledger/ledger-00000.parquet"])).to_pylist()
    assert sorted(record) == sorted(FIELDS)
    assert list(lines[0]) == COLUMNS
    assert record["lines_sha256"] == hashlib.sha256(data).hexdigest()
    assert record["delivery"] == ledger[0]["delivery"]
    assert record["currency"] == ledger[0]["currency"]

    deducted = sum(line["minor"] for line in record["deductions"])
    credits = {line["contributor_id"]: line["credit_minor"] for line in lines}
    assert list(credits) == sorted(credits)
    assert sum(credits.values()) == record["contributors_minor"]
    assert record["gross_minor"] == (
        deducted + record["agency_minor"] + sum(credits.values()) + record["rounding_minor"]
    )
    assert min(deducted, record["agency_minor"], *credits.values()) >= 0

    shared = record["contributors_minor"] + record["rounding_minor"]
    whole = sum(int(line["weight"]) for line in lines)
    for line in lines:
        due = Fraction(line["due"])
        assert due == Fraction(shared * int(line["weight"]), whole)
        assert line["due"] == f"{due.numerator}/{due.denominator}"
        assert due - line["credit_minor"] == Fraction(line["carried"])  # nothing carried before
        assert abs(due - line["credit_minor"]) < 1
    assert sum(Fraction(line["due"]) for line in lines) == shared

    paid: defaultdict[str, int] = defaultdict(int)
    for row in ledger:
        assert row["amount_minor"] >= 0
        paid[row["contributor_id"]] += row["amount_minor"]
    if pays_undelivered:
        assert all(minor <= credits[who] for who, minor in paid.items())
    else:
        assert paid == credits
    return record, lines
