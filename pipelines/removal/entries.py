"""The ledger and the log of a patched delivery: the entries before, less those removed.

An entry says what was credited for the delivery that was packaged. A patch makes no credits, so the
entries that are left stay as they are, byte for byte, under a log and a checkpoint of their own.

The steps, numbered in the code: 1. read the ledger, and check that it is the one of the signed log;
2. leave out the entries of removed assets, number the others; 3. write the ledger, the log's
entries and tiles, and its checkpoint; 4. write the sums of what is left.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.kept_salts import Opener
from pipelines.accounts.ledgers import ledger_batches
from pipelines.accounts.published import Published, read_sums
from pipelines.ledger.leaf import join_leaf, leaf_suffix
from pipelines.ledger.merkle import HASH_BYTES, RootBuilder
from pipelines.ledger.pool_sums import SignedSum, sign_sum, sum_tree
from pipelines.ledger.signed_note import Signer, sign_checkpoint
from pipelines.ledger.tiles import entry_bundles, tiles
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor
from pipelines.storage.columns import values_of
from pipelines.storage.tables import open_parquet, write_table
from schemas import layout
from schemas.ledger import LEDGER_SCHEMA, SUMS_SCHEMA
from schemas.manifest import LedgerRecord

_LEAF_COLUMNS = (
    *("amount_commitment", "asset_commitment", "contributor_commitment"),
    *("delivery", "shard", "key", "media_sha256", "decision_sha256", "terms_sha256"),
)


def write_entries(
    output: PatchOutput,
    removed: Collection[str],
    delivery_id: str,
    signer: Signer,
    secrets: Collection[Opener],
) -> LedgerRecord:
    """Writes the ledger, the log and the sums of a patched delivery.

    Args:
        output: The patched delivery.
        removed: Commitments of the assets whose entries are left out, hex.
        delivery_id: Id of the patched delivery.
        signer: Signs the checkpoint and the sums.
        secrets: The agency's secrets, by which the ledger before is checked.

    Returns:
        What the manifest says about the ledger.

    Raises:
        RunError: If the ledger before is missing or not the one that was signed.
    """
    hashes, totals = bytearray(), Counter[str]()
    key = f"{output.agency}/{layout.LEDGER_TABLE}"
    with open_parquet(output.store, key, LEDGER_SCHEMA) as write:  # 3
        leaves = _leaves(output.before, secrets, removed, write, hashes, totals)
        for path, data in entry_bundles(leaves):
            output.write(path, data)
    whole, builder = memoryview(hashes), RootBuilder()
    each = (bytes(whole[at : at + HASH_BYTES]) for at in range(0, len(whole), HASH_BYTES))
    for path, data in tiles(each, builder):
        output.write(path, data)
    origin, root = f"{signer.name}/{delivery_id}", builder.root()
    checkpoint = sign_checkpoint(signer, origin, builder.size, root)
    output.write(layout.CHECKPOINT, checkpoint.encode())
    output.write(layout.LOG_VKEY, f"{signer.vkey}\n".encode())
    _write_sums(output, totals, delivery_id, signer)  # 4
    return LedgerRecord(entries=builder.size, root=root.hex(), origin=origin)


def _leaves(
    before: Predecessor,
    secrets: Collection[Opener],
    removed: Collection[str],
    write: Callable[[pa.Table], None],
    hashes: bytearray,
    totals: Counter[str],
) -> Iterator[bytes]:
    """Yields the leaves that are left; writes their rows, and adds their hashes and amounts."""
    gone, at = pa.array(sorted(removed), pa.string()), 0
    for rows in ledger_batches(before.store, before.deal_id, before.version, secrets):  # 1
        left = rows.filter(pc.invert(pc.is_in(rows["asset_commitment"], gone)))  # 2
        if not len(left):
            continue
        numbers = pa.array(range(at, at + len(left)), pa.int64())
        at += len(left)
        left = left.set_column(0, LEDGER_SCHEMA.field(0), numbers).combine_chunks()
        write(left)
        people, amounts = left["contributor_id"], left["amount_minor"]
        for person, minor in zip(values_of(people, str), values_of(amounts, int), strict=True):
            totals[person] += minor
        hashes += b"".join(map(bytes.fromhex, values_of(left["leaf_hash"], str)))
        columns = [values_of(left[name], str) for name in _LEAF_COLUMNS]
        for amount, asset, person, *fields in zip(*columns, strict=True):
            yield join_leaf(amount, asset, person, leaf_suffix(*fields))


def _write_sums(
    output: PatchOutput, totals: Counter[str], delivery_id: str, signer: Signer
) -> None:
    """Writes the sum tree of what the entries credit, beside the same part of the agency."""
    before = output.before
    if not before.store.exists(f"{before.agency}/{layout.SUM_NOTE}"):
        return  # made before there were sum trees
    published = Published(before.deal_id, before.version, before.manifest, before.manifest_sha256)
    sums = read_sums(before.store, published)
    table = _sums_left(sums.table, totals)
    write_table(output.store, f"{output.agency}/{layout.SUMS_TABLE}", table)
    root = sum_tree(table).root
    note = sign_sum(signer, SignedSum(delivery_id, sums.signed.currency, len(table), root))
    output.store.write_bytes(f"{output.agency}/{layout.SUM_NOTE}", note.encode())


def _sums_left(table: pa.Table, totals: Counter[str]) -> pa.Table:
    """Returns the leaves of those who still have entries; the pieces of others go to the first."""
    rows = table.to_pylist()
    left: list[dict[str, object]] = []
    spare_minor = 0
    for person, piece in zip(rows[::2], rows[1::2], strict=True):
        if person["contributor_id"] in totals:
            left += [{**person, "amount_minor": totals[person["contributor_id"]]}, piece]
        else:
            spare_minor += piece["amount_minor"]
    left[1] = {**left[1], "amount_minor": int(str(left[1]["amount_minor"])) + spare_minor}
    return pa.Table.from_pylist(left, schema=SUMS_SCHEMA)
