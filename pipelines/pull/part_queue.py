"""Hands out the missing parts of several files, one file after another in turn.

A file's digest must be computed from its start to its end. So several files are in progress at a
time: their digests are computed at the same time.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.pull.part_file import PartFile


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


@dataclass
class FileInProgress:
    """A file of which parts are missing, or which has not been checked yet.

    Attributes:
        wanted: The file.
        file: Its parts.
        waiting: The parts that no thread fetches yet; None stands for a file that only has to be
            checked.
        rounds: How often all of it was downloaded.
    """

    wanted: Wanted
    file: PartFile
    waiting: deque[int | None]
    rounds: int = 1


#: A file, and the part of it to fetch; None if all parts are there and it has to be checked.
Task = tuple[FileInProgress, int | None]


class PartQueue:
    """The parts that threads fetch; every method may be called from any of them.

    Args:
        folder: The folder for files that are not complete.
        wanted: The files; no two have the same digest.
        most_files: How many files may be in progress at a time.
        part_bytes: Bytes of a part.
        report: Called with the number of bytes that a file has when it is opened.
    """

    def __init__(
        self,
        folder: Path,
        wanted: Sequence[Wanted],
        most_files: int,
        part_bytes: int,
        report: Callable[[int], None],
    ) -> None:
        self._folder = folder
        self._most_files = most_files
        self._part_bytes = part_bytes
        self._report = report
        self._changed = threading.Condition()
        self._following: Iterator[Wanted] = iter(wanted)
        self._waiting: deque[FileInProgress] = deque()  # those with parts that no thread fetches
        self._open: set[PartFile] = set()
        self._tasks = 0  # handed out and not done
        self._stopped = False

    def take(self) -> Task | None:
        """Waits for a task and returns it; None if nothing is left to do, or all must stop."""
        with self._changed:
            while not self._stopped:
                self._open_files()
                if self._waiting:
                    self._tasks += 1
                    return self._take()
                if not self._tasks:
                    return None
                self._changed.wait()
            return None

    def done(self) -> None:
        """Ends a task, which may leave others nothing to wait for."""
        with self._changed:
            self._tasks -= 1
            self._changed.notify_all()

    def repeat(self, progress: FileInProgress, parts: Sequence[int]) -> None:
        """Has parts of a file fetched again, before those of other files."""
        with self._changed:
            progress.waiting.extend(parts)
            self._waiting.appendleft(progress)
            self._changed.notify_all()

    def complete(self, progress: FileInProgress) -> None:
        """Ends a file that is right, so that the next one may be opened."""
        progress.file.complete()
        with self._changed:
            self._open.discard(progress.file)

    def stop(self) -> None:
        """Makes `take` return None."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def close(self) -> None:
        """Closes the files that are not complete; what there is of them stays."""
        for file in self._open:
            file.close()

    def _open_files(self) -> None:
        while len(self._open) < self._most_files:
            wanted = next(self._following, None)
            if wanted is None:
                return
            file = PartFile(self._folder, wanted.sha256, wanted.size, self._part_bytes)
            missing = file.open()
            self._open.add(file)
            present = wanted.size - bytes_of(file, missing)
            if present:
                self._report(present)
            tasks: list[int | None] = [*missing] or [None]
            self._waiting.append(FileInProgress(wanted, file, deque(tasks)))

    def _take(self) -> Task:
        """Takes a part of the first file, and puts that file last."""
        progress = self._waiting.popleft()
        part = progress.waiting.popleft()
        if progress.waiting:
            self._waiting.append(progress)
        return progress, part


def bytes_of(file: PartFile, parts: Sequence[int]) -> int:
    """Returns how many bytes parts of a file have."""
    return sum(stop - start for start, stop in map(file.bounds, parts))
