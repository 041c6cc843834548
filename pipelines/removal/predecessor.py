"""The published version that a patch is made from, read with its digests checked."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.parquet as pq

from pipelines.format.manifest import open_manifest
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class Predecessor:
    """A published version.

    Attributes:
        store: The output.
        deal_id: The deal.
        version: Its name.
        manifest: Its manifest, whose signature was checked.
        manifest_sha256: Digest of the manifest's bytes, hex.
        listed: Its files, by path.
    """

    store: Store
    deal_id: str
    version: str
    manifest: Manifest
    manifest_sha256: str
    listed: Mapping[str, FileRecord]

    @property
    def delivery(self) -> str:
        """Key prefix of what the buyer has."""
        return layout.delivery_prefix(self.deal_id, self.version)

    @property
    def agency(self) -> str:
        """Key prefix of what stayed with the agency."""
        return layout.agency_prefix(self.deal_id, self.version)

    def read(self, path: str) -> bytes:
        """Returns the bytes of a file of the delivery.

        Raises:
            RunError: If it is missing or not the one in the manifest.
        """
        try:
            data = self.store.read_bytes(f"{self.delivery}/{path}")
        except FileNotFoundError as error:
            raise self.damage(path, "missing") from error
        digest = hashlib.sha256(data).hexdigest()
        if digest != self.listed[path].sha256:
            raise self.damage(path, f"sha256 {digest}, the manifest says otherwise")
        return data

    def table(self, path: str) -> pa.Table:
        """Returns a table of the delivery; raises as `read` does."""
        with pq.ParquetFile(pa.BufferReader(self.read(path))) as file:
            return file.read(use_threads=False)

    def damage(self, path: str, what: str) -> RunError:
        """Returns the error that a file is not what was published."""
        return RunError(
            "A file of the version to be patched is damaged",
            f"{self.store.uri}/{self.delivery}/{path}: {what}",
            "Nothing was published. Run fairshard verify --repair on that delivery, then repeat.",
        )


def open_predecessor(store: Store, deal_id: str, version: str) -> Predecessor:
    """Opens a published version.

    Raises:
        InputError: If it is not published.
        ManifestError: If its manifest was altered.
    """
    key = layout.manifest_key(deal_id, version)
    try:
        data = store.read_bytes(key)
    except FileNotFoundError as error:
        raise InputError(
            "The output contains no such published version",
            f"{store.uri}/{key}",
            "Give a deal and a version that the output has.",
        ) from error
    manifest = open_manifest(data)
    delivery = layout.delivery_id(deal_id, version)
    if manifest.delivery != delivery:
        raise RunError(
            "The manifest is of another delivery",
            f"{store.uri}/{key}: {manifest.delivery}",
            "Restore the manifest of this version from a copy.",
        )
    listed = {file.path: file for file in manifest.files}
    digest = hashlib.sha256(data).hexdigest()
    return Predecessor(store, deal_id, version, manifest, digest, listed)
