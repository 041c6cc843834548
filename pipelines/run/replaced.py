"""Reads the ledger of a version that is to be replaced, and refuses it if anything in it changed.

What a new version owes is the difference to what this ledger credits, so a wrong amount in it would
be paid. The checks, numbered in the code: 1. the signed manifest is the version's; 2. the ledger
has the right columns, order, delivery and currency; 3. every row is what its leaf commits to;
4. the leaves are those of the signed log; 5. what lies beside the ledger (pool and differences)
agrees with it.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.accounts.ledgers import checked_rows
from pipelines.accounts.pool_check import divided
from pipelines.format.manifest import open_manifest, original_delivery
from pipelines.ledger.differences import fault_of_differences
from pipelines.ledger.merkle import ProofError
from pipelines.run.job import Job
from pipelines.run.recorded_terms import recorded_terms
from pipelines.storage.columns import values_of
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json, read_parquet
from schemas import layout
from schemas.errors import FairshardError, RunError
from schemas.manifest import Manifest

Hashes = npt.NDArray[np.uint64]


@dataclass(frozen=True)
class Replaced:
    """The money and the assets of a version that is to be replaced.

    Attributes:
        version: Its name, such as `v0001`.
        delivery: Its id, with the deal.
        manifest_sha256: Digest of its signed manifest, hex.
        as_of: The time at which its rights were evaluated.
        terms_sha256: Digest of the deal's terms that it was made under.
        catalogue_sha256: Digest of the catalogue that it was made from, or "" if not recorded.
        gross_minor: Its pool, in minor units; `agency_minor` is the agency's part, `other_minor`
            deductions and rounding.
        credits: What it credits each contributor, in minor units.
        assets: Hashes of the ids of its assets, sorted.
        media: For each of these, the beginning of its file's digest, as a number.
    """

    version: str
    delivery: str
    manifest_sha256: str
    as_of: str
    terms_sha256: str
    catalogue_sha256: str
    gross_minor: int
    agency_minor: int
    other_minor: int
    credits: dict[str, int]
    assets: Hashes
    media: Hashes


def read_replaced(store: Store, job: Job, vkey: str) -> Replaced | None:
    """Reads the version that a run replaces; None if it replaces none.

    Args:
        store: The output.
        job: The run.
        vkey: The run's verifier key. Only if it signed the replaced version too can the rows be
            opened; otherwise step 3 shows only that the rows' commitments are those of the log.

    Raises:
        RunError: If the version's manifest or ledger is missing or damaged.
    """
    if not job.replaces:
        return None
    agency = layout.agency_prefix(job.deal.deal_id, job.replaces)
    try:
        return _read(store, job, agency, vkey)
    except FileNotFoundError as error:
        raise _refusal(job, agency, f"a file is missing: {error}") from error
    except FairshardError as error:
        raise _refusal(job, agency, f"{error.what}: {error.which}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refusal(job, agency, f"{type(error).__name__}: {error}") from error


def _refusal(job: Job, agency: str, which: str) -> RunError:
    return RunError(
        f"What {job.replaces} credited cannot be read, so what {job.version} owes is not known",
        f"{job.output_uri}/{agency}/ledger: {which}",
        f"Nothing was changed. Restore the files of {job.replaces} from a copy, or make them "
        "again: its own inputs, --as-of and key give the same bytes in an empty output that has "
        "a copy of agency/books and agency/log. If the buyer pays again, ask for a pool of "
        "its own with --new-pool NAME.",
    )


def _packaging_key(store: Store, manifest: Manifest) -> str:
    """Returns the key that a version's entries were made with: of a patch, the original's."""
    deal_id, _, version = original_delivery(manifest).partition("/")
    key = layout.manifest_key(deal_id, version)
    return open_manifest(store.read_bytes(key)).vkey


def _read(store: Store, job: Job, agency: str, vkey: str) -> Replaced:
    delivery = layout.delivery_id(job.deal.deal_id, job.replaces)
    data = store.read_bytes(layout.manifest_key(job.deal.deal_id, job.replaces))
    manifest = open_manifest(data)  # 1
    if manifest.delivery != delivery:
        raise ProofError("the manifest is of another delivery", manifest.delivery)
    salt = job.salt if _packaging_key(store, manifest) == vkey else None
    credits: dict[str, int] = {}
    hashes, media = [], []
    with (
        store.open_read(f"{agency}/{layout.LEDGER_TABLE}") as source,
        pq.ParquetFile(source) as file,
    ):
        for rows in checked_rows(file, manifest, salt, job.deal.price.currency):  # 2 to 4
            people, amounts = rows["contributor_id"], rows["amount_minor"]
            for person, minor in zip(values_of(people, str), values_of(amounts, int), strict=True):
                credits[person] = credits.get(person, 0) + minor
            batch = asset_hashes(rows)
            hashes.append(batch[0])
            media.append(batch[1])
    assets, firsts = np.unique(np.concatenate(hashes), return_index=True)
    gross_minor = job.deal.price.pool_minor
    if sum(credits.values()) > gross_minor or min(credits.values()) < 0:
        raise ProofError("the ledger credits more than the pool", f"{gross_minor} minor units")
    agency_minor, credits = divided(store, agency, gross_minor, credits)
    _check_differences(store, agency, credits)
    return Replaced(
        job.replaces,
        delivery,
        hashlib.sha256(data).hexdigest(),
        manifest.as_of,
        recorded_terms(store, agency, manifest),
        read_json(store, f"{agency}/{layout.RUN_RECORD}").get("catalogue", ""),
        gross_minor,
        agency_minor,
        gross_minor - agency_minor - sum(credits.values()),
        credits,
        assets,
        np.concatenate(media)[firsts],
    )


def asset_hashes(rows: pa.Table) -> tuple[Hashes, Hashes]:
    """Returns hashes of the assets' ids and the beginnings of their files' digests, row by row."""
    ids, digests = values_of(rows["asset_id"], str), values_of(rows["media_sha256"], str)
    return (
        np.fromiter(map(layout.asset_hash, ids), np.uint64, len(ids)),
        np.fromiter((int(text[:16], 16) for text in digests), np.uint64, len(digests)),
    )


def _check_differences(store: Store, agency: str, credits: dict[str, int]) -> None:
    """Checks the differences of a version that itself replaces another."""
    if store.exists(f"{agency}/{layout.REPLACES}"):
        key = f"{agency}/{layout.DIFFERENCES}"
        fault = fault_of_differences(read_parquet(store, key), credits)
        digest = hashlib.sha256(store.read_bytes(key)).hexdigest()
        if (
            not fault
            and digest != read_json(store, f"{agency}/{layout.REPLACES}")["differences_sha256"]
        ):
            fault = "replaces.json has another digest of it"
        if fault:
            raise ProofError("the table of differences was changed", fault)
