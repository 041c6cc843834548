"""The sum tree of a delivery's pool: who gets what, as leaves, and its signed root.

Contributors are in the order of salted commitments to their ids. Beside each of them is a piece of
what they do not get (the agency's part and any deductions), cut by numbers that only the agency can
compute. So the nearest sum in a contributor's path is such a piece, and the next one is somebody's
amount and a piece together: at most that, and nobody can tell how much less. Where the agency has
no part the pieces are 0, and a path shows one other amount, though not whose it is.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import pyarrow as pa

from pipelines.ledger.commitments import Domain, commit, domain_salts, encode, text_value
from pipelines.ledger.ed25519 import from_base64, to_base64
from pipelines.ledger.merkle import HASH_BYTES, ProofError
from pipelines.ledger.signed_note import NoteError, Signer, open_note, parse_vkey, sign_note
from pipelines.ledger.sum_tree import MAX_SUM, SumNode, SumTree, leaf_hashes
from pipelines.storage.columns import numbers_in, text_bytes
from schemas.ledger import SUMS_SCHEMA

#: Version of the signed text. Changing its lines requires a new version.
SUM_VERSION = "fairshard/sum/v1"

_NUMBER = re.compile(r"0|[1-9][0-9]{0,18}")
_WEIGHT_BYTES = 6


@dataclass(frozen=True)
class SignedSum:
    """What the agency signs about a delivery's pool.

    Attributes:
        delivery: The delivery's id.
        currency: ISO 4217 code.
        leaves: Number of leaves: two for each contributor.
        root: The pool in minor units, and the root's hash.
    """

    delivery: str
    currency: str
    leaves: int
    root: SumNode


def pool_sums(salt: bytes, delivery: str, totals: Mapping[str, int], rest_minor: int) -> pa.Table:
    """Returns the leaves of a pool's sum tree (SUMS_SCHEMA), in the tree's order.

    Args:
        salt: The deal's salt.
        delivery: The delivery's id.
        totals: Each contributor's total in minor units, zero or more.
        rest_minor: The part of the pool that no contributor gets.
    """
    salts, first = domain_salts(salt, Domain.TOTAL), encode(delivery)
    people = []
    for person, minor in totals.items():
        item = salts.salt_for(first + encode(person))
        people.append((commit(Domain.TOTAL, item, text_value(person)), person, minor, item))
    # No contributor has an empty id, so a piece's salt is nobody else's.
    piece_salts = [salts.salt_for(first + encode("", str(at))) for at in range(len(people))]
    pieces = _cut(rest_minor, piece_salts)
    rows: list[tuple[str | None, int, str, bytes | None]] = []
    for (commitment, person, minor, item), piece, piece_salt in zip(
        sorted(people), pieces, piece_salts, strict=True
    ):
        rows.append((person, minor, commitment, item))
        rows.append((None, piece, commit(Domain.TOTAL, piece_salt, text_value("")), None))
    columns = zip(*rows, strict=True)
    return pa.table(dict(zip(SUMS_SCHEMA.names, map(list, columns), strict=True)), SUMS_SCHEMA)


def sum_tree(sums: pa.Table) -> SumTree:
    """Returns the tree of a table from `pool_sums`.

    Raises:
        InputError: If an amount is negative, or there are no rows.
        ProofError: If the sum of all amounts is too large, or a commitment is malformed.
    """
    # From the buffers: not `to_numpy`, which imports pandas where it is installed (a quarter of a
    # second), nor lists, since a statement of one line would wait for those of everybody.
    column = sums["amount_minor"].combine_chunks()
    amounts = numbers_in(column.buffers()[1], np.int64, len(column), column.offset * 8)
    commitments = text_bytes(sums["commitment"].combine_chunks()).tobytes()
    try:
        data = bytes.fromhex(commitments.decode("ascii"))
    except ValueError:  # not hexadecimal, or not ASCII
        data = b""
    if len(data) != HASH_BYTES * len(sums):
        raise ProofError("a commitment in a sum tree is malformed", f"{len(sums)} leaves")
    rows = np.frombuffer(data, np.uint8).reshape(-1, HASH_BYTES)
    return SumTree(amounts, leaf_hashes(amounts, rows))


def sign_sum(signer: Signer, signed: SignedSum) -> str:
    """Returns a signed note of a pool's root."""
    lines = [
        SUM_VERSION,
        signed.delivery,
        signed.currency,
        str(signed.root.minor),
        str(signed.leaves),
        to_base64(signed.root.hash),
    ]
    return sign_note(signer, "".join(f"{line}\n" for line in lines))


def open_sum(note: str, vkey: str) -> SignedSum:
    """Checks the signature of a pool's root and returns what was signed.

    Args:
        note: The whole note.
        vkey: The verifier key of the agency.

    Raises:
        NoteError: If it is not signed by the key, or is not such a note.
        InputError: If the key is malformed.
    """
    text = open_note(note, parse_vkey(vkey))
    version, delivery, currency, total, leaves, encoded, *rest = [*text.split("\n"), *[""] * 7][:8]
    root = from_base64(encoded)
    if (
        version != SUM_VERSION
        or rest != [""] * len(rest)
        or not (_NUMBER.fullmatch(total) and _NUMBER.fullmatch(leaves))
        or int(total) > MAX_SUM
        or root is None
        or len(root) != HASH_BYTES
    ):
        raise NoteError(
            "the note is not the root of a pool's sums",
            ascii(text[:200]),
            f"It must have six lines, the first of them {SUM_VERSION}.",
        )
    return SignedSum(delivery, currency, int(leaves), SumNode(int(total), root))


def sum_fields(signed: SignedSum) -> dict[str, object]:
    """Returns the field of a delivery's record that commits to its pool's signed sum.

    The root's hash commits to every amount and to their sum, and tells none of them, since each
    leaf has a salt. A digest of the signed text would tell the sum to anyone who tries all amounts:
    everything else in the text is public.

    Args:
        signed: What was signed.
    """
    return {"sum_root": signed.root.hash.hex()}


def _cut(minor: int, salts: list[bytes]) -> list[int]:
    """Returns pieces of an amount, whose sizes follow from the salts."""
    ends = list(accumulate(int.from_bytes(salt[:_WEIGHT_BYTES], "big") + 1 for salt in salts))
    stops = [minor * end // ends[-1] for end in ends]
    return [stop - start for start, stop in zip([0, *stops], stops, strict=False)]
