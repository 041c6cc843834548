"""Downloads files in parts over several connections, and goes on after faults.

Each worker thread has one connection and takes one part at a time. A part that breaks off goes on
from the byte after the last one that came, so that nothing comes twice. A part may fail without
progress a limited number of times in a row; waits between attempts grow, and are the server's
if it asks for one.

Several files are under way at a time and their parts are taken in turn, since a file's digest has
to be computed from its start to its end: those of different files are computed at the same time.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.pull.origin import MIN_BYTES_PER_S, Lane, Origin, PassingFaultError
from pipelines.pull.part_file import PART_BYTES, PartFile
from pipelines.pull.patience import after_fault
from schemas.errors import RunError

_ROUNDS = 3  # how often all bytes of a file may come
_FIRST_WAIT_S = 0.5
_WATCH_S = 0.25


@dataclass(frozen=True)
class Wanted:
    """A file that is to be pulled.

    Attributes:
        path: Where it is, below the origin.
        size: Its length in bytes.
        sha256: Its digest, hex.
    """

    path: str
    size: int
    sha256: str


@dataclass(frozen=True)
class DownloadSettings:
    """How a download is done.

    Attributes:
        lanes: Number of connections.
        stall_s: A connection that brings less than 1 kB a second for so long is broken off.
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
        received_bytes: Bytes that came, those of failed attempts included.
        faults: Attempts that failed and were repeated.
        repeated_bytes: Bytes that were thrown away, since they were damaged.
    """

    received_bytes: int = 0
    faults: int = 0
    repeated_bytes: int = 0


@dataclass
class _Job:
    """A file in progress.

    Attributes:
        wanted: The file.
        file: Its parts.
        waiting: The parts that nobody fetches yet; -1 if all were there from the start.
        rounds: How often all of it came.
    """

    wanted: Wanted
    file: PartFile
    waiting: deque[int]
    rounds: int = 1


@dataclass
class _Worker:
    """A thread's connection, as the watch sees it."""

    lane: Lane
    received: int = 0
    busy: bool = False
    seen: int = 0  # bytes at the start of the watch's window
    since_s: float = field(default_factory=time.monotonic)


def download(
    origin: Origin,
    folder: Path,
    wanted: Sequence[Wanted],
    settings: DownloadSettings,
    report: Callable[[int], None],
) -> Totals:
    """Downloads files into a folder, each under its digest's name once it is right.

    Args:
        origin: Where from.
        folder: Where to; parts of an earlier call are continued.
        wanted: The files; no two have the same digest.
        settings: How.
        report: Called with the number of bytes that came, or that were there already.

    Raises:
        RunError: If a file cannot be had, or is not the one that is wanted.
        InputError: If access is denied.
    """
    running = _Download(origin, folder, wanted, settings, report)
    running.run()
    return running.totals


class _Download:
    """One download; the fields are shared by its threads under `_turn`."""

    def __init__(
        self,
        origin: Origin,
        folder: Path,
        wanted: Sequence[Wanted],
        settings: DownloadSettings,
        report: Callable[[int], None],
    ) -> None:
        self._origin = origin
        self._folder = folder
        self._settings = settings
        self._report = report
        self._turn = threading.Condition()
        self._waiting: Iterator[Wanted] = iter(wanted)
        self._jobs: deque[_Job] = deque()  # those with parts that nobody fetches yet
        self._under_way = 0
        self._open: set[PartFile] = set()
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._workers = [_Worker(origin.lane()) for _ in range(settings.lanes)]
        self.totals = Totals()

    def run(self) -> None:
        """Runs until all is there, or something is wrong that no repetition mends."""
        threads = [
            threading.Thread(target=self._work, args=(worker,), name="pull", daemon=True)
            for worker in self._workers
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(_WATCH_S)
                    self._watch()
        finally:
            self._stop.set()
            for worker in self._workers:
                worker.lane.hang_up()
            with self._turn:
                self._turn.notify_all()
            for thread in threads:
                thread.join()
            for worker in self._workers:
                worker.lane.close()
            for file in self._open:
                file.close()
        if self._error is not None:
            raise self._error

    def _watch(self) -> None:
        """Breaks off transfers that are too slow; a time-out would bound each read alone."""
        now = time.monotonic()
        for worker in self._workers:
            if not worker.busy or now - worker.since_s >= self._settings.stall_s:
                enough = worker.received - worker.seen >= MIN_BYTES_PER_S * self._settings.stall_s
                if worker.busy and not enough:
                    worker.lane.hang_up()
                worker.since_s, worker.seen = now, worker.received

    def _work(self, worker: _Worker) -> None:
        try:
            while (task := self._next_task()) is not None:
                try:
                    self._do(worker, *task)
                finally:
                    with self._turn:
                        self._under_way -= 1
                        self._turn.notify_all()
        except BaseException as error:
            with self._turn:
                self._error = self._error or error
                self._stop.set()
                self._turn.notify_all()
            for other in self._workers:
                other.lane.hang_up()

    def _next_task(self) -> tuple[_Job, int] | None:
        """Returns the next part to fetch, or -1 for a file whose parts are all there."""
        with self._turn:
            while not self._stop.is_set():
                while len(self._open) < self._settings.lanes:
                    following = next(self._waiting, None)
                    if following is None:
                        break
                    self._begin(following)
                if self._jobs:
                    self._under_way += 1
                    return self._take()
                if not self._under_way:
                    return None
                self._turn.wait()
            return None

    def _take(self) -> tuple[_Job, int]:
        """Takes a part of the file whose turn it is; the file is the last one then."""
        job = self._jobs.popleft()
        part = job.waiting.popleft()
        if job.waiting:
            self._jobs.append(job)
        return job, part

    def _begin(self, wanted: Wanted) -> None:
        file = PartFile(self._folder, wanted.sha256, wanted.size, self._settings.part_bytes)
        missing = file.open()
        self._open.add(file)
        there = wanted.size - sum(stop - start for start, stop in map(file.bounds, missing))
        if there:
            self._report(there)
        self._jobs.append(_Job(wanted, file, deque(missing or [-1])))

    def _do(self, worker: _Worker, job: _Job, part: int) -> None:
        if part < 0:
            self._finish(job)
            return
        crc = self._fetch(worker, job, part)
        if crc is None:
            return
        if job.file.finish_part(part, crc):
            self._finish(job)
        else:
            job.file.digest_ahead(self._settings.lanes)

    def _fetch(self, worker: _Worker, job: _Job, part: int) -> int | None:
        """Fetches a part and returns its CRC; None if the download was stopped."""
        at, stop = job.file.bounds(part)
        crc = failures = 0
        while at < stop and not self._stop.is_set():
            try:
                worker.busy = True
                for chunk in worker.lane.chunks(job.wanted.path, at, stop, job.wanted.size):
                    job.file.write(at, chunk)
                    crc = zlib.crc32(chunk, crc)
                    at, failures = at + len(chunk), 0
                    worker.received += len(chunk)
                    self._count(len(chunk))
            except FileNotFoundError as error:
                raise RunError(
                    "A file that the manifest lists is not there",
                    f"{self._origin.uri}: {job.wanted.path}",
                    "Ask the agency, or pull again: a version may have been replaced meanwhile.",
                ) from error
            except PassingFaultError as fault:
                worker.busy = False
                failures += 1
                self._wait_after(fault, failures, job.wanted.path)
            finally:
                worker.busy = False
        return crc if at == stop else None

    def _wait_after(self, fault: PassingFaultError, failures: int, path: str) -> None:
        if self._stop.is_set():
            return
        unit_s = self._settings.wait_unit_s
        after_fault(self._origin, path, fault, failures, unit_s, self._stop.wait)
        with self._turn:
            self.totals.faults += 1

    def _finish(self, job: _Job) -> None:
        """Checks a file that is all there; what is wrong of it comes again."""
        bad = job.file.check()
        if not bad:
            job.file.complete()
            with self._turn:
                self._open.discard(job.file)
            return
        job.rounds += 1
        if job.rounds > _ROUNDS:
            raise RunError(
                "A file is not the one that the manifest lists",
                f"{self._origin.uri}: {job.wanted.path} has another sha256, {_ROUNDS} times",
                "Nothing of it was used. Ask the agency: its copy is damaged or was changed.",
            )
        again = sum(stop - start for start, stop in map(job.file.bounds, bad))
        self._report(-again)
        with self._turn:
            self.totals.repeated_bytes += again
            job.waiting.extend(bad)
            self._jobs.appendleft(job)
            self._turn.notify_all()

    def _count(self, count: int) -> None:
        with self._turn:
            self.totals.received_bytes += count
        self._report(count)
