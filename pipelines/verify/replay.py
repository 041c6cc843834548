"""Whether a manifest belongs where it lies: another version's, signed by the same key, is a replay.

A signature says who made a manifest, not that it is the one to be here. What else says of which
version the files are: the folder's name where it is that of the layout, and the ledger.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

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
    """`<deal_id>/<version>` where an address ends in that and `delivery`; else ""."""
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
    """Notes a manifest that is not of the folder or of the files that it lies with.

    Args:
        store: The delivery.
        uri: Its address, as it was given.
        manifest: Its manifest, whose signature is valid.
        found: What lies there.
        report: Takes what is wrong.
    """
    folder = version_folder(uri)
    # A buyer may keep a delivery under another name than the deal's; its version is still told.
    same_deal = folder.partition("/")[0] == manifest.delivery.partition("/")[0]
    if same_deal and folder != manifest.delivery:
        report.add_replay(
            f"replayed: it is signed for {manifest.delivery}, this is the folder of {folder}"
        )
    logged, location = _logged_delivery(store, manifest, found)
    if logged and logged != manifest.delivery:
        report.add_replay(
            f"replayed: it is signed for {manifest.delivery}, {location} beside it is of {logged}"
        )
    if layout.delivery_of_origin(manifest.ledger.origin) != manifest.delivery:
        report.add_replay(f"its log is another delivery's: {manifest.ledger.origin}")


def _logged_delivery(
    store: Store, manifest: Manifest, found: Mapping[str, ObjectInfo]
) -> tuple[str, str]:
    """Of which delivery the published log says it is, and where it says so."""
    if layout.CHECKPOINT in found:
        text = store.read_bytes(layout.CHECKPOINT).decode("utf-8", "replace")
        try:
            origin = open_checkpoint(text, manifest.vkey)[0]
        except (NoteError, FairshardError):
            origin = ""  # damaged or another key's: named with the ledger
        if "/" in origin:
            return layout.delivery_of_origin(origin), layout.CHECKPOINT
    for path in sorted(found):
        if path.startswith(ENTRIES_PREFIX):
            try:
                leaf = json.loads(read_entry_bundle(store.read_bytes(path))[0])
                return str(leaf["delivery"]), path
            except (ProofError, ValueError, KeyError, TypeError):
                continue  # damaged: named with the ledger
    return "", ""
