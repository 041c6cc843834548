"""What the buyer of a deal may read now: the files of its latest version, and records for it."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping
from dataclasses import dataclass, field

from pipelines.format.manifest import open_manifest
from pipelines.serve.grants import announced
from pipelines.storage.store import Store
from schemas import layout
from schemas.latest import Latest
from schemas.manifest import FileRecord, Manifest


@dataclass(frozen=True)
class Readable:
    """A deal's latest version.

    Attributes:
        manifest: Its manifest.
        files: Paths below the deal; records that the manifest does not list have None.
    """

    manifest: Manifest
    files: Mapping[str, FileRecord | None]


@dataclass(frozen=True)
class Published:
    """Reads deals of an output; a manifest whose bytes are the same is parsed once. Thread-safe.

    Attributes:
        store: The output.
    """

    store: Store
    _known: dict[str, tuple[bytes, Manifest]] = field(default_factory=dict, init=False, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False)

    def readable(self, deal_id: str) -> Readable:
        """Returns what the buyer of a deal may read, as it is stored at this moment.

        Raises:
            InputError: If the deal has no version, or nobody was told about it.
            RunError: If its records are damaged.
        """
        latest = announced(self.store, deal_id)
        prefix = layout.delivery_prefix(deal_id, latest.version)
        data = self.store.read_bytes(f"{prefix}/{layout.MANIFEST}")
        digest = hashlib.sha256(data).digest()
        with self._lock:
            known, manifest = self._known.get(deal_id, (b"", None))
        if manifest is None or known != digest:
            manifest = open_manifest(data)
            with self._lock:
                self._known[deal_id] = digest, manifest
        return Readable(manifest, _files(latest, manifest))


def _files(latest: Latest, manifest: Manifest) -> dict[str, FileRecord | None]:
    prefix = f"{latest.version}/{layout.DELIVERY}/"
    listed: dict[str, FileRecord | None] = {
        f"{prefix}{record.path}": record for record in manifest.files
    }
    notices = [f"notices/{one.notice}.json" for one in latest.notices]
    if notices:
        notices.append(layout.removal_list_path("").lstrip("/"))
    changes = f"{latest.version}/{layout.CHANGES}"
    records = [layout.LATEST, f"{prefix}{layout.MANIFEST}", changes, *notices]
    return {**listed, **dict.fromkeys(records)}
