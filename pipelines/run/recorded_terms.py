"""Tells which terms a published version was made under, from what only the agency has."""

from __future__ import annotations

from pipelines.ledger.merkle import ProofError
from pipelines.ledger.terms import open_terms
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import RunError
from schemas.manifest import Manifest

_UNSALTED = (2, 3)  # numbers of manifests whose terms_sha256 is the digest itself


def recorded_terms(store: Store, agency: str, manifest: Manifest) -> str:
    """Returns the digest of a version's terms, as `Deal.terms_sha256` computes it.

    Args:
        store: The store of the version.
        agency: Key prefix of its folder for the agency.
        manifest: Its manifest.

    Raises:
        RunError: If the file that opens the manifest's commitment is missing or of other terms.
    """
    if manifest.fairshard_manifest in _UNSALTED:
        return manifest.deal.terms_sha256
    key = f"{agency}/{layout.TERMS}"
    try:
        return open_terms(store.read_bytes(key), manifest.deal.terms_sha256)
    except FileNotFoundError as error:
        raise _refusal(store, key, "the file is missing") from error
    except ProofError as error:
        raise _refusal(store, key, f"{error.what}: {error.which}") from error


def _refusal(store: Store, key: str, why: str) -> RunError:
    return RunError(
        "The terms that a version was made under cannot be read",
        f"{store.uri}/{key}: {why}",
        "Restore the file from a copy.",
    )
