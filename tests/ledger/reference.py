"""A simple reference implementation of the ledger, with one object for every entry.

Tests compare the product's output with it, byte for byte.
"""

from __future__ import annotations

import csv
import io
import json
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, fields, replace
from fractions import Fraction
from math import ceil, floor, gcd, lcm
from typing import Any

import pyarrow as pa
import rfc8785

from pipelines.ledger import commitments
from pipelines.ledger.commitments import Domain, commit, item_salt
from pipelines.ledger.entries import DeliveryTerms
from pipelines.ledger.leaf import LEAF_VERSION
from pipelines.ledger.merkle import leaf_hash
from pipelines.ledger.statement_form import CSV_COLUMNS, STATEMENT_VERSION
from schemas.ledger import LEDGER_SCHEMA, LedgerEntry
from schemas.money import format_amount
from tests.ledger.division_oracle import simple_divide
from tests.ledger.ledger_cases import SALT, DeliveredAsset, Line

Opened = tuple[LedgerEntry, dict[str, str]]


def simple_allocate(lines: Sequence[Line], minor: int, tie_key: bytes = SALT) -> list[int]:
    """Returns the amounts of lines: divided among people, then among each one's lines by key."""
    own: defaultdict[str, list[Line]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: line.key):
        own[line.contributor_id].append(line)
    totals = {who: sum(line.weight * line.share_bp for line in mine) for who, mine in own.items()}
    earned, _ = simple_divide(minor, totals, {}, tie_key)
    amounts: dict[tuple[str, str], int] = {}
    for who, total in totals.items():
        exact = [
            Fraction(earned[who] * line.weight * line.share_bp, total or 1) for line in own[who]
        ]
        given = [floor(value) for value in exact]
        order = sorted(range(len(exact)), key=lambda at: (given[at] - exact[at], at))
        for at in order[: earned[who] - sum(given)]:
            given[at] += 1
        amounts |= {(who, line.key): amount for line, amount in zip(own[who], given, strict=True)}
    return [amounts[line.contributor_id, line.key] for line in lines]


def simple_weights(assets: Sequence[DeliveredAsset], terms: DeliveryTerms) -> list[int]:
    """Returns the assets' weights under the deal's allocation."""
    weights = [asset.weight for asset in assets]
    match terms.price.allocation:
        case "per_asset":
            return [1] * len(assets)
        case "weighted":
            return weights
        case "per_sample":
            return [asset.samples for asset in assets]
    assert terms.price.two_factor is not None
    even = Fraction(terms.price.two_factor.proportional)
    exact = [even / len(assets) + (1 - even) * Fraction(w, sum(weights)) for w in weights]
    common = lcm(*(value.denominator for value in exact))
    whole = [int(value * common) for value in exact]
    return [value // gcd(*whole) for value in whole]


def simple_entries(
    assets: Sequence[DeliveredAsset], terms: DeliveryTerms, salt: bytes
) -> tuple[list[Opened], int]:
    """Returns every entry with the salts that open it, and the agency's minor units.

    Deductions, minimum, cap and classes are not part of it.
    """
    pool = terms.price.pool_minor
    agency = ceil(pool * Fraction(terms.price.agency_share) - Fraction(1, 2))
    ordered = sorted(assets, key=lambda asset: asset.key)
    claims = [
        (asset, Line(who, asset.key, weight, share))
        for asset, weight in zip(ordered, simple_weights(ordered, terms), strict=True)
        for who, share in sorted(asset.contributors)
    ]
    amounts = simple_allocate([line for _, line in claims], pool - agency, salt)
    return [
        _entry(index, asset, line, amount, terms, salt)
        for index, ((asset, line), amount) in enumerate(zip(claims, amounts, strict=True))
    ], agency


def simple_leaf(entry: LedgerEntry) -> bytes:
    """Returns the public leaf of an entry."""
    names = ["delivery", "asset_commitment", "contributor_commitment", "amount_commitment"]
    names += ["shard", "key", "media_sha256", "decision_sha256", "terms_sha256"]
    return rfc8785.dumps({"version": LEAF_VERSION} | {name: getattr(entry, name) for name in names})


def simple_table(entries: Sequence[LedgerEntry]) -> pa.Table:
    """Returns the ledger's table."""
    columns = {
        field.name: [getattr(entry, field.name) for entry in entries]
        for field in fields(LedgerEntry)
    }
    return pa.table(columns, schema=LEDGER_SCHEMA)


def simple_statement(opened: Sequence[Opened], deal_id: str) -> dict[str, Any]:
    """Returns the statement of one contributor, given their entries."""
    first, total = opened[0][0], sum(entry.amount_minor for entry, _ in opened)
    names = ["asset_id", "entry_index", "key", "shard", "share_bp", "weight", "amount_minor"]
    names += ["amount", "leaf_hash", "media_sha256", "decision_sha256", "terms_sha256"]
    lines = []
    for entry, salts in opened:
        entry_fields = asdict(entry) | {"amount": format_amount(entry.amount_minor, entry.currency)}
        lines.append({name: entry_fields[name] for name in names} | {"opening": salts})
    return {
        "version": STATEMENT_VERSION,
        "contributor_id": first.contributor_id,
        "currency": first.currency,
        "total_minor": total,
        "total": format_amount(total, first.currency),
        "delivery": first.delivery,
        "deal_id": deal_id,
        "display_name": "",
        "country": "",
        "payee_currency": "",
        "payee_ref": "",
        "pool": "price",
        "replaces": "",
        "previous_minor": 0,
        "previous": format_amount(0, first.currency),
        "difference_minor": total,
        "difference": format_amount(total, first.currency),
        "held": "",
        "lines": lines,
    }


def simple_json(statement: dict[str, Any]) -> str:
    """Returns a statement as JSON."""
    return json.dumps(statement, indent=2, ensure_ascii=False) + "\n"


def simple_csv(statement: dict[str, Any]) -> str:
    """Returns a statement as CSV."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(CSV_COLUMNS)
    numbers = ("total", "amount", "previous", "difference")
    for line in statement["lines"] or [{"opening": {}}]:
        row = {**statement, **line, **line["opening"]}
        writer.writerow(
            row.get(name, "")
            if name in numbers or isinstance(row.get(name), int)
            else simple_cell(str(row.get(name, "")))
            for name in CSV_COLUMNS
        )
    return out.getvalue()


FORMULA_STARTS = (
    "=+-@\uff1d\uff0b\uff0d\uff20\ufe66\ufe62\ufe63\ufe6b\u207a\u208a\u207b\u208b\u207c\u208c\u2212"
)
SEPARATORS = (
    ";,|\t\n\v\f\r\x1c\x1d\x1e\x85\u2028\u2029\u037e\u060c\u061b\ufe50\ufe54\uff0c\uff1b\uff5c"
)


def simple_cell(text: str) -> str:
    """A text with the apostrophes of docs/ledger.md, letter by letter."""
    out, at_start = "", True
    for letter in text:
        if letter in FORMULA_STARTS and at_start:
            out += "'"
        out += letter
        if letter in SEPARATORS:
            at_start = True
        elif letter not in "'\"\u201c\u201d" and not letter.isspace():
            at_start = at_start and unicodedata.category(letter) in ("Cc", "Cf", "Zs")
    return f"'{out}" if text.lstrip("'")[:1] in ("\t", "\r", "\n") else out


def _entry(
    index: int, asset: DeliveredAsset, line: Line, amount: int, terms: DeliveryTerms, salt: bytes
) -> Opened:
    who = line.contributor_id
    where = (terms.delivery, asset.asset_id, who)
    values = {
        Domain.ASSET: ((asset.asset_id,), commitments.text_value(asset.asset_id)),
        Domain.CONTRIBUTOR: (where, commitments.text_value(who)),
        Domain.AMOUNT: (
            where,
            commitments.amount_value(amount, terms.currency, line.share_bp, line.weight),
        ),
    }
    salts = {domain: item_salt(salt, domain, *ids) for domain, (ids, _) in values.items()}
    made = {
        f"{domain}_commitment": commit(domain, salts[domain], value)
        for domain, (_, value) in values.items()
    }
    entry = LedgerEntry(
        entry_index=index,
        delivery=terms.delivery,
        asset_id=asset.asset_id,
        contributor_id=who,
        share_bp=line.share_bp,
        weight=line.weight,
        amount_minor=amount,
        currency=terms.currency,
        shard=asset.shard,
        key=asset.key,
        media_sha256=asset.media_sha256,
        leaf_hash="",
        decision_sha256=asset.decision_sha256,
        terms_sha256=terms.terms_sha256,
        **made,
    )
    entry = replace(entry, leaf_hash=leaf_hash(simple_leaf(entry)).hex())
    return entry, {f"{domain}_salt": value.hex() for domain, value in salts.items()}
