"""Downloads files in parts over several connections, and continues after faults.

Each thread has one connection and fetches one part at a time. A part that breaks off is continued
from the byte after the last one that came, so that no byte is sent twice. A part may fail a limited
number of times in a row without progress; the waits between attempts grow, unless the server asks
for a longer one.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.pull.origin import MIN_BYTES_PER_S, Lane, Origin, PassingFaultError
from pipelines.pull.part_file import PART_BYTES
from pipelines.pull.part_queue import FileInProgress, PartQueue, Task, Wanted, bytes_of
from pipelines.pull.patience import after_fault
from schemas.errors import RunError

_ROUNDS = 3  # how often all of a file may be downloaded
_FIRST_WAIT_S = 0.5
_CHECK_S = 0.25  # between two looks at whether threads have ended


@dataclass(frozen=True)
class DownloadSettings:
    """How a download is done.

    Attributes:
        lanes: Number of connections.
        stall_s: A connection that receives less than 1 kB a second for this long is broken off.
        part_bytes: Bytes of a part.
        wait_unit_s: The longest first wait after a fault, in seconds.
    """

    lanes: int = 8
    stall_s: float = 30.0
    part_bytes: int = PART_BYTES
    wait_unit_s: float = _FIRST_WAIT_S


DEFAULT_SETTINGS = DownloadSettings()


@dataclass
class Totals:
    """What a download did.

    Attributes:
        received_bytes: Bytes that were received, those of failed attempts included.
        faults: Attempts that failed and were repeated.
        repeated_bytes: Bytes that were discarded because they were damaged.
    """

    received_bytes: int = 0
    faults: int = 0
    repeated_bytes: int = 0


@dataclass
class _Worker:
    """A thread's connection and its progress."""

    lane: Lane
    received: int = 0
    busy: bool = False
    seen: int = 0  # bytes at the start of the window in which its speed is judged
    since_s: float = field(default_factory=time.monotonic)


def download(
    origin: Origin,
    folder: Path,
    wanted: Sequence[Wanted],
    settings: DownloadSettings,
    report: Callable[[int], None],
) -> Totals:
    """Downloads files into a folder; each is named by its digest once it is right.

    Args:
        origin: The place they are downloaded from.
        folder: The folder they are written to; parts of an earlier call are continued.
        wanted: The files; no two have the same digest.
        settings: How.
        report: Called with the number of bytes that came, or that were there already.

    Raises:
        RunError: If a file cannot be downloaded, or is not the one that is wanted.
        InputError: If access is denied.
    """
    running = _Download(origin, folder, wanted, settings, report)
    running.run()
    return running.totals


class _Download:
    """One download by several threads."""

    def __init__(
        self,
        origin: Origin,
        folder: Path,
        wanted: Sequence[Wanted],
        settings: DownloadSettings,
        report: Callable[[int], None],
    ) -> None:
        self._origin = origin
        self._settings = settings
        self._report = report
        self._queue = PartQueue(folder, wanted, settings.lanes, settings.part_bytes, report)
        self._workers = [_Worker(origin.lane()) for _ in range(settings.lanes)]
        self._stopped = threading.Event()
        self._lock = threading.Lock()  # of `totals` and `_error`
        self._error: BaseException | None = None
        self.totals = Totals()

    def run(self) -> None:
        """Runs until every file is complete, or a fault remains that retries do not fix."""
        threads = [
            threading.Thread(target=self._work, args=(worker,), name="pull", daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_CHECK_S)
                    self._hang_up_slow()
        finally:
            self._stop()
            for thread in threads:
                thread.join()
            for worker in self._workers:
                worker.lane.close()
            self._queue.close()
        if self._error is not None:
            raise self._error

    def _stop(self) -> None:
        self._stopped.set()
        self._queue.stop()
        for worker in self._workers:
            worker.lane.hang_up()

    def _hang_up_slow(self) -> None:
        """Breaks off transfers that are too slow; a time-out would bound only each single read."""
        now = time.monotonic()
        for worker in self._workers:
            if not worker.busy or now - worker.since_s >= self._settings.stall_s:
                enough = worker.received - worker.seen >= MIN_BYTES_PER_S * self._settings.stall_s
                if worker.busy and not enough:
                    worker.lane.hang_up()
                worker.since_s, worker.seen = now, worker.received

    def _work(self, worker: _Worker) -> None:
        try:
            while (task := self._queue.take()) is not None:
                try:
                    self._do(worker, task)
                finally:
                    self._queue.done()
        except BaseException as error:
            with self._lock:
                self._error = self._error or error
            self._stop()

    def _do(self, worker: _Worker, task: Task) -> None:
        progress, part = task
        if part is None:
            self._finish(progress)
            return
        crc = self._fetch(worker, progress, part)
        if crc is None:
            return
        if progress.file.finish_part(part, crc):
            self._finish(progress)
        else:
            progress.file.digest_ahead(self._settings.lanes)

    def _fetch(self, worker: _Worker, progress: FileInProgress, part: int) -> int | None:
        """Fetches a part and returns its CRC; None if the download was stopped."""
        wanted, file = progress.wanted, progress.file
        at, stop = file.bounds(part)
        crc = failures = 0
        while at < stop and not self._stopped.is_set():
            try:
                worker.busy = True
                for chunk in worker.lane.chunks(wanted.path, at, stop, wanted.size):
                    file.write(at, chunk)
                    crc = zlib.crc32(chunk, crc)
                    at, failures = at + len(chunk), 0
                    worker.received += len(chunk)
                    self._count(len(chunk))
            except FileNotFoundError as error:
                raise RunError(
                    "A file that the manifest lists is missing",
                    f"{self._origin.uri}: {wanted.path}",
                    "Ask the agency, or pull again: a version may have been replaced meanwhile.",
                ) from error
            except PassingFaultError as fault:
                worker.busy = False
                failures += 1
                self._wait_after(fault, failures, wanted.path)
            finally:
                worker.busy = False
        return crc if at == stop else None

    def _wait_after(self, fault: PassingFaultError, failures: int, path: str) -> None:
        if self._stopped.is_set():
            return
        unit_s = self._settings.wait_unit_s
        after_fault(self._origin, path, fault, failures, unit_s, self._stopped.wait)
        with self._lock:
            self.totals.faults += 1

    def _finish(self, progress: FileInProgress) -> None:
        """Checks a file whose parts are all there; parts that are wrong are fetched again."""
        bad = progress.file.check()
        if not bad:
            self._queue.complete(progress)
            return
        progress.rounds += 1
        if progress.rounds > _ROUNDS:
            raise RunError(
                "A file is not the one that the manifest lists",
                f"{self._origin.uri}: {progress.wanted.path} has another sha256, {_ROUNDS} times",
                "Nothing of it was used. Ask the agency: its copy is damaged or was changed.",
            )
        count = bytes_of(progress.file, bad)
        self._report(-count)
        with self._lock:
            self.totals.repeated_bytes += count
        self._queue.repeat(progress, bad)

    def _count(self, count: int) -> None:
        with self._lock:
            self.totals.received_bytes += count
        self._report(count)
