"""Reads media again for the shards, and finds what changed on their servers since the first time.

A web server or bucket is outside the agency's control: it may send other bytes, or state
something else about rights, when a shard reads a file that its unit has read before. Such an asset
is not delivered on the word of one of the two answers: the shard is given up, and the run repeats
what it concerns (`steps.doubts`).

Files on this machine are the agency's own: one that changes stops the run (`steps.write`).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache

from pipelines.features.extras import member_key
from pipelines.features.reading_json import reading_from_json, reading_to_json
from pipelines.features.renditions import delivered_bytes
from pipelines.fetch.fetch import LocalMedia, MediaStream
from pipelines.fetch.locate import FileLocation, Location, resolve_media_uri
from pipelines.fetch.origin_files import OriginFileCache
from pipelines.media.sniff import sniff_format
from pipelines.run.job import Job
from pipelines.signals.server.http import read_http
from pipelines.steps.doubts import Change, origin_of
from pipelines.steps.unit_parts import read_statements
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import BadRecord, RunError
from schemas.reasons import Reason
from schemas.signal import Reading, merge_readings
from schemas.unit import UnitExtra, UnitRow

# A shard takes its assets from many units, in no order; most statements are few and short.
_KEPT_UNITS = 4_096


def statements_json(readings: Mapping[str, Reading]) -> dict[str, dict[str, object]]:
    """Returns what servers stated about assets, to be compared with later answers."""
    return {name: reading_to_json(reading) for name, reading in readings.items() if reading}


def delivered_as_it_is(row: UnitRow) -> bool:
    """Whether an asset's own file is delivered, and nothing that is made of it."""
    return row["media_sha256"] == row["original_sha256"]


class MediaChangedError(Exception):
    """A medium is not what its unit read, or its server states something else about it.

    Attributes:
        row: The asset's row.
        detail: What changed.
        statements: The statements of the second reading, if only they changed.
    """

    def __init__(self, row: UnitRow, detail: str, statements: Reading | None = None) -> None:
        super().__init__(detail)
        self.row = row
        self.detail = detail
        self.statements = statements


def changed_in_run(error: MediaChangedError) -> RunError:
    """Returns the error that stops a run because a medium changed."""
    return RunError(
        "A media file changed during the run",
        f"asset {error.row['asset_id']!r}: {error.detail}",
        "Wait until the media no longer change, then run again.",
    )


class SecondReader:
    """Reads media for the shards of one worker.

    Args:
        store: The output store.
        job: The run.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._origin_files = OriginFileCache()
        self._first_statements = lru_cache(maxsize=_KEPT_UNITS)(self._read_statements)

    def open(self, row: UnitRow) -> MediaStream:
        """Opens an asset's media.

        Raises:
            BadRecord: If it cannot be located; other errors come while it is read.
        """
        location, max_bytes = self._locate(row), self._job.limits.max_bytes
        if isinstance(location, FileLocation) and delivered_as_it_is(row):
            return LocalMedia(location, max_bytes)
        return MediaStream(location, max_bytes)

    def delivered(self, row: UnitRow, stream: MediaStream) -> Iterator[bytes]:
        """Yields the bytes of a sample's media: those of the stream, or what is left of them.

        Raises:
            BadRecord: If the stream fails or is not the file that was read before.
        """
        if delivered_as_it_is(row):
            yield from stream
            return
        data = b"".join(stream)
        digest = hashlib.sha256(data).hexdigest()
        if digest != row["original_sha256"]:
            detail = f"sha256 {digest}, was {row['original_sha256']}"
            raise BadRecord(Reason.MEDIA_CHANGED, detail)
        fmt = sniff_format(data)
        if fmt is None:
            raise AssertionError("the same bytes had a format when they were first read")
        is_rendered = row["rendition"] != ""
        yield delivered_bytes(data, fmt, row["orientation"], self._job, is_rendered)

    def member(self, extra: UnitExtra) -> bytes:
        """Returns a member that the profile adds, as the unit stored it.

        Raises:
            RunError: If the work area was changed.
        """
        data = self._store.read_bytes(member_key(self._job.work, extra["sha256"]))
        if hashlib.sha256(data).hexdigest() != extra["sha256"]:
            raise RunError(
                "A member of a sample is not what its unit stored",
                f"{self._store.uri}/{member_key(self._job.work, extra['sha256'])}",
                "The work area was changed during the run; remove it and run again.",
            )
        return data

    def is_remote(self, row: UnitRow) -> bool:
        """Whether an asset's media is not on this machine."""
        try:
            return origin_of(self._locate(row)) != ""
        except BadRecord:
            return False

    def check_statements(self, row: UnitRow, stream: MediaStream) -> None:
        """Compares what the server stated in the answers that were read with the first reading.

        Raises:
            MediaChangedError: If it stated anything that it did not state before.
        """
        answers = stream.evidence(self._origin_files)
        if not answers:  # not of a web server
            return
        second = merge_readings(map(read_http, answers))
        first = self._first_statements(self._unit(row)).get(row["asset_id"], Reading())
        if merge_readings((first, second)) != first:
            raise MediaChangedError(row, "the server states something else about rights", second)

    def find_changes(self, rows: Sequence[UnitRow]) -> list[MediaChangedError]:
        """Reads whole media again and returns what changed, asset by asset."""
        return [error for row in rows if (error := self._find_change(row)) is not None]

    def change_of(self, error: MediaChangedError) -> Change:
        """Returns a change as it is noted."""
        row = error.row
        statements = None if error.statements is None else reading_to_json(error.statements)
        origin = origin_of(self._locate(row))
        return Change(row["asset_id"], row["hash"], origin, error.detail, statements)

    def _find_change(self, row: UnitRow) -> MediaChangedError | None:
        if not self.is_remote(row):
            return None
        digest = hashlib.sha256()
        try:
            stream = self.open(row)
            for chunk in stream:
                digest.update(chunk)
            if digest.hexdigest() != row["original_sha256"]:
                detail = f"sha256 {digest.hexdigest()}, was {row['original_sha256']}"
                return MediaChangedError(row, detail)
            self.check_statements(row, stream)
        except BadRecord as error:
            return MediaChangedError(row, str(error))
        except MediaChangedError as error:
            return error
        return None

    def _locate(self, row: UnitRow) -> Location:
        return resolve_media_uri(row["media_uri"], self._job.catalogue.uri, self._job.policy)

    def _unit(self, row: UnitRow) -> int:
        return layout.unit_of(row["hash"], self._job.unit_bits)

    def _read_statements(self, unit: int) -> dict[str, Reading]:
        stated = read_statements(self._store, self._job, unit)
        return {name: reading_from_json(reading) for name, reading in stated.items()}
