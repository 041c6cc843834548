"""Starts a process that forks others on request, and passes on what becomes of them."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from io import FileIO
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from multiprocessing.reduction import send_handle
from pathlib import Path

from pipelines.process.fork_loop import Answered, Ask, Ended, Fork, Kill, Started
from pipelines.process.forked import ForkedHere
from pipelines.process.watched import Child, Death, Watched
from schemas.errors import RunError

_END_S = 5.0


class Forked:
    """A process that a fork server was asked for; to its user like one that it started itself."""

    def __init__(self, output: int, kill: Callable[[], None]) -> None:
        self.stdout = FileIO(output)
        self._kill = kill
        self._ended = threading.Event()
        self._status = -signal.SIGKILL
        self.pid = 0  # until it has been started

    def poll(self) -> int | None:
        """Returns its exit status, or None if it has not ended."""
        return self._status if self._ended.is_set() else None

    def wait(self) -> int:
        """Returns its exit status as soon as it has ended."""
        self._ended.wait()
        return self._status

    def kill(self) -> None:
        """Kills it, unless it has ended."""
        self._kill()

    def end(self, status: int) -> None:
        """Records that it has ended."""
        self._status = status
        self._ended.set()


def _start(command: Sequence[str], handle: int) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [*command, str(handle)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
        pass_fds=(handle,),
    )


class ForkServer:
    """A process from which others are forked, so that what they need is imported only once.

    Args:
        name: Its name in messages.
        command: Its command line, to which the descriptor of its connection is added; or what a
            fork of this process does with its connection. It must call `serve_forks`.
        echo: Whether to copy its output to stderr.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str] | Callable[[Connection], None],
        echo: bool = False,
    ) -> None:
        self._name = name
        self._lock = threading.Lock()
        self._forked: dict[int, Forked] = {}
        self._asked: dict[int, Future[object]] = {}
        self._count = 0
        self._lost: Death | None = None
        self._told: Callable[[Death], None] | None = None
        self._connection, theirs = Pipe()
        process: Child
        if callable(command):
            process = ForkedHere(partial(command, theirs), [self._connection.fileno()])
        else:
            process = _start(command, theirs.fileno())
        theirs.close()
        self._process = Watched(name, process, self._lose, echo)
        self._reader = threading.Thread(target=self._read, name=f"hear-{name}", daemon=True)
        self._reader.start()

    def tell_deaths(self, told: Callable[[Death], None]) -> None:
        """Has a function called, once and from a thread, if this process ends unexpectedly."""
        with self._lock:
            self._told = told
            lost = self._lost
        if lost is not None:
            told(lost)

    def ask(self, question: object) -> Future[object]:
        """Asks something that the process answers itself.

        Returns:
            Its answer. The error is a `FairshardError` of the answer, or a `RunError` if the
            process ends without one.
        """
        with self._lock:
            number = self._next()
            future = self._asked[number] = Future()
            self._send(Ask(number, question))
        if self._lost is not None:
            self._forget_all()
        return future

    def fork(self, environment: Mapping[str, str]) -> Forked:
        """Starts a process, which continues where `serve_forks` returns.

        Args:
            environment: All of its environment.
        """
        reading, writing = os.pipe()
        with self._lock:
            number = self._next()
            forked = Forked(reading, lambda: self._kill(number))
            self._forked[number] = forked
            with suppress(OSError):
                if self._send(Fork(number, dict(environment), str(Path.cwd()))):
                    send_handle(self._connection, writing, None)
            os.close(writing)
        if self._lost is not None:
            self._forget_all()
        return forked

    def close(self) -> None:
        """Ends the process, and all that were forked and have not ended."""
        self._process.expect_end()
        with self._lock, suppress(OSError):
            self._connection.send(None)
        if not self._process.wait(_END_S):
            self._process.kill()
            self._process.wait(_END_S)
        self._reader.join(_END_S)
        self._connection.close()

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _kill(self, number: int) -> None:
        with self._lock:
            self._send(Kill(number))

    def _send(self, request: Ask | Fork | Kill) -> bool:
        try:
            self._connection.send(request)
        except OSError:  # it has ended, which the reader notices as well
            return False
        return True

    def _read(self) -> None:
        while True:
            try:
                report = self._connection.recv()
            except (EOFError, OSError):
                break
            match report:
                case Answered(number, answer, error):
                    future = self._asked.pop(number)
                    if error is None:
                        future.set_result(answer)
                    else:
                        future.set_exception(error)
                case Started(number, pid):
                    self._forked[number].pid = pid
                case Ended(number, status):
                    self._forked.pop(number).end(status)
        # How it ended is known, and told, before the ends of those that end with it.
        self._process.wait(None)
        self._forget_all()

    def _lose(self, death: Death) -> None:
        with self._lock:
            self._lost = death
            told = self._told
        if told is not None:
            told(death)

    def _forget_all(self) -> None:
        """Ends all that is waited for, since nothing more will be heard."""
        with self._lock:
            forked, asked = [*self._forked.values()], [*self._asked.values()]
            self._forked.clear()
            self._asked.clear()
            lost = self._lost
        for future in asked:
            future.set_exception(lost.error() if lost else RunError("It was ended", self._name))
        for one in forked:
            one.end(-signal.SIGKILL)
