"""Runs tasks in order in a thread, from a short queue.

Writing and hashing large pieces of data release Python's global lock, so they run in parallel with
the rest.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

Task = TypeVar("Task")


class BackgroundWorker(Generic[Task]):
    """Runs tasks one after another in its own thread, which starts with the first task.

    The caller must end it with `finish` or `stop`. If the thread has failed, no call waits for it:
    every method except `stop` raises the thread's error.

    Args:
        handle: Runs one task.
        depth: Number of tasks that may wait; submitting another one blocks.
        name: Name of the thread.
    """

    def __init__(self, handle: Callable[[Task], None], depth: int, name: str = "digests") -> None:
        self._handle = handle
        self._name = name
        self._depth = depth
        self._waiting: deque[Task] = deque()
        self._change = threading.Condition()
        self._submitted = 0
        self._done = 0
        self._ended = False
        self._error: BaseException | None = None
        self._thread: threading.Thread | None = None

    def submit(self, task: Task) -> int:
        """Queues a task and returns its number. Blocks while the queue is full."""
        with self._change:
            self._wait_until(lambda: len(self._waiting) < self._depth)
            if self._ended:
                raise RuntimeError("the worker has ended")
            self._waiting.append(task)
            self._submitted += 1
            self._change.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
            return self._submitted

    def wait(self, number: int) -> None:
        """Waits until the task with this number, and all before it, are done."""
        with self._change:
            self._wait_until(lambda: self._done >= number)

    def finish(self) -> None:
        """Waits until all tasks are done, and ends the thread."""
        self.wait(self._submitted)
        self.stop()

    def stop(self) -> None:
        """Ends the thread and drops waiting tasks. Raises nothing, and may be called again."""
        with self._change:
            self._ended = True
            self._waiting.clear()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _wait_until(self, ready: Callable[[], bool]) -> None:
        self._change.wait_for(lambda: self._error is not None or self._ended or ready())
        if self._error is not None:
            raise self._error

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._ended or bool(self._waiting))
                if self._ended:
                    return
                task = self._waiting.popleft()
                self._change.notify_all()
            try:
                self._handle(task)
            except BaseException as error:  # raised again in the calling thread
                with self._change:
                    self._error = error
                    self._change.notify_all()
                return
            del task  # frees its memory, since the thread may be idle for long
            with self._change:
                self._done += 1
                self._change.notify_all()
