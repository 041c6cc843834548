"""Check a statement on its own; only its presence in the log needs a proof and a checkpoint.

No secret and no server of the agency is needed: the salts in the statement open the commitments,
the commitments form the leaf, and the log proves the leaf's hash.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import cast, get_type_hints

from pipelines.ledger import commitments
from pipelines.ledger.commitments import SALT_BYTES, Domain
from pipelines.ledger.leaf import leaf_bytes
from pipelines.ledger.merkle import ProofError, leaf_hash
from pipelines.ledger.statement_form import (
    STATEMENT_VERSION,
    STATEMENT_VERSION_1,
    Opening,
    Statement,
    StatementLine,
    StatementV1,
)
from schemas.ledger import LedgerEntry
from schemas.money import format_amount

_FORMS: dict[object, type] = {STATEMENT_VERSION: Statement, STATEMENT_VERSION_1: StatementV1}


def read_statement(text: str) -> Statement | StatementV1:
    """Read a statement's JSON and check that it has the fields of its version.

    Raises:
        ProofError: It is not JSON, has another version, or lacks a field.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ProofError("a statement is not JSON", str(error)[:200]) from error
    _check_fields(found, StatementV1, "the statement")
    form = _FORMS.get(found["version"])
    if form is None:
        raise ProofError(
            "the statement has another version",
            repr(found["version"])[:200],
            f"This version reads {STATEMENT_VERSION} and {STATEMENT_VERSION_1}.",
        )
    _check_fields(found, form, "the statement")
    for number, line in enumerate(found["lines"]):
        _check_fields(line, StatementLine, f"line {number}")
        _check_fields(line["opening"], Opening, f"the opening of line {number}")
    return cast("Statement | StatementV1", found)


def check_statement(statement: Statement | StatementV1) -> list[LedgerEntry]:
    """Check every line of a statement and its sum.

    1. Each line's salts and values give commitments, and with them the public leaf.
    2. The leaf's hash is the one stated.
    3. The amounts sum to the total, and their texts match the numbers.
    4. The difference is the total less what the replaced delivery credited, which is nothing if
       none is replaced. Whether that was credited is shown by that delivery's statement.

    Whether the leaf hashes are in the log is for `merkle.verify_inclusion`, with the entries that
    this returns.

    Returns:
        The entries, computed from the statement alone, in its order.

    Raises:
        ProofError: A line or the total is not what it claims to be.
    """
    entries = [_check_line(statement, line) for line in statement["lines"]]
    # 3. Sums.
    total = sum(entry.amount_minor for entry in entries)
    currency = statement["currency"]
    if total != statement["total_minor"] or format_amount(total, currency) != statement["total"]:
        raise ProofError(
            "the lines do not sum to the statement's total",
            f"lines {total}, total {statement['total_minor']} ({statement['total']})",
        )
    if statement["version"] == STATEMENT_VERSION:
        _check_difference(cast(Statement, statement))  # 4
    return entries


def _check_difference(statement: Statement) -> None:
    currency, previous = statement["currency"], statement["previous_minor"]
    difference = statement["total_minor"] - previous
    expected = {
        "difference_minor": difference,
        "difference": format_amount(difference, currency),
        "previous": format_amount(previous, currency),
    }
    for name, value in expected.items():
        if cast("dict[str, object]", statement)[name] != value:
            raise ProofError(
                "the statement's difference is not its total less what was credited before",
                f"{name}: computed {value}, stated {cast('dict[str, object]', statement)[name]}",
            )
    deal, replaces = statement["deal_id"], statement["replaces"]
    if (previous and not replaces) or (replaces and replaces.rpartition("/")[0] != deal):
        raise ProofError(
            "the statement credits an earlier amount without the delivery that it replaces",
            f"previous {previous}, replaces {replaces!r}, deal {deal!r}",
        )
    if replaces == statement["delivery"]:
        raise ProofError("the statement replaces its own delivery", repr(replaces))


def _check_fields(found: object, form: type, where: str) -> None:
    """Check that an object has the fields of a TypedDict, each with the right type."""
    for name, kind in get_type_hints(form).items():
        value = found.get(name) if isinstance(found, Mapping) else None
        # Lists and nested objects are hinted as list[...] and as a TypedDict, which is a dict.
        expected = kind if kind in (int, str) else (list if name == "lines" else dict)
        if type(value) is not expected:
            raise ProofError(
                "the statement lacks a field or has a value of another type",
                f"{name} of {where}: {value!r}"[:200],
                f"It must be of type {expected.__name__}.",
            )


def _check_line(statement: Statement | StatementV1, line: StatementLine) -> LedgerEntry:
    where = f"entry {line['entry_index']}"
    amount, currency = line["amount_minor"], statement["currency"]
    if format_amount(amount, currency) != line["amount"]:
        raise ProofError("an amount's text does not match its number", f"{where}: {line['amount']}")
    # 1. Commitments and leaf.
    opening = line["opening"]
    money = commitments.amount_value(amount, currency, line["share_bp"], line["weight"])
    entry = LedgerEntry(
        entry_index=line["entry_index"],
        delivery=statement["delivery"],
        asset_id=line["asset_id"],
        contributor_id=statement["contributor_id"],
        share_bp=line["share_bp"],
        weight=line["weight"],
        amount_minor=amount,
        currency=currency,
        shard=line["shard"],
        key=line["key"],
        media_sha256=line["media_sha256"],
        leaf_hash="",
        asset_commitment=_commit(
            where, Domain.ASSET, opening["asset_salt"], commitments.text_value(line["asset_id"])
        ),
        contributor_commitment=_commit(
            where,
            Domain.CONTRIBUTOR,
            opening["contributor_salt"],
            commitments.text_value(statement["contributor_id"]),
        ),
        amount_commitment=_commit(where, Domain.AMOUNT, opening["amount_salt"], money),
        decision_sha256=line["decision_sha256"],
        terms_sha256=line["terms_sha256"],
    )
    # 2. Leaf hash.
    computed = leaf_hash(leaf_bytes(entry)).hex()
    if computed != line["leaf_hash"]:
        raise ProofError(
            "a line does not match the commitments in its leaf",
            f"{where}: computed {computed}, stated {line['leaf_hash']}",
            "Ask the agency which of its figures was altered.",
        )
    return replace(entry, leaf_hash=computed)


def _commit(where: str, domain: Domain, salt_hex: str, value: bytes) -> str:
    try:
        salt = bytes.fromhex(salt_hex)
    except ValueError as error:
        raise ProofError("a salt is not hex", f"{where}: {salt_hex!r}") from error
    if len(salt) != SALT_BYTES:
        raise ProofError("a salt is not 32 bytes long", f"{where}: {len(salt)} bytes")
    return commitments.commit(domain, salt, value)
