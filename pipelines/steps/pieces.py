"""Which pieces of a run's steps are at work in this process, so that it does not end before them.

With `LOOPBACK` a job service has the work done in threads of the command. If the command ends its
run while they work, the next one may hold the version while they write to it.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from schemas.errors import RunError


class Pieces:
    """Counts the pieces that are at work, and can let no more begin."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._at_work = 0
        self._refused = False

    def allow(self) -> None:
        """Lets pieces begin, as a new run does."""
        with self._changed:
            self._refused = False

    @contextmanager
    def working(self) -> Iterator[None]:
        """Counts a piece while the block runs.

        Raises:
            RunError: If no more may begin.
        """
        with self._changed:
            if self._refused:
                raise RunError("The run was ended", "no more of it is done in this process")
            self._at_work += 1
        try:
            yield
        finally:
            with self._changed:
                self._at_work -= 1
                self._changed.notify_all()

    def end(self, limit_s: float) -> bool:
        """Lets no more begin, and waits for those at work.

        Args:
            limit_s: How long to wait.

        Returns:
            Whether all have ended.
        """
        with self._changed:
            self._refused = True
            return self._changed.wait_for(lambda: not self._at_work, limit_s)


#: Those of this process.
PIECES = Pieces()
