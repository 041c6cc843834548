"""The sets of assets and contributors that a delivery, and all deliveries so far, have.

The agency's log names each set by its root, so that it can prove who is in it and who is not. What
`deliveries` numbers 2 and 3 happens here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.accounts.books import Books
from pipelines.ledger.commitments import Domain, commit, domain_salts, encode
from pipelines.ledger.merkle import HASH_BYTES
from pipelines.ledger.record import AllSets
from pipelines.ledger.set_tree import Rows, merge_rows, sort_rows, sorted_rows
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas.errors import RunError


def set_salt(salt: bytes, domain: Domain, identifier: str) -> bytes:
    """Returns the salt of an asset or contributor in the sets of the log."""
    return domain_salts(salt, domain).salt_for(encode(identifier))


def set_commitment(salt: bytes, domain: Domain, identifier: str) -> bytes:
    """Returns the commitment of an asset or contributor in the sets of the log, 32 bytes."""
    return bytes.fromhex(commit(domain, set_salt(salt, domain, identifier), encode(identifier)))


def write_sets(
    books: Books, assets: Rows, contributors: Rows, sets: AllSets
) -> tuple[dict[str, object], AllSets]:
    """Stores a delivery's sets; returns the fields that name them, and the sets of all so far."""
    roots = books.write_set(assets), books.write_set(contributors)  # 2
    named: dict[str, object] = {
        "assets": len(assets),
        "assets_root": roots[0],
        "contributors": len(contributors),
        "contributors_root": roots[1],
    }
    following = AllSets(  # 3
        *_write_union(books, sets.assets_root, sets.assets, assets, roots[0]),
        *_write_union(books, sets.contributors_root, sets.contributors, contributors, roots[1]),
    )
    return named, following


def read_sets(store: Store, ledger: str, salt: bytes) -> tuple[Rows, Rows]:
    """Returns the sorted commitments of all assets and of all contributors of a ledger.

    Args:
        store: The output.
        ledger: Key of the ledger's table.
        salt: The agency's salt.

    Raises:
        RunError: If there is no ledger.
    """
    found, people = bytearray(), dict[str, bytes]()
    commit_asset = _committer(salt, Domain.LOG_ASSET)
    commit_person = _committer(salt, Domain.LOG_CONTRIBUTOR)
    before = ""
    for group in _ledger_groups(store, ledger):
        for person in set(values_of(group["contributor_id"].unique(), str)) - people.keys():
            people[person] = commit_person(person)
        for asset in values_of(group["asset_id"], str):
            if asset != before:  # entries of an asset lie together
                found += commit_asset(asset)
                before = asset
    rows = np.frombuffer(found, np.uint8).reshape(-1, HASH_BYTES)
    return sort_rows(rows), sorted_rows(people.values())


def _committer(salt: bytes, domain: Domain) -> Callable[[str], bytes]:
    salts, prefix, sha = domain_salts(salt, domain), domain.encode() + b"\x00", hashlib.sha256

    def commitment(identifier: str) -> bytes:
        value = encode(identifier)
        return sha(prefix + salts.salt_for(value) + b"\x00" + value).digest()

    return commitment


def _ledger_groups(store: Store, key: str) -> Iterator[pa.Table]:
    try:
        source = store.open_read(key)
    except FileNotFoundError as error:
        raise RunError(
            "The ledger of a published version is missing",
            f"{store.uri}/{key}",
            "Restore the agency's folder from a copy, then run again.",
        ) from error
    with source, pq.ParquetFile(source) as file:
        for group in range(file.num_row_groups):
            columns = ["asset_id", "contributor_id"]
            yield file.read_row_group(group, columns=columns, use_threads=False)


def _write_union(
    books: Books, root: str, size: int, added: Rows, added_root: str
) -> tuple[int, str]:
    """Stores the union of a stored set and a set that is added; returns its size and root."""
    if size == 0:
        return len(added), added_root
    rows = merge_rows(books.read_set(root, size), added)
    return len(rows), books.write_set(rows)
