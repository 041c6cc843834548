"""Reads and checks the rows of delivered assets, from which a delivery's lines are made."""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.storage.columns import Column, list_items, rows_of, values_of
from schemas.errors import InputError
from schemas.ledger import FULL_SPLIT_BP
from schemas.sample import DeliveredAssetRow

Integers = npt.NDArray[np.int64]
Integers32 = npt.NDArray[np.int32]

_ID_BYTES = 16
_SHA256 = r"\A[0-9a-f]{64}\z"


def column(table: pa.Table, name: str) -> Column:
    """Returns a column as one array."""
    return table.column(name).combine_chunks()


def id_digests(table: pa.Table) -> npt.NDArray[np.bytes_]:
    """Returns 128-bit digests of the assets' ids, long enough to rule out collisions."""
    ids = values_of(column(table, "asset_id"), str)
    data = b"".join(hashlib.sha256(one.encode()).digest()[:_ID_BYTES] for one in ids)
    return np.frombuffer(data, f"S{_ID_BYTES}")


def check_digests(table: pa.Table, name: str) -> None:
    """Refuses a table in which a column is not a digest.

    Raises:
        InputError: If a value is not 64 lower-case hex digits; names its asset.
    """
    is_digest = pc.match_substring_regex(column(table, name), _SHA256).to_numpy(
        zero_copy_only=False
    )
    if not is_digest.all():
        row = table.slice(int(np.argmin(is_digest)), 1).to_pylist()[0]
        raise InputError(
            f"{name} is not a digest",
            f"asset {row['asset_id']!r}: {row[name]!r}",
            "It must be 64 lower-case hex digits.",
        )


def check_distinct(
    same: npt.NDArray[np.bool_],
    what: str,
    keys: pa.ChunkedArray[pa.StringScalar],
    order: Integers | None = None,
) -> None:
    """Refuses two assets with the same `what`; the error names their keys."""
    if not same.any():
        return
    at = int(np.argmax(same))
    pair = [at, at + 1] if order is None else sorted(int(one) for one in order[at : at + 2])
    described = " and ".join(repr(keys[one].as_py()) for one in pair)
    raise InputError(
        f"two delivered assets have the same {what}", f"keys {described}", "Merge the rows."
    )


def read_lines(table: pa.Table, codes: dict[str, int]) -> tuple[Integers, Integers32, Integers32]:
    """Returns row, contributor and share of every line; repeated contributors add up.

    Args:
        table: A table with an asset's id, contributors and shares in each row.
        codes: Contributors' codes by id; new ones are added.

    Raises:
        InputError: If a split does not sum to 10,000, or a contributor's id is empty.
    """
    contributor_lists, share_lists = (
        column(table, "contributor_ids"),
        column(table, "shares_bp"),
    )
    sizes = pc.list_value_length(contributor_lists).to_numpy()
    rows = np.repeat(np.arange(len(table)), sizes)
    people = list_items(contributor_lists).dictionary_encode()
    found = [codes.setdefault(person, len(codes)) for person in values_of(people.dictionary, str)]
    contributor = np.array(found, np.int32)[people.indices.to_numpy()]
    shares = list_items(share_lists).to_numpy().astype(np.int64)
    valid = sizes == pc.list_value_length(share_lists).to_numpy()
    if valid.all():
        order = np.lexsort((contributor, rows))
        rows, contributor, shares = rows[order], contributor[order], shares[order]
        starts = np.flatnonzero(
            (np.diff(rows, prepend=-1) != 0) | (np.diff(contributor, prepend=-1) != 0)
        )
        rows, contributor = rows[starts], contributor[starts]
        shares = np.add.reduceat(shares, starts) if len(starts) else shares
        total = np.zeros(len(table), np.int64)
        np.add.at(total, rows, shares)
        valid = total == FULL_SPLIT_BP
        valid[rows[(shares < 0) | (contributor == codes.get("", -1))]] = False
    if not valid.all():
        _refuse_split(table, int(np.argmin(valid)))
    return rows, contributor, shares.astype(np.int32)


def _refuse_split(table: pa.Table, at: int) -> None:
    [row] = rows_of(table.slice(at, 1), DeliveredAssetRow)
    people = row["contributor_ids"]
    described = list(zip(people, row["shares_bp"], strict=False))
    if not all(people):
        raise InputError(
            "an asset does not name a contributor",
            f"asset {row['asset_id']!r}: {people}",
            "Give every contributor of an asset an id and a share.",
        )
    raise InputError(
        "a split does not sum to 10000 basis points",
        f"asset {row['asset_id']!r}: {described}",
        "Correct the shares in the catalogue.",
    )
