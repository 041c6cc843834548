"""Finds and removes what interrupted runs left in an output.

Leftovers are recognised by name and age. Versions are removed while this process holds their lease.

The kinds, numbered in the code: 1. temporary files and unfinished uploads; 2. versions without a
manifest; 3. work areas of runs that no version refers to; 4. lease records of versions that are
published or removed. Nothing else is touched: published versions, features and keys have none of
these names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from pipelines.run.lease import DEFAULT_TIMING, LeaseTiming, hold_version
from pipelines.run.lease_record import (
    LEASE_RECORDS,
    LeaseRecord,
    assess_lease,
    latest_lease_record,
    lease_folder,
)
from pipelines.storage.s3_store import PROBE_KEY
from pipelines.storage.store import ObjectInfo, Store, UnfinishedWrite
from pipelines.storage.tables import DamagedJsonError, read_json
from schemas import layout
from schemas.errors import RunError

_VERSION_KEY = re.compile(rf"([a-z0-9-]+)/(v\d{{4,}})/(?:{layout.DELIVERY}|{layout.AGENCY})/.+")
_LEASE_KEY = re.compile(rf"{LEASE_RECORDS}/([a-z0-9-]+)/(v\d{{4,}})/.+")
_WORK_KEY = re.compile(rf"{layout.AGENCY}/work/([^/]+)/.+")
# The run id under which a version's lease is held while the version is removed.
_CLEANER_RUN_ID = "clean"


class LeftoverKind(StrEnum):
    """The kind of a leftover."""

    TEMPORARY = "temporary file"
    UPLOAD = "unfinished upload"
    VERSION = "unpublished version"
    WORK = "work area"
    LEASE = "claim"


@dataclass(frozen=True)
class Leftover:
    """One thing that an interrupted run left behind.

    Attributes:
        kind: What it is.
        name: Its key, or the prefix of its keys.
        objects: Number of its objects.
        size_bytes: Their total size.
        age_s: Seconds since the newest of them was written, by the store's clock.
        kept_reason: Why it is kept; empty if it is removed, or would be without `dry_run`.
    """

    kind: LeftoverKind
    name: str
    objects: int
    size_bytes: int
    age_s: float
    kept_reason: str = ""


_Removable = tuple[Leftover, Callable[[], None]]


@dataclass(frozen=True)
class _OutputContents:
    """The contents of an output: its objects, grouped by what they belong to."""

    store: Store
    now: float
    versions: dict[tuple[str, str], list[ObjectInfo]]
    published: frozenset[tuple[str, str]]
    lease_records: dict[tuple[str, str], list[ObjectInfo]]
    work: dict[str, list[ObjectInfo]]
    unfinished_writes: list[UnfinishedWrite]
    probes: list[ObjectInfo]
    held: dict[tuple[str, str], str]
    live_runs: frozenset[str]

    def measure(self, kind: LeftoverKind, name: str, objects: Iterable[ObjectInfo]) -> Leftover:
        """Returns a leftover made of these objects, with their number, size and age."""
        found = list(objects)
        newest = max((item.modified_s for item in found), default=self.now)
        size = sum(item.size_bytes for item in found)
        return Leftover(kind, name, len(found), size, max(0.0, self.now - newest))


def clean_output(
    store: Store,
    older_than_s: float,
    *,
    dry_run: bool = False,
    timing: LeaseTiming = DEFAULT_TIMING,
) -> list[Leftover]:
    """Finds what interrupted runs left, and removes what is old enough and not in use.

    Args:
        store: The output.
        older_than_s: Leftovers written to within this many seconds are kept.
        dry_run: Whether to remove nothing.
        timing: Decides when a holder whose process cannot be checked counts as dead.

    Returns:
        Everything that was found, with the reason for each item that was kept.
    """
    output = _survey_output(store, timing)
    found = []
    for leftover, remove in _removables(output, timing):
        result = leftover
        if result.age_s < older_than_s and not result.kept_reason:
            result = replace(result, kept_reason="too recent")
        if not result.kept_reason and not dry_run:
            try:
                remove()
            except RunError as error:  # another run started using it in the meantime
                result = replace(result, kept_reason=str(error))
        found.append(result)
    return found


def discard_unfinished_of(store: Store, deal_id: str, version: str) -> None:
    """Removes what interrupted writes left in a published version, unless a process holds it.

    A temporary file that could not be removed would be an unlisted file of the delivery.
    """
    prefix = layout.version_prefix(deal_id, version)
    if store.unfinished_writes(prefix):
        with suppress(RunError), hold_version(store, deal_id, version, _CLEANER_RUN_ID):
            store.discard_unfinished(prefix)


def runs_in_progress(store: Store, timing: LeaseTiming = DEFAULT_TIMING) -> list[str]:
    """Returns the versions that runs hold, each with its holder, as text."""
    found = (_LEASE_KEY.fullmatch(item.key) for item in store.list(LEASE_RECORDS))
    held = _held_versions(store, {(match[1], match[2]) for match in found if match}, timing)
    return [
        f"{layout.version_prefix(*version)}, {record.describe().partition(': ')[2]}"
        for version, record in sorted(held.items())
    ]


def _held_versions(
    store: Store, versions: Iterable[tuple[str, str]], timing: LeaseTiming
) -> dict[tuple[str, str], LeaseRecord]:
    held = {}
    for version in versions:
        latest = latest_lease_record(store, *version)
        if latest is not None and assess_lease(store, latest, timing.stale_s).held:
            held[version] = latest
    return held


def _survey_output(store: Store, timing: LeaseTiming) -> _OutputContents:
    versions: dict[tuple[str, str], list[ObjectInfo]] = {}
    lease_records: dict[tuple[str, str], list[ObjectInfo]] = {}
    work: dict[str, list[ObjectInfo]] = {}
    published = set()
    objects = store.list()
    for item in objects:
        if match := _LEASE_KEY.fullmatch(item.key):
            lease_records.setdefault((match[1], match[2]), []).append(item)
        elif match := _WORK_KEY.fullmatch(item.key):
            work.setdefault(match[1], []).append(item)
        elif match := _VERSION_KEY.fullmatch(item.key):
            versions.setdefault((match[1], match[2]), []).append(item)
            if item.key == layout.manifest_key(match[1], match[2]):
                published.add((match[1], match[2]))
    records = _held_versions(store, lease_records, timing)
    held = {
        version: f"held by {record.describe().partition(': ')[2]}"
        for version, record in records.items()
    }
    live = {record.run_id for record in records.values()}
    return _OutputContents(
        store,
        store.now_s(),
        versions,
        frozenset(published),
        lease_records,
        work,
        store.unfinished_writes(),
        [item for item in objects if item.key == PROBE_KEY],
        held,
        frozenset(live),
    )


def _removables(output: _OutputContents, timing: LeaseTiming) -> Iterator[_Removable]:
    """Yields everything that might be removed, each with the function that removes it."""
    store = output.store
    yield from _temporary_files(output)  # 1
    runs_with_version = set()
    for version_key in sorted(output.versions.keys() - output.published):  # 2
        objects = list(output.versions[version_key])
        run = _run_id_of(store, version_key)
        if run is None and version_key not in output.lease_records:
            continue  # neither a run record nor a lease record: no run made it
        run = run or ""
        runs_with_version.add(run)
        objects += output.work.get(run, [])
        found = output.measure(LeftoverKind.VERSION, layout.version_prefix(*version_key), objects)
        remove = partial(_remove_version, store, *version_key, run, timing)
        yield replace(found, kept_reason=output.held.get(version_key, "")), remove
    for run, objects in sorted(output.work.items()):  # 3
        if run not in runs_with_version:
            found = output.measure(LeftoverKind.WORK, layout.work_prefix(run), objects)
            kept_reason = "the run is in progress" if run in output.live_runs else ""
            yield replace(found, kept_reason=kept_reason), partial(store.delete_prefix, found.name)
    unpublished = output.versions.keys() - output.published
    for version_key in sorted(output.lease_records.keys() - unpublished):  # 4
        found = output.measure(
            LeftoverKind.LEASE, lease_folder(*version_key), output.lease_records[version_key]
        )
        remove = partial(_remove_lease_records, store, *version_key, timing)
        yield replace(found, kept_reason=output.held.get(version_key, "")), remove


def _temporary_files(output: _OutputContents) -> Iterator[_Removable]:
    for unfinished in output.unfinished_writes:
        kind = LeftoverKind.UPLOAD if unfinished.upload_id else LeftoverKind.TEMPORARY
        age = max(0.0, output.now - unfinished.modified_s)
        found = Leftover(kind, unfinished.key, 1, unfinished.size_bytes, age)
        # All runs share the features, so a temporary file there may belong to any run.
        kept_reason = "a run is in progress" if output.held else ""
        yield replace(found, kept_reason=kept_reason), partial(output.store.discard, unfinished)
    for probe in output.probes:
        found = output.measure(LeftoverKind.TEMPORARY, probe.key, [probe])
        yield found, partial(output.store.delete, probe.key)


def _run_id_of(store: Store, version_key: tuple[str, str]) -> str | None:
    """Returns the id of a version's run: None without a record of it, "" if that is damaged."""
    key = f"{layout.agency_prefix(*version_key)}/{layout.RUN_RECORD}"
    if not store.exists(key):
        return None
    try:
        return str(read_json(store, key)["run_id"])
    except (DamagedJsonError, KeyError, TypeError):
        return ""


def _remove_version(
    store: Store, deal_id: str, version: str, run: str, timing: LeaseTiming
) -> None:
    """Removes a version that no process holds; a run of it that starts meanwhile is refused."""
    with hold_version(store, deal_id, version, _CLEANER_RUN_ID, timing=timing):
        if store.exists(layout.manifest_key(deal_id, version)):
            raise RunError("It was published in the meantime")
        if run:
            store.delete_prefix(layout.work_prefix(run))
        store.delete_prefix(layout.version_prefix(deal_id, version))


def _remove_lease_records(store: Store, deal_id: str, version: str, timing: LeaseTiming) -> None:
    """Removes all lease records of a version: ending a lease removes them."""
    with hold_version(store, deal_id, version, _CLEANER_RUN_ID, timing=timing):
        pass
