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

from pipelines.run.lease import USUAL_TIMING, Timing, hold_version
from pipelines.run.lease_record import CLAIMS, claims_folder, judge_claim, last_claim
from pipelines.storage.s3_store import PROBE
from pipelines.storage.store import ObjectInfo, Store, Unfinished
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import RunError

_VERSION = re.compile(rf"([a-z0-9-]+)/(v\d{{4,}})/(?:{layout.DELIVERY}|{layout.AGENCY})/.+")
_CLAIM = re.compile(rf"{CLAIMS}/([a-z0-9-]+)/(v\d{{4,}})/.+")
_WORK = re.compile(rf"{layout.AGENCY}/work/([^/]+)/.+")
# A version's claims are held by this name while it is removed.
_CLEANER = "clean"


class Kind(StrEnum):
    """What was left."""

    TEMPORARY = "temporary file"
    UPLOAD = "unfinished upload"
    VERSION = "unpublished version"
    WORK = "work area"
    CLAIM = "claim"


@dataclass(frozen=True)
class Leftover:
    """One thing that a run left.

    Attributes:
        kind: What it is.
        name: Its key, or the prefix of its keys.
        objects: How many objects it is.
        size_bytes: What they take.
        age_s: Since the youngest of them was written, by the store's clock.
        kept: Why it is not removed; empty if it is, or would be.
    """

    kind: Kind
    name: str
    objects: int
    size_bytes: int
    age_s: float
    kept: str = ""


_Candidate = tuple[Leftover, Callable[[], None]]


@dataclass(frozen=True)
class _Output:
    """An output as it was found: its objects, sorted into what they belong to."""

    store: Store
    now: float
    versions: dict[tuple[str, str], list[ObjectInfo]]
    published: frozenset[tuple[str, str]]
    claims: dict[tuple[str, str], list[ObjectInfo]]
    work: dict[str, list[ObjectInfo]]
    unfinished: list[Unfinished]
    probes: list[ObjectInfo]
    held: dict[tuple[str, str], str]
    live_runs: frozenset[str]

    def measure(self, kind: Kind, name: str, objects: Iterable[ObjectInfo]) -> Leftover:
        """Sums objects up."""
        found = list(objects)
        newest = max((item.modified_s for item in found), default=self.now)
        size = sum(item.size_bytes for item in found)
        return Leftover(kind, name, len(found), size, max(0.0, self.now - newest))


def clean_output(
    store: Store, older_than_s: float, *, dry_run: bool = False, timing: Timing = USUAL_TIMING
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
    output = _survey(store, timing)
    found = []
    for leftover, remove in _candidates(output, timing):
        seen = leftover
        if seen.age_s < older_than_s and not seen.kept:
            seen = replace(seen, kept="too young")
        if not seen.kept and not dry_run:
            try:
                remove()
            except RunError as error:  # somebody took it up meanwhile
                seen = replace(seen, kept=str(error))
        found.append(seen)
    return found


def _survey(store: Store, timing: Timing) -> _Output:
    versions: dict[tuple[str, str], list[ObjectInfo]] = {}
    claims: dict[tuple[str, str], list[ObjectInfo]] = {}
    work: dict[str, list[ObjectInfo]] = {}
    published = set()
    objects = store.list()
    for item in objects:
        if match := _CLAIM.fullmatch(item.key):
            claims.setdefault((match[1], match[2]), []).append(item)
        elif match := _WORK.fullmatch(item.key):
            work.setdefault(match[1], []).append(item)
        elif match := _VERSION.fullmatch(item.key):
            versions.setdefault((match[1], match[2]), []).append(item)
            if item.key == f"{layout.delivery_prefix(match[1], match[2])}/{layout.MANIFEST}":
                published.add((match[1], match[2]))
    held, live = {}, set()
    for each in claims:
        last = last_claim(store, *each)
        if last is not None and judge_claim(store, last, timing.stale_s).held:
            held[each] = f"held by {last.tell().partition(': ')[2]}"
            live.add(last.run_id)
    return _Output(
        store,
        store.clock(),
        versions,
        frozenset(published),
        claims,
        work,
        store.unfinished(),
        [item for item in objects if item.key == PROBE],
        held,
        frozenset(live),
    )


def _candidates(output: _Output, timing: Timing) -> Iterator[_Candidate]:
    """Everything that might be removed, with how to do so."""
    store = output.store
    yield from _temporaries(output)  # 1
    spoken_for = set()
    for each in sorted(output.versions.keys() - output.published):  # 2
        objects = list(output.versions[each])
        run = _run_of(store, each)
        if not run and each not in output.claims:
            continue  # neither a record nor a claim: no run of ours made it
        spoken_for.add(run)
        objects += output.work.get(run, [])
        found = output.measure(Kind.VERSION, layout.version_prefix(*each), objects)
        remove = partial(_remove_version, store, *each, run, timing)
        yield replace(found, kept=output.held.get(each, "")), remove
    for run, objects in sorted(output.work.items()):  # 3
        if run not in spoken_for:
            found = output.measure(Kind.WORK, layout.work_prefix(run), objects)
            kept = "the run is under way" if run in output.live_runs else ""
            yield replace(found, kept=kept), partial(store.delete_prefix, found.name)
    unpublished = output.versions.keys() - output.published
    for each in sorted(output.claims.keys() - unpublished):  # 4
        found = output.measure(Kind.CLAIM, claims_folder(*each), output.claims[each])
        remove = partial(_remove_claims, store, *each, timing)
        yield replace(found, kept=output.held.get(each, "")), remove


def _temporaries(output: _Output) -> Iterator[_Candidate]:
    for left in output.unfinished:
        kind = Kind.UPLOAD if left.upload_id else Kind.TEMPORARY
        age = max(0.0, output.now - left.modified_s)
        found = Leftover(kind, left.key, 1, left.size_bytes, age)
        # Whose one among the features is cannot be told: all runs share them.
        kept = "a run is under way" if output.held else ""
        yield replace(found, kept=kept), partial(output.store.discard, left)
    for probe in output.probes:
        found = output.measure(Kind.TEMPORARY, probe.key, [probe])
        yield found, partial(output.store.delete, probe.key)


def _run_of(store: Store, each: tuple[str, str]) -> str:
    key = f"{layout.agency_prefix(*each)}/{layout.RUN_RECORD}"
    return str(read_json(store, key)["run_id"]) if store.exists(key) else ""


def _remove_version(store: Store, deal_id: str, version: str, run: str, timing: Timing) -> None:
    """Removes a version that nobody holds; a run that begins meanwhile is refused."""
    with hold_version(store, deal_id, version, _CLEANER, timing=timing):
        if store.exists(f"{layout.delivery_prefix(deal_id, version)}/{layout.MANIFEST}"):
            raise RunError("It was published meanwhile")
        if run:
            store.delete_prefix(layout.work_prefix(run))
        store.delete_prefix(layout.version_prefix(deal_id, version))


def _remove_claims(store: Store, deal_id: str, version: str, timing: Timing) -> None:
    """Whoever ends holding a version that is published or gone removes all claims to it."""
    with hold_version(store, deal_id, version, _CLEANER, timing=timing):
        pass
