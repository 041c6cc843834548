"""Reads the ledger of a published version; every row must be the one that the signed log has.

The table lies beside the delivery as a plain file. Whatever decides about money or a removal reads
it here, so that an altered row is refused and never paid. The checks, numbered in the code: 1. the
manifest is the version's, and signed; 2. the table has the ledger's columns, order, delivery and
currency; 3. every row is what its leaf commits to; 4. the leaves are those of the signed log.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.accounts.kept_salts import Opener, salt_with
from pipelines.format.manifest import open_manifest, original_delivery
from pipelines.ledger.entries import asset_commitment
from pipelines.ledger.merkle import ProofError, RootBuilder
from pipelines.ledger.reopening import reopen_rows
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import FairshardError, InputError, RunError
from schemas.ledger import LEDGER_SCHEMA
from schemas.manifest import Manifest

_BATCH_ROWS = 32_768
_HASHED_BYTES = 1 << 22
# Tables that this process has checked: digest of the file, and the root of the signed log. A
# command reads the same ledger several times, and checking takes far longer than hashing.
_CHECKED: set[tuple[bytes, str]] = set()


def read_ledger_rows(
    store: Store, deal_id: str, version: str, secrets: Collection[Opener], columns: Sequence[str]
) -> pa.Table:
    """Returns columns of a version's ledger after checking all of it; see `ledger_batches`."""
    schema = pa.schema([LEDGER_SCHEMA.field(name) for name in columns])
    batches = ledger_batches(store, deal_id, version, secrets, columns)
    return pa.concat_tables([schema.empty_table(), *batches])


def ledger_batches(
    store: Store,
    deal_id: str,
    version: str,
    secrets: Collection[Opener],
    columns: Sequence[str] = (),
) -> Iterator[pa.Table]:
    """Yields the rows of a version's ledger in parts, and raises if any of it was changed.

    What is made of the rows may be used only when all of them were read: the signed root is
    compared at the end.

    Args:
        store: The output.
        deal_id: The deal.
        version: Its version.
        secrets: The agency's secrets, today's and earlier ones, and the salts that its books keep,
            by which rows are opened.
        columns: The columns, in this order; none for all of them.

    Raises:
        InputError: If the output has no such version.
        ManifestError: If its manifest was altered.
        RunError: If the ledger is missing, damaged, altered, or was signed with a key that is not
            at hand.
    """
    manifest = _manifest(store, deal_id, version)  # 1
    key = f"{layout.agency_prefix(deal_id, version)}/{layout.LEDGER_TABLE}"
    names = list(columns) or LEDGER_SCHEMA.names
    with _refusals(store, key):
        checked = _digest(store, key), manifest.ledger.root
        with store.open_read(key) as source, pq.ParquetFile(source) as file:
            salt = salt_of(file, deal_id, secrets)
            if checked in _CHECKED:
                yield from _plain(file, names)
                return
            for rows in checked_rows(file, manifest, salt):  # 2 to 4
                yield rows.select(names)
            _CHECKED.add(checked)


def unchecked_batches(
    store: Store, deal_id: str, version: str, columns: Sequence[str]
) -> Iterator[pa.Table]:
    """Yields columns of a version's ledger in parts, as they are.

    Raises:
        RunError: If the ledger is missing or cannot be read.
    """
    with open_ledger(store, deal_id, version) as file:
        yield from _plain(file, columns)


@contextmanager
def open_ledger(store: Store, deal_id: str, version: str) -> Iterator[pq.ParquetFile]:
    """Opens the ledger of a version, which is not checked.

    Raises:
        RunError: If it is missing, or cannot be read while it is open.
    """
    key = f"{layout.agency_prefix(deal_id, version)}/{layout.LEDGER_TABLE}"
    with _refusals(store, key), store.open_read(key) as source, pq.ParquetFile(source) as file:
        yield file


def _plain(file: pq.ParquetFile, names: Sequence[str]) -> Iterator[pa.Table]:
    for batch in file.iter_batches(_BATCH_ROWS, columns=list(names), use_threads=False):
        yield pa.Table.from_batches([batch]).select(list(names))


def salt_of(file: pq.ParquetFile, deal_id: str, secrets: Collection[Opener]) -> bytes | None:
    """Returns the salt of a deal that opens a ledger's first row; None if it has no rows.

    Raises:
        ProofError: If none of the secrets gives it.
    """
    names = ["asset_id", "asset_commitment"]
    if not set(names) <= set(file.schema_arrow.names):
        raise ProofError("the ledger has other columns", ", ".join(file.schema_arrow.names)[:200])
    first = next(file.iter_batches(1, columns=names, use_threads=False), None)
    if first is None or not len(first):
        return None
    asset, committed = values_of(first["asset_id"], str)[0], first["asset_commitment"][0].as_py()
    for secret in secrets:
        salt = salt_with(secret, deal_id)
        if salt is not None and asset_commitment(salt, asset) == committed:
            return salt
    raise ProofError(
        "its first entry was altered, or was made with a key that is not here",
        f"asset {asset!r}; {len(secrets)} keys",
        "If the log has a new key since, put the old one beside it as <key file>.previous, and a "
        "still earlier one as <key file>.previous-1.",
    )


def checked_rows(
    file: pq.ParquetFile, manifest: Manifest, salt: bytes | None, currency: str = ""
) -> Iterator[pa.Table]:
    """Yields the rows of a ledger in parts, and raises at the latest at the end if one was changed.

    Args:
        file: The ledger.
        manifest: The manifest of its version, whose signature was checked.
        salt: The deal's salt; None if its key is not available: then only commitments are checked.
        currency: The currency that all entries must have; "" for any one currency.

    Raises:
        ProofError: If the ledger is not the one of the signed log.
    """
    if not file.schema_arrow.equals(LEDGER_SCHEMA):  # 2
        raise ProofError("the ledger has other columns", ", ".join(file.schema_arrow.names)[:200])
    builder = RootBuilder()
    for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
        rows = pa.Table.from_batches([batch])
        for at, index in enumerate(values_of(rows["entry_index"], int), builder.size):
            if index != at:
                raise ProofError("an entry of the ledger is missing or moved", f"entry {at}")
        currency = currency or values_of(rows["currency"], str)[0]
        for name, wanted in (("delivery", original_delivery(manifest)), ("currency", currency)):
            for value in set(values_of(rows[name], str)) - {wanted}:
                raise ProofError(f"the ledger has an entry of another {name}", repr(value))
        for hashed in reopen_rows(rows, salt):  # 3
            builder.add(hashed)
        yield rows
    found = (builder.size, builder.root().hex())
    if found != (manifest.ledger.entries, manifest.ledger.root):  # 4
        raise ProofError(
            "the ledger is not the one of the signed log",
            f"{found[0]:,} entries, root {found[1][:12]}…; signed: "
            f"{manifest.ledger.entries:,}, {manifest.ledger.root[:12]}…",
        )


def _manifest(store: Store, deal_id: str, version: str) -> Manifest:
    key = layout.manifest_key(deal_id, version)
    try:
        manifest = open_manifest(store.read_bytes(key))
    except FileNotFoundError as error:
        raise InputError(
            "The output has no such delivery",
            f"{store.uri}/{key}",
            "Give a deal and a version that the output has.",
        ) from error
    if manifest.delivery != layout.delivery_id(deal_id, version):
        raise RunError(
            "The manifest is of another delivery",
            f"{store.uri}/{key}: {manifest.delivery}",
            "Restore the manifest of this version from a copy.",
        )
    return manifest


def _digest(store: Store, key: str) -> bytes:
    found = hashlib.sha256()
    with store.open_read(key) as source:
        while data := source.read(_HASHED_BYTES):
            found.update(data)
    return found.digest()


@contextmanager
def _refusals(store: Store, key: str) -> Iterator[None]:
    """Turns whatever is wrong with the table into one error that says what to do."""
    try:
        yield
    except FileNotFoundError as error:
        raise ledger_refused(store, key, "the file is missing") from error
    except FairshardError as error:
        which = f"{error.what}: {error.which}"
        raise ledger_refused(store, key, which, error.remedy) from error
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError, IndexError) as error:
        said = f"it cannot be read: {type(error).__name__}: {error}"
        raise ledger_refused(store, key, said[:300]) from error


def ledger_refused(store: Store, key: str, which: str, hint: str = "") -> RunError:
    """Returns the error that a version's ledger is not the one of the signed log."""
    return RunError(
        "The ledger of a version is not the one that was signed",
        f"{store.uri}/{key}: {which}",
        f"It was not used. Restore agency/ledger/ of this version from a copy. {hint}",
    )
