"""Pulls a delivery, or what changed of it, into a folder.

The steps, numbered in the code: 1. lock the copy; 2. read the manifest and check who signed it and
that it is not older than what was seen; 3. find what is there already, by digest; 4. download the
rest beside the delivery, and check each file; 5. put everything in place, the manifest last; 6. if
only some samples are wanted, take them out of their tars.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pipelines.format.manifest import ManifestError, open_manifest
from pipelines.pull.download import DEFAULT_SETTINGS, DownloadSettings, Totals, download
from pipelines.pull.head import Head, find_head
from pipelines.pull.origin import Origin
from pipelines.pull.part_file import file_digest
from pipelines.pull.part_queue import Wanted
from pipelines.pull.place import Known, copies_there, copy_durably, refuse_strangers, survey, switch
from pipelines.pull.selection import EVERYTHING, Selection, listed_files
from pipelines.pull.side_records import pull_side_records
from pipelines.pull.state import PullState, drop_samples, locked, read_state, write_state
from pipelines.storage.local_file import (
    TEMPORARY_PREFIX,
    make_folder,
    sync_folder,
    translate_write_errors,
)
from schemas import layout
from schemas.errors import InputError, RunError
from schemas.manifest import FileRecord

_PARTS = "parts"


@dataclass(frozen=True)
class PullRequest:
    """What is asked of a pull.

    Attributes:
        folder: The copy's folder; the delivery is put in `delivery/` below it.
        pinned: The keys that the reader trusts, if any were given.
        allow_unpinned: Whether a first pull may trust the key that came with the delivery.
        selection: What of the delivery is wanted.
        quick: Whether files that were not touched since they were checked are not read again.
        settings: How files are downloaded.
    """

    folder: Path
    pinned: tuple[str, ...] | None = None
    allow_unpinned: bool = False
    selection: Selection = EVERYTHING
    quick: bool = False
    settings: DownloadSettings = DEFAULT_SETTINGS


@dataclass
class Pulled:
    """What a pull did.

    Attributes:
        head: What was pulled.
        files: Number of files that the copy has now.
        size: Their length in bytes.
        placed: Paths of the files that are new or changed.
        removed: Paths of the files that were removed.
        totals: What came.
        notices: Ids of notices of removal that are new to the copy.
    """

    head: Head
    files: int
    size: int
    placed: list[str]
    removed: list[str]
    totals: Totals
    notices: list[str]


def pull(
    origin: Origin, request: PullRequest, now: datetime, report: Callable[[int, int], None]
) -> Pulled:
    """Pulls a delivery.

    Args:
        origin: Where from: a delivery, or the folder of a deal.
        request: What is asked.
        now: The time, for what expires.
        report: Called with bytes that are done, and bytes that are to be done besides.

    Raises:
        InputError: If there is no delivery, access is denied, the key is not trusted, or another
            process pulls into the folder.
        RunError: If the delivery is damaged, older than what was seen, or cannot be fetched.
    """
    with locked(request.folder) as inner:  # 1
        state = read_state(inner)
        head = find_head(origin, state, request.pinned, now, request.settings.wait_unit_s)  # 2
        _require_trust(head, state, request)
        _remember(head, state, inner)
        listed = listed_files(head.manifest)
        wanted = request.selection.files(head.manifest)
        delivery = request.folder / layout.DELIVERY
        if not state.files:
            state.files = _own_files(delivery, head)
        right = survey(delivery, listed, state, request.quick)  # 3
        refuse_strangers(delivery, wanted, right, state)
        missing = {path: record for path, record in wanted.items() if path not in right}
        report(0, sum({one.sha256: one.bytes for one in missing.values()}.values()))
        parts = _parts_folder(inner, missing)
        rest = _stage_copies(parts, copies_there(delivery, wanted, right, state), missing, report)
        _require_space(parts, rest)
        files = _wanted(head, rest)
        if files:
            origin.prepare([one.path for one in files])
        totals = download(  # 4
            origin, parts, files, request.settings, lambda count: report(count, 0)
        )
        sync_folder(parts)
        placed, removed = switch(delivery, parts, wanted, right, state, head.data)  # 5
        shutil.rmtree(parts)
        choice = request.selection.samples  # 6
        if choice is None:
            drop_samples(request.folder, state)
        else:
            # It reads tables, and importing Arrow takes longer than most pulls need otherwise.
            from pipelines.pull.samples import pull_samples

            names = request.selection.shard_names(head.manifest)
            totals.received_bytes += pull_samples(
                origin, head, request.folder, state, choice, names, request.settings, report
            )
        write_state(inner, state)
        notices = pull_side_records(origin, head, request.folder, request.settings)
    sizes = [size for _, size, _, _ in state.files.values()]
    return Pulled(head, len(sizes), sum(sizes), placed, removed, totals, notices)


def _require_trust(head: Head, state: PullState, request: PullRequest) -> None:
    """Refuses a key that nobody vouched for; one that was accepted before is kept to."""
    if head.signer.accepted or request.allow_unpinned or state.vkey:
        return
    raise InputError(
        "It is not known whether this delivery is from the agency",
        f"signed by {head.signer.name}, fingerprint {head.signer.fingerprint}",
        "Give the agency's key with --vkey, from the agency itself; or accept this key once with "
        "--allow-unpinned.",
    )


def _remember(head: Head, state: PullState, inner: Path) -> None:
    """Records what was seen, before anything is done, so that no later pull goes back."""
    state.deal_id, state.vkey = head.manifest.deal.deal_id, head.manifest.vkey
    state.version = head.version
    state.manifest_sha256 = hashlib.sha256(head.data).hexdigest()
    if head.latest is not None:
        state.sequence = head.latest.sequence
    write_state(inner, state)


def _own_files(delivery: Path, head: Head) -> Known:
    """Returns the files of a delivery that was copied there by other means, to be taken over."""
    with contextlib.suppress(OSError, ManifestError):
        there = open_manifest((delivery / layout.MANIFEST).read_bytes(), (head.manifest.vkey,))
        if there.deal.deal_id == head.manifest.deal.deal_id:
            return dict.fromkeys(listed_files(there), ("", 0, 0, 0))
    return {}


def _parts_folder(inner: Path, missing: Mapping[str, FileRecord]) -> Path:
    """Returns the folder for what is not yet in place; leftovers that nobody wants are removed."""
    parts = inner / _PARTS
    with translate_write_errors(parts):
        make_folder(parts)
        for left in inner.glob(f"{TEMPORARY_PREFIX}*"):
            left.unlink()
        digests = {record.sha256 for record in missing.values()}
        for left in parts.iterdir():
            if left.name.partition(".")[0] not in digests:
                left.unlink()
    return parts


def _stage_copies(
    parts: Path,
    copies: Mapping[str, Path],
    missing: Mapping[str, FileRecord],
    report: Callable[[int, int], None],
) -> dict[str, FileRecord]:
    """Takes what is there already, complete or under another path; returns the rest by digest."""
    rest = {record.sha256: record for record in missing.values()}
    for digest, record in list(rest.items()):
        staged = parts / digest
        if not staged.exists() and (source := copies.get(digest)) is not None:
            with contextlib.suppress(FileNotFoundError):
                copy_durably(source, staged)
        if staged.exists():
            if file_digest(staged) == digest:
                report(record.bytes, 0)
                del rest[digest]
            else:  # changed on the disk since, or never right
                staged.unlink()
    return rest


def _require_space(parts: Path, rest: Mapping[str, FileRecord]) -> None:
    """Refuses to begin what the disk cannot hold."""
    needed = sum(record.bytes for record in rest.values())
    begun = sum(path.stat().st_blocks * 512 for path in parts.glob("*.data"))
    free = shutil.disk_usage(parts).free
    if needed - begun > free:
        raise RunError(
            "There is not enough space",
            f"{parts}: {needed - begun:,} bytes are needed, {free:,} are free",
            "Free some, pull fewer shards, or pull into another folder.",
        )


def _wanted(head: Head, rest: Mapping[str, FileRecord]) -> list[Wanted]:
    """Returns what is to be downloaded, large files first, so that no connection is left idle."""
    files = [Wanted(f"{head.prefix}{one.path}", one.bytes, one.sha256) for one in rest.values()]
    return sorted(files, key=lambda one: (-one.size, one.path))
