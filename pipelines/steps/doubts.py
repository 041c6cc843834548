"""What a run doubts about media that changed on their servers, and what it makes again.

A shard that finds a change notes it. When the graph has ended, `start_over` takes the notes into
the run's doubts and removes what must be made again:

1. An asset whose bytes changed, or could not be read again, is a failed asset (`media.changed`).
2. An asset about which the server stated something new is judged by both statements: one no is
   enough.
3. An origin that changed media in several rounds is not asked again; its assets fail.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from pipelines.features.reading_json import reading_from_json
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.locate import FileLocation, Location, resolve_media_uri
from pipelines.run.job import Job
from pipelines.steps.unit_parts import commit_key
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json, records_under
from schemas import layout
from schemas.errors import BadRecord
from schemas.signal import Reading, merge_readings
from schemas.unit import ClearedRow

_DOUBTS = "doubts.json"
_CHANGED = "changed"
_MAX_ROUNDS_OF_AN_ORIGIN = 3


@dataclass(frozen=True)
class Change:
    """What changed about one asset's media.

    Attributes:
        asset_id: The asset.
        hash: Its hash, which says its unit.
        origin: The server or bucket of the media.
        detail: What changed, one line.
        statements: The server's statements of the second reading, as JSON, if only they changed.
    """

    asset_id: str
    hash: int
    origin: str
    detail: str
    statements: dict[str, object] | None = None


@dataclass
class Doubts:
    """What a run must not take from a first reading alone.

    Attributes:
        changed: For each asset whose bytes changed, what changed.
        statements: For each asset whose server stated something else later, those statements.
        origins: In how many rounds media of an origin changed.
    """

    changed: dict[str, str] = field(default_factory=dict)
    statements: dict[str, list[dict[str, object]]] = field(default_factory=dict)
    origins: Counter[str] = field(default_factory=Counter)

    def objection(self, asset_id: str, location: Location) -> str:
        """Returns why an asset's media must not be read again, or ""."""
        origin = origin_of(location)
        if self.origins[origin] >= _MAX_ROUNDS_OF_AN_ORIGIN:
            return f"media of {origin} changed each time that they were read"
        return self.changed.get(asset_id, "")

    def later_statements(self, asset_id: str) -> Reading:
        """Returns what the server stated about an asset in later answers."""
        return merge_readings(map(reading_from_json, self.statements.get(asset_id, ())))


def origin_of(location: Location) -> str:
    """Returns the server or bucket of a location; "" for a file on this machine."""
    if isinstance(location, FileLocation):
        return ""
    if isinstance(location, HttpLocation):
        return f"{location.scheme}://{location.host}:{location.port}"
    return f"s3://{location.bucket}"


def objection_to(row: ClearedRow, job: Job, doubts: Doubts) -> str:
    """Returns why an asset's media must not be read again, or ""."""
    if not doubts.origins:
        return ""
    try:
        location = resolve_media_uri(row["media_uri"], job.catalogue.uri, job.policy)
    except BadRecord:
        return ""  # `fetch_asset` says why
    return doubts.objection(row["asset_id"], location)


def has_doubts(store: Store, work: str) -> bool:
    """Tells whether the run with this work area noted doubts."""
    return store.exists(f"{work}/{_DOUBTS}")


def read_doubts(store: Store, work: str) -> Doubts:
    """Reads the doubts of the run with this work area."""
    if not has_doubts(store, work):
        return Doubts()
    record = read_json(store, f"{work}/{_DOUBTS}")
    return Doubts(record["changed"], record["statements"], Counter(record["origins"]))


def note_changes(store: Store, job: Job, shard: str, changes: Sequence[Change]) -> None:
    """Notes what a shard found changed, so that the run repeats what it concerns."""
    store.write_bytes(
        f"{job.work}/{_CHANGED}/{shard}.json", json_bytes([vars(change) for change in changes])
    )


def start_over(store: Store, job: Job) -> bool:
    """Takes the shards' notes into the run's doubts, and removes what must be made again.

    Returns:
        Whether there were notes: the graph must then run again.
    """
    keys = [found.key for found in records_under(store, f"{job.work}/{_CHANGED}")]
    changes = [Change(**fields) for key in keys for fields in read_json(store, key)]
    if not changes:
        return False
    doubts = read_doubts(store, job.work)
    for change in changes:
        if change.statements is None:
            doubts.changed[change.asset_id] = change.detail
        else:
            doubts.statements.setdefault(change.asset_id, []).append(change.statements)
    doubts.origins.update({change.origin for change in changes})
    store.write_bytes(f"{job.work}/{_DOUBTS}", json_bytes(vars(doubts)))
    distrusted = any(count >= _MAX_ROUNDS_OF_AN_ORIGIN for count in doubts.origins.values())
    units = {layout.unit_of(change.hash, job.unit_bits) for change in changes}
    store.delete_many(
        [found.key for found in records_under(store, f"{job.work}/units")]
        if distrusted
        else [commit_key(job, unit) for unit in sorted(units)]
    )
    store.delete(f"{job.work}/plan.json")
    for folder in ("plan", "shards", "delivered", "agency/renditions", _CHANGED):  # the notes last
        store.delete_prefix(f"{job.work}/{folder}")
    return True
