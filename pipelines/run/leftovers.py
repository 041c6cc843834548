"""What interrupted runs left in an output: found by name and age, removed under the claim to it.

The kinds, marked below: 1. temporary files and unfinished uploads; 2. versions without a manifest;
3. work areas of runs that no version speaks of; 4. claims to versions that are published or gone.
Nothing else is ever looked at: published versions, features and keys have none of these names.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import partial

from pipelines.run.lease import DEFAULT_TIMING, LeaseTiming, hold_version
from pipelines.run.lease_record import (
    LEASE_RECORDS,
    assess_lease,
    latest_lease_record,
    lease_folder,
)
from pipelines.storage.s3_store import PROBE_KEY
from pipelines.storage.store import ObjectInfo, Store, UnfinishedWrite
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import RunError

_VERSION_KEY = re.compile(rf"([a-z0-9-]+)/(v\d{{4,}})/(?:{layout.DELIVERY}|{layout.AGENCY})/.+")
_LEASE_KEY = re.compile(rf"{LEASE_RECORDS}/([a-z0-9-]+)/(v\d{{4,}})/.+")
_WORK_KEY = re.compile(rf"{layout.AGENCY}/work/([^/]+)/.+")
# A version's claims are held by this name while it is removed.
_CLEANER_RUN_ID = "clean"


class LeftoverKind(StrEnum):
    """What was left."""

    TEMPORARY = "temporary file"
    UPLOAD = "unfinished upload"
    VERSION = "unpublished version"
    WORK = "work area"
    LEASE = "claim"


@dataclass(frozen=True)
class Leftover:
    """One thing that a run left.

    Attributes:
        kind: What it is.
        name: Its key, or the prefix of its keys.
        objects: How many objects it is.
        size_bytes: What they take.
        age_s: Since the youngest of them was written, by the store's clock.
        kept_reason: Why it is not removed; empty if it is, or would be.
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
    """An output as it was found: its objects, sorted into what they belong to."""

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
        """Sums objects up."""
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
    """Finds what runs left, and removes what is old enough and nobody's.

    Args:
        store: The output.
        older_than_s: What was written to since is left alone.
        dry_run: Whether nothing is removed.
        timing: When a holder that cannot be looked at counts as dead.

    Returns:
        What was found, each with the reason if it was kept.
    """
    output = _survey_output(store, timing)
    found = []
    for leftover, remove in _removables(output, timing):
        result = leftover
        if result.age_s < older_than_s and not result.kept_reason:
            result = replace(result, kept_reason="too young")
        if not result.kept_reason and not dry_run:
            try:
                remove()
            except RunError as error:  # somebody took it up meanwhile
                result = replace(result, kept_reason=str(error))
        found.append(result)
    return found


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
            if item.key == f"{layout.delivery_prefix(match[1], match[2])}/{layout.MANIFEST}":
                published.add((match[1], match[2]))
    held, live = {}, set()
    for version_key in lease_records:
        latest = latest_lease_record(store, *version_key)
        if latest is not None and assess_lease(store, latest, timing.stale_s).held:
            held[version_key] = f"held by {latest.describe().partition(': ')[2]}"
            live.add(latest.run_id)
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
    """Everything that might be removed, with how to do so."""
    store = output.store
    yield from _temporary_files(output)  # 1
    runs_with_version = set()
    for version_key in sorted(output.versions.keys() - output.published):  # 2
        objects = list(output.versions[version_key])
        run = _run_id_of(store, version_key)
        if not run and version_key not in output.lease_records:
            continue  # neither a record nor a claim: no run of ours made it
        runs_with_version.add(run)
        objects += output.work.get(run, [])
        found = output.measure(LeftoverKind.VERSION, layout.version_prefix(*version_key), objects)
        remove = partial(_remove_version, store, *version_key, run, timing)
        yield replace(found, kept_reason=output.held.get(version_key, "")), remove
    for run, objects in sorted(output.work.items()):  # 3
        if run not in runs_with_version:
            found = output.measure(LeftoverKind.WORK, layout.work_prefix(run), objects)
            kept_reason = "the run is under way" if run in output.live_runs else ""
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
        # Whose one among the features is cannot be told: all runs share them.
        kept_reason = "a run is under way" if output.held else ""
        yield replace(found, kept_reason=kept_reason), partial(output.store.discard, unfinished)
    for probe in output.probes:
        found = output.measure(LeftoverKind.TEMPORARY, probe.key, [probe])
        yield found, partial(output.store.delete, probe.key)


def _run_id_of(store: Store, version_key: tuple[str, str]) -> str:
    key = f"{layout.agency_prefix(*version_key)}/{layout.RUN_RECORD}"
    return str(read_json(store, key)["run_id"]) if store.exists(key) else ""


def _remove_version(
    store: Store, deal_id: str, version: str, run: str, timing: LeaseTiming
) -> None:
    """Removes a version that nobody holds; a run that begins meanwhile is refused."""
    with hold_version(store, deal_id, version, _CLEANER_RUN_ID, timing=timing):
        if store.exists(f"{layout.delivery_prefix(deal_id, version)}/{layout.MANIFEST}"):
            raise RunError("It was published meanwhile")
        if run:
            store.delete_prefix(layout.work_prefix(run))
        store.delete_prefix(layout.version_prefix(deal_id, version))


def _remove_lease_records(store: Store, deal_id: str, version: str, timing: LeaseTiming) -> None:
    """Whoever ends holding a version that is published or gone removes all claims to it."""
    with hold_version(store, deal_id, version, _CLEANER_RUN_ID, timing=timing):
        pass
