"""The sum tree of later revenue: its root is in the agency's log, its paths on statements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa

from pipelines.ledger.ed25519 import to_base64
from pipelines.ledger.pool_sums import pool_sums, sum_tree
from pipelines.ledger.record import Record, digest_of, integer_of
from pipelines.ledger.sum_tree import SumTree
from pipelines.statements.money import CreditProof
from pipelines.storage.columns import values_of
from schemas.canonical import canonical_json
from schemas.errors import RunError

_ROOT, _LEAVES = "sum_root", "sum_leaves"


@dataclass(frozen=True)
class CreditTree:
    """The tree of a recorded pool.

    Attributes:
        tree: The tree.
        table: Its leaves, SUMS_SCHEMA.
        places: Each contributor's position among the leaves.
    """

    tree: SumTree
    table: pa.Table
    places: Mapping[str, int]

    def prove(self, contributor_id: str) -> CreditProof:
        """Returns the path of a contributor's credit."""
        index = self.places[contributor_id]
        salt = self.table["salt"][index].as_py() or b""
        path = [(str(node.minor), to_base64(node.hash)) for node in self.tree.path(index)]
        return CreditProof(salt=salt.hex(), index=index, path=path)


def credit_tree(
    salt: bytes, event: tuple[str, ...], credits: Mapping[str, int], gross_minor: int
) -> CreditTree:
    """Returns the sum tree of a pool.

    Args:
        salt: The agency's salt.
        event: The event of the pool's record.
        credits: Minor units by contributor, zero or more.
        gross_minor: The pool. If rounding gave out more than it, the sum is that of the credits.
    """
    rest = max(0, gross_minor - sum(credits.values()))
    table = pool_sums(salt, canonical_json(list(event)).decode(), credits, rest)
    ids = table["contributor_id"].to_pylist()
    places = {str(person): at for at, person in enumerate(ids) if person is not None}
    return CreditTree(sum_tree(table), table, places)


def credit_sum_fields(
    salt: bytes, event: tuple[str, ...], credits: Mapping[str, int], gross_minor: int
) -> dict[str, object]:
    """Returns what the log publishes of a pool's sum tree: its root's hash and number of leaves."""
    made = credit_tree(salt, event, credits, gross_minor)
    return {_ROOT: made.tree.root.hash.hex(), _LEAVES: len(made.table)}


def recorded_tree(
    salt: bytes, record: Record, lines: pa.Table, gross_minor: int
) -> CreditTree | None:
    """Returns the tree of a record's pool; None if the record has none.

    Raises:
        RunError: If it is not the tree whose root the record has.
    """
    event = record.private.get("event")
    if _ROOT not in record.public or not isinstance(event, list):
        return None
    minor = values_of(lines["credit_minor"], int)
    credits = dict(zip(values_of(lines["contributor_id"], str), minor, strict=True))
    made = credit_tree(salt, tuple(map(str, event)), credits, gross_minor)
    stated = digest_of(record.public, _ROOT), integer_of(record.public, _LEAVES)
    if stated != (made.tree.root.hash, len(made.table)):
        raise RunError(
            "The credits of a record are not those whose sum was logged",
            f"record {record.index}: root {made.tree.root.hash.hex()}, logged {stated[0].hex()}",
            "Restore agency/books from a copy.",
        )
    return made
