"""Pulls what a deal's folder says beside the deliveries: `latest.json`, changes and notices."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import datetime
from pathlib import Path

from pipelines.format.notice import open_notice
from pipelines.format.removal_list import RemovalListError, open_removal_list
from pipelines.format.signed_record import open_signed
from pipelines.pull.download import DownloadSettings
from pipelines.pull.head import Head, read_small
from pipelines.pull.origin import Origin
from pipelines.pull.state import INNER, write_durably
from pipelines.storage.store import check_key
from schemas import layout
from schemas.errors import RunError
from schemas.latest import Changes, Latest

NOTICES = "notices"
REMOVAL_LIST = "removals.json"
_MAX_RECORD_BYTES = 256 << 20


def pull_side_records(
    origin: Origin, head: Head, folder: Path, settings: DownloadSettings
) -> list[str]:
    """Pulls notices that the copy has not, what the version changed, and `latest.json` last.

    Args:
        origin: The deal's folder; nothing is done if it is a delivery.
        head: What was pulled.
        folder: The copy's folder.
        settings: How files are downloaded.

    Returns:
        Ids of the notices that are new.

    Raises:
        RunError: If one is missing, altered or signed by another key.
    """
    if head.latest is None:
        return []
    new = _pull_notices(origin, head.latest, folder / NOTICES, settings)
    _pull_removal_list(origin, head, folder, settings)
    path = f"{head.latest.version}/{layout.CHANGES}"
    data = read_small(origin, path, _MAX_RECORD_BYTES, settings.wait_unit_s)
    if data is not None:  # versions of earlier releases have none
        changes = open_signed(data, Changes, "changes", (head.manifest.vkey,))
        digest = hashlib.sha256(head.data).hexdigest()
        if (changes.delivery, changes.manifest_sha256) != (head.manifest.delivery, digest):
            raise RunError(
                f"{layout.CHANGES} is of another version",
                f"{path}: {changes.delivery}",
                "The delivery itself is right. Ask the agency.",
            )
        write_durably(folder / layout.CHANGES, data, folder / INNER)
    write_durably(folder / layout.LATEST, head.latest_data, folder / INNER)
    return new


def _pull_notices(
    origin: Origin, latest: Latest, folder: Path, settings: DownloadSettings
) -> list[str]:
    new = []
    for record in latest.notices:
        path = f"{NOTICES}/{record.notice}.json"
        there = folder / f"{_plain_name(record.notice)}.json"
        if there.is_file() and hashlib.sha256(there.read_bytes()).hexdigest() == record.sha256:
            continue
        data = read_small(origin, path, _MAX_RECORD_BYTES, settings.wait_unit_s)
        if data is None or hashlib.sha256(data).hexdigest() != record.sha256:
            raise RunError(
                f"A notice is not the one that {layout.LATEST} names",
                f"{origin.uri}: {path} {'is missing' if data is None else 'has another sha256'}",
                "The delivery itself is right. Pull again, and ask the agency if this continues.",
            )
        open_notice(data)
        write_durably(there, data, folder.parent / INNER)
        new.append(record.notice)
    return new


def _pull_removal_list(
    origin: Origin, head: Head, folder: Path, settings: DownloadSettings
) -> None:
    """Pulls the list of everything removed, for `pipelines.reader`; a newer copy stays."""
    if head.latest is None or not head.latest.notices:
        return
    data = read_small(origin, f"{NOTICES}/{REMOVAL_LIST}", _MAX_RECORD_BYTES, settings.wait_unit_s)
    if data is None:  # earlier releases wrote none
        return
    found = open_removal_list(data, (head.manifest.vkey,))
    if found.deal_id != head.manifest.deal.deal_id:
        raise RunError(
            "The list of removals is of another deal",
            f"{origin.uri}: {NOTICES}/{REMOVAL_LIST} is of {found.deal_id}",
            "The delivery itself is right, and the list in the copy is as it was. Ask the agency.",
        )
    there = folder / NOTICES / REMOVAL_LIST
    with contextlib.suppress(RemovalListError, FileNotFoundError):  # a damaged one is replaced
        kept = open_removal_list(there.read_bytes(), (head.manifest.vkey,))
        if kept.deal_id == found.deal_id and datetime.fromisoformat(
            kept.issued_at
        ) >= datetime.fromisoformat(found.issued_at):
            return
    write_durably(there, data, folder / INNER)


def _plain_name(notice: str) -> str:
    """Returns a notice's id if it is the name of a file, and no path."""
    try:
        if "/" not in check_key(notice):
            return notice
    except ValueError:
        pass
    raise RunError(
        f"{layout.LATEST} names a notice by a path", ascii(notice[:100]), "Ask the agency."
    )
