"""The table of files whose metadata a version removed: the digests of both forms of each file.

A delivery's record has the digest of the table, so that nobody can make the agency forget the file
that a removed sample was made from. Versions that deliver files as they are have no such table.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.accounts.published import Published
from pipelines.accounts.reader import ReadableLog
from pipelines.format.manifest import original_delivery
from pipelines.ledger.record import Kind
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet, tables_under
from schemas import layout
from schemas.canonical import canonical_json
from schemas.errors import RunError

#: The private field of a delivery's record with the digest of its table of renditions.
RENDITIONS_SHA256 = "renditions_sha256"
_SCHEMA = pa.schema([("original_sha256", pa.string()), ("delivered_sha256", pa.string())])


def renditions_digest(store: Store, agency: str) -> str:
    """Returns the digest of a version's table of renditions, hex; "" if it has none.

    Args:
        store: The output.
        agency: Key prefix of the version's private part.
    """
    prefix = f"{agency}/{layout.RENDITIONS}"
    parts = {
        item.key.removeprefix(f"{prefix}/"): hashlib.sha256(store.read_bytes(item.key)).hexdigest()
        for item in tables_under(store, prefix)
    }
    return hashlib.sha256(canonical_json(parts)).hexdigest() if parts else ""


def read_renditions(store: Store, published: Published) -> pa.Table:
    """Returns the digests of original and delivered files, hex, of a version's table of renditions.

    The table is not compared with the log: whoever decides by it calls `check_renditions` as well.

    Args:
        store: The output.
        published: The version; a patched one delivers the files of the one that was packaged.

    Raises:
        RunError: If the table cannot be read.
    """
    deal_id, _, version = original_delivery(published.manifest).partition("/")
    prefix = f"{layout.agency_prefix(deal_id, version)}/{layout.RENDITIONS}"
    parts = [_SCHEMA.empty_table()]
    for item in tables_under(store, prefix):
        try:
            parts.append(read_parquet(store, item.key, _SCHEMA.names).cast(_SCHEMA))
        except (pa.ArrowException, OSError, ValueError, KeyError) as error:
            raise _damaged(store, item.key, str(error)[:200]) from error
    return pa.concat_tables(parts)


def with_renditions(files: Collection[str], tables: Iterable[Callable[[], pa.Table]]) -> set[str]:
    """Returns the digests of files, and of all originals and renditions of the same work.

    Args:
        files: Digests, hex.
        tables: Return tables of `read_renditions`, which are read one at a time.
    """
    found, readers = {*files}, [*tables]
    while True:
        before, known = len(found), pa.array(sorted(found), pa.string())
        for read in readers if found else ():
            table = read()
            same = pc.or_(
                pc.is_in(table["original_sha256"], known),
                pc.is_in(table["delivered_sha256"], known),
            )
            rows = table.filter(same)
            for name in _SCHEMA.names:
                found.update(values_of(rows[name], str))
        if len(found) == before:
            return found


def originals_of(files: Collection[str], table: pa.Table) -> dict[str, set[str]]:
    """Returns the originals of delivered files, by the delivered file's digest.

    Args:
        files: Digests of delivered files, hex.
        table: A table of `read_renditions`.
    """
    known = pa.array(sorted({*files}), pa.string())
    rows = table.filter(pc.is_in(table["delivered_sha256"], known))
    found: dict[str, set[str]] = {}
    for original, delivered in zip(
        *(values_of(rows[name], str) for name in _SCHEMA.names), strict=True
    ):
        found.setdefault(delivered, set()).add(original)
    return found


def check_renditions(log: ReadableLog, deliveries: Collection[str]) -> None:
    """Compares tables of renditions with the records of their deliveries.

    Records of earlier releases do not have the digest.

    Args:
        log: The agency's log.
        deliveries: Ids of the deliveries that were packaged.

    Raises:
        RunError: If one is not the recorded one.
    """
    store = log.books.store
    for index in range(log.size):
        record = log.record(index)
        stated, delivery = record.private.get(RENDITIONS_SHA256), record.public.get("delivery")
        if record.kind is not Kind.DELIVERY or not stated or delivery not in deliveries:
            continue
        agency = layout.agency_prefix(*str(delivery).split("/"))
        if renditions_digest(store, agency) != stated:
            key = f"{agency}/{layout.RENDITIONS}"
            raise _damaged(store, key, f"not the table that record {index} has")


def _damaged(store: Store, key: str, which: str) -> RunError:
    return RunError(
        "The table of a version's renditions is damaged",
        f"{store.uri}/{key}: {which}",
        "It was not used. Restore agency/renditions/ of this version from a copy.",
    )
