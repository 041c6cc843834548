"""Detects replays: a manifest of another version that is signed by the same key.

A signature shows who made a manifest, not that it belongs here. The folder's name, if it follows
the layout, and the ledger show which version the files belong to.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from pipelines.format.manifest import original_delivery
from pipelines.ledger.merkle import ProofError
from pipelines.ledger.signed_note import NoteError, open_checkpoint
from pipelines.ledger.tiles import ENTRIES_PREFIX, read_entry_bundle
from pipelines.storage.store import ObjectInfo, Store
from pipelines.verify.report import Report
from schemas import layout
from schemas.errors import FairshardError
from schemas.manifest import Manifest

_FOLDER = re.compile(r"(?:.*/)?([a-z0-9-]+)/(v\d{4,})/delivery")


def version_folder(uri: str) -> str:
    """Returns `<deal_id>/<version>` if an address ends in that and `delivery`; else ""."""
    parts = urlsplit(uri)
    if parts.scheme == "file":
        location = unquote(parts.path)
    elif parts.scheme:
        location = f"{parts.netloc}{parts.path}"
    else:
        location = Path(uri).absolute().as_posix()
    match = _FOLDER.fullmatch(location.rstrip("/"))
    return f"{match[1]}/{match[2]}" if match else ""


def check_not_replayed(
    store: Store, uri: str, manifest: Manifest, found: Mapping[str, ObjectInfo], report: Report
) -> None:
    """Reports a manifest that does not belong to its folder or to the files beside it.

    Args:
        store: The delivery.
        uri: Its address, as given.
        manifest: Its manifest, whose signature is valid.
        found: The objects that exist.
        report: The report that problems are added to.
    """
    folder = version_folder(uri)
    # A buyer may store a delivery under a name other than the deal's; the version still counts.
    same_deal = folder.partition("/")[0] == manifest.delivery.partition("/")[0]
    if same_deal and folder != manifest.delivery:
        report.add_replay(
            f"replayed: it is signed for {manifest.delivery}, but this is the folder of {folder}"
        )
    logged, location = _logged_delivery(store, manifest, found)
    if logged and logged != manifest.delivery:
        report.add_replay(
            f"replayed: it is signed for {manifest.delivery}, but {location} is of {logged}"
        )
    if layout.delivery_of_origin(manifest.ledger.origin) != manifest.delivery:
        report.add_replay(f"its log is another delivery's: {manifest.ledger.origin}")


def _logged_delivery(
    store: Store, manifest: Manifest, found: Mapping[str, ObjectInfo]
) -> tuple[str, str]:
    """Returns the delivery that the published log names, and the file that names it."""
    if layout.CHECKPOINT in found:
        text = store.read_bytes(layout.CHECKPOINT).decode("utf-8", "replace")
        try:
            origin = open_checkpoint(text, manifest.vkey)[0]
        except (NoteError, FairshardError):
            origin = ""  # damaged or signed by another key; reported with the ledger
        if "/" in origin:
            return layout.delivery_of_origin(origin), layout.CHECKPOINT
    for path in sorted(found):
        if path.startswith(ENTRIES_PREFIX):
            try:
                leaf = json.loads(read_entry_bundle(store.read_bytes(path))[0])
                logged = str(leaf["delivery"])  # of a patch: the delivery that was packaged
                same = logged == original_delivery(manifest)
                return manifest.delivery if same else logged, path
            except (ProofError, ValueError, KeyError, TypeError):
                continue  # damaged; reported with the ledger
    return "", ""
