"""Checks the pool that lies beside a version against its signed ledger and its signed sum.

The pool's record and lines are plain files that only the agency has. They are taken over into the
books, and then paid; so they are compared first with what the agency signed when it published.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from fractions import Fraction

import pyarrow as pa

from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import ledger_batches
from pipelines.accounts.published import Published, read_sums
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.pool_note import check_pool_note
from pipelines.ledger.rules import bounded
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet
from schemas import layout
from schemas.errors import FairshardError, RunError
from schemas.money import parse_amount

_COLUMNS = ("contributor_id", "amount_minor", "share_bp", "weight")


def check_pool(store: Store, published: Published, secrets: Collection[Opener]) -> None:
    """Compares a version's pool with its ledger and the signed sum of its entries.

    Versions of earlier releases have no signed digest of the pool. Of such a version, ledger and
    signed sum tell what everybody gets, unless assets are considered that were not delivered.

    Args:
        store: The output.
        published: The version.
        secrets: The agency's secrets, by which the ledger is checked.

    Raises:
        RunError: If the pool, the ledger or the signed sum was changed.
    """
    entered, points = Counter[str](), Counter[str]()
    for rows in ledger_batches(store, published.deal_id, published.version, secrets, _COLUMNS):
        people = values_of(rows["contributor_id"], str)
        amounts, shares, weights = (values_of(rows[name], int) for name in _COLUMNS[1:])
        for who, minor, share, weight in zip(people, amounts, shares, weights, strict=True):
            entered[who] += minor
            points[who] += share * weight
    try:
        _compare(store, published, entered, points)
    except FileNotFoundError as error:
        raise _refused(store, published, f"a file is missing: {error}") from error
    except FairshardError as error:
        raise _refused(store, published, f"{error.what}: {error.which}") from error
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError) as error:
        said = f"it cannot be read: {type(error).__name__}: {error}"
        raise _refused(store, published, said[:300]) from error


def _refused(store: Store, published: Published, which: str) -> RunError:
    return RunError(
        "The pool of a version is not the one that was signed",
        f"{store.uri}/{published.agency}/pool: {which}",
        "Nothing was recorded. Restore the agency's folder of this version from a copy, then run "
        "again.",
    )


def _compare(
    store: Store, published: Published, entered: Mapping[str, int], points: Mapping[str, int]
) -> None:
    record = read_json(store, f"{published.agency}/{layout.POOL}")
    divided(store, published.agency, record["gross_minor"], entered)
    if store.exists(f"{published.agency}/{layout.SUM_NOTE}"):  # not before there were sums
        sums = read_sums(store, published)
        stated = sums.signed.root.minor, sums.signed.currency
        if stated != (record["gross_minor"], record["currency"]):
            raise ProofError("pool.json states another pool than the signed sum", str(stated))
    key = f"{published.agency}/{layout.POOL_NOTE}"
    if store.exists(key):
        data = store.read_bytes(f"{published.agency}/{layout.POOL}")
        note = store.read_bytes(key).decode("utf-8", "replace")
        check_pool_note(note, published.manifest.vkey, published.manifest.delivery, data)
        return
    if record["rule"]["base"] == "considered":
        raise ProofError(
            "no signed record states what is paid for assets that were not delivered",
            f"there is no {layout.POOL_NOTE}; packaging the same version again in another output, "
            "which has a copy of agency/books and agency/log, makes it",
        )
    lines = read_parquet(store, f"{published.agency}/{layout.POOL_LINES}")
    people, weights = values_of(lines["contributor_id"], str), values_of(lines["weight"], str)
    shared = record["contributors_minor"] + record["rounding_minor"]
    minimum = parse_amount(record["rule"].get("minimum", "0"), record["currency"])
    cap = Fraction(record["rule"].get("cap", "1"))
    expected = bounded(shared, points, minimum, cap).weights
    for who, weight in zip(people, weights, strict=True):
        if int(weight) != expected.get(who, 0):
            raise ProofError(
                "the pool's lines state another weight than the ledger",
                f"{who!r}: {weight}, entries {expected.get(who, 0)}",
            )


def divided(
    store: Store, agency: str, gross_minor: int, entered: Mapping[str, int]
) -> tuple[int, dict[str, int]]:
    """Returns the agency's part and all credits, from the pool's record and lines.

    Versions that an earlier release made have no such record: there, what the ledger does not
    credit is the agency's part.

    Args:
        store: The output.
        agency: The version's folder of the agency.
        gross_minor: The pool, in minor units.
        entered: What the ledger's entries credit each contributor.
    """
    if not store.exists(f"{agency}/{layout.POOL}"):
        return gross_minor - sum(entered.values()), dict(entered)
    record = read_json(store, f"{agency}/{layout.POOL}")
    key = f"{agency}/{layout.POOL_LINES}"
    if hashlib.sha256(store.read_bytes(key)).hexdigest() != record["lines_sha256"]:
        raise ProofError("the pool's lines are not those of pool.json", layout.POOL_LINES)
    lines = read_parquet(store, key)
    people, amounts = values_of(lines["contributor_id"], str), values_of(lines["credit_minor"], int)
    credits = dict(zip(people, amounts, strict=True))
    deducted = sum(item["minor"] for item in record["deductions"])
    agency_minor, rounding_minor = int(record["agency_minor"]), int(record["rounding_minor"])
    parts = deducted + agency_minor + rounding_minor + sum(credits.values())
    stated = (record["gross_minor"], record["contributors_minor"])
    if (parts, *stated) != (gross_minor, gross_minor, sum(credits.values())):
        raise ProofError("pool.json states other amounts than its lines", str(stated))
    considered = record["rule"]["base"] == "considered"  # then credits go beyond the entries
    for person in people if considered else {*people, *entered}:
        credit, entry = credits.get(person, 0), entered.get(person, 0)
        if credit < entry or (credit > entry and not considered):
            raise ProofError(
                "the pool's lines state other amounts than the ledger",
                f"{person!r}: {credit}, entries {entry}",
            )
    return agency_minor, credits
