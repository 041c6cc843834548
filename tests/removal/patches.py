"""Patched deliveries for tests: copies of a delivery, and readings of them that share no code."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipelines.accounts.published import find_versions
from pipelines.ledger.signed_note import parse_skey
from pipelines.removal.locate import FoundSample, locate
from pipelines.removal.patch import make_patch
from pipelines.storage.columns import values_of
from pipelines.storage.open import open_store
from schemas.manifest import RemovalWay
from tests.end_to_end.command import Demo

AS_OF = datetime(2026, 11, 27, tzinfo=UTC)


@dataclass(frozen=True)
class Output:
    """An output that a test may change, with one deal in it.

    Attributes:
        root: Its folder.
        deal_id: The deal.
        skey: The text of the signing key.
    """

    root: Path
    deal_id: str
    skey: str

    def assets(self, version: str = "v0001") -> list[str]:
        """The assets in a version's ledger, in order of their ids."""
        path = self.root / self.deal_id / version / "agency/ledger/ledger-00000.parquet"
        return sorted(set(values_of(pq.read_table(path)["asset_id"], str)))

    def find(self, assets: Collection[str], version: str = "v0001") -> list[FoundSample]:
        """Where assets are."""
        store = open_store(str(self.root))
        (published,) = find_versions(store, self.deal_id, version)
        return locate(store, published, assets)

    def patch(
        self,
        assets: Collection[str],
        way: RemovalWay = "patch",
        version: str = "v0001",
        notices: Collection[str] = ("n-1",),
    ) -> Version:
        """Removes assets from a version."""
        return self.patch_found(self.find(assets, version), way, version, notices)

    def patch_found(
        self,
        found: Collection[FoundSample],
        way: RemovalWay,
        version: str = "v0001",
        notices: Collection[str] = ("n-1",),
    ) -> Version:
        """Removes samples from a version."""
        store, key = open_store(str(self.root)), parse_skey(self.skey, "here")
        made = self.deal_id, version, found, way, notices, AS_OF, key, [key.secret]
        name = make_patch(store, *made)
        return self.version(name)

    def version(self, name: str) -> Version:
        """A version of the deal."""
        return Version(self.root / self.deal_id / name)


def copy_output(demo: Demo, deal_id: str, root: Path) -> Output:
    """Copies a deal's first version to an output of its own."""
    shutil.copytree(demo.out / deal_id / "v0001", root / deal_id / "v0001")
    return Output(root, deal_id, demo.signing_key.read_text().strip())


@dataclass(frozen=True)
class Version:
    """A published version, as files."""

    root: Path

    @property
    def delivery(self) -> Path:
        """What the buyer gets."""
        return self.root / "delivery"

    @cached_property
    def manifest(self) -> Any:
        """Its manifest."""
        return json.loads((self.delivery / "MANIFEST.json").read_bytes())

    @cached_property
    def digests(self) -> dict[str, str]:
        """The digests of its files, from the manifest."""
        return {file["path"]: file["sha256"] for file in self.manifest["files"]}

    @cached_property
    def samples(self) -> dict[str, list[tuple[str, str]]]:
        """The members of each tar in their order, with their digests, by shard."""
        found = {}
        for path in sorted(self.delivery.glob("shards/*.tar")):
            with tarfile.open(path) as tar:
                found[path.stem] = [
                    (item.name, hashlib.sha256(_data(tar, item)).hexdigest()) for item in tar
                ]
        return found

    @cached_property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows of all shards' tables without the places in the tars, by key."""
        places = {"media_offset", "txt_offset", "json_offset"}
        return {
            row["key"]: {name: value for name, value in row.items() if name not in places}
            for path in sorted(self.delivery.glob("shards/*.parquet"))
            for row in pq.read_table(path).to_pylist()
        }

    @cached_property
    def vectors(self) -> dict[str, tuple[bytes, bytes, str]]:
        """Both embeddings of each sample and its caption beside them, by key."""
        found = {}
        for path in sorted(self.delivery.glob("metadata/*.parquet")):
            number = path.stem.rpartition("_")[2]
            image, text = (
                np.load(self.delivery / kind / f"{kind}_{number}.npy")
                for kind in ("img_emb", "text_emb")
            )
            rows = pq.read_table(path).to_pylist()
            assert len(rows) == len(image) == len(text)
            for row, one, other in zip(rows, image, text, strict=True):
                found[row["key"]] = (one.tobytes(), other.tobytes(), row["caption"])
        return found

    @cached_property
    def shots(self) -> list[dict[str, Any]]:
        """The rows of all tables of shots."""
        paths = sorted(self.delivery.glob("shots/*.parquet"))
        return [row for path in paths for row in pq.read_table(path).to_pylist()]

    @cached_property
    def ledger(self) -> list[dict[str, Any]]:
        """The rows of its ledger."""
        rows: list[dict[str, Any]] = pq.read_table(
            self.root / "agency/ledger/ledger-00000.parquet"
        ).to_pylist()
        return rows

    @cached_property
    def leaves(self) -> list[bytes]:
        """The leaves of its published log."""
        found = []
        bundles = self.delivery / "tile" / "entries"
        paths = (path for path in bundles.rglob("*") if path.is_file())
        for path in sorted(paths, key=lambda path: path.relative_to(bundles).as_posix()):
            source = io.BytesIO(path.read_bytes())
            while size := source.read(2):
                found.append(source.read(int.from_bytes(size, "big")))
        return found


def _data(tar: tarfile.TarFile, item: tarfile.TarInfo) -> bytes:
    source = tar.extractfile(item)
    assert source is not None
    return source.read()
