"""The loop of a process that imports and loads once what many need, and forks them on request.

A fork behaves like a new process as long as the process that forks runs one thread, so what is
imported and answered there must start none. NumPy's and Arrow's own threads are harmless: these
libraries end or replace them when the process forks.
"""

from __future__ import annotations

import gc
import os
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.reduction import recv_handle

from pipelines.process.identity import end_with, this_process
from pipelines.process.no_garbage import collect_seldom
from schemas.errors import FairshardError


@dataclass(frozen=True)
class Ask:
    """A question that the process answers itself, before it forks any process.

    Attributes:
        number: The request's number.
        question: Whatever the process was made to answer.
    """

    number: int
    question: object


@dataclass(frozen=True)
class Fork:
    """A request for a process; the descriptor of its output follows.

    Attributes:
        number: The request's number, which also names the process afterwards.
        environment: All of its environment.
        folder: Its current folder.
    """

    number: int
    environment: Mapping[str, str]
    folder: str


@dataclass(frozen=True)
class Kill:
    """A request to kill the process of an earlier request."""

    number: int


@dataclass(frozen=True)
class Answered:
    """The answer to a question, or the error that it led to."""

    number: int
    answer: object = None
    error: FairshardError | None = None


@dataclass(frozen=True)
class Started:
    """A process was started."""

    number: int
    pid: int


@dataclass(frozen=True)
class Ended:
    """A process ended; the status is negative if a signal killed it."""

    number: int
    status: int


def serve_forks(connection: Connection, answer: Callable[[object], object]) -> bool:
    """Serves requests until the other end is closed, and then kills what is still running.

    Args:
        connection: Where requests come from and reports go to.
        answer: Answers questions; a `FairshardError` is passed on.

    Returns:
        True in each forked process, which does its work and exits like any other; False in the
        serving one, when it is done.
    """
    return _Loop(connection, answer).serve()


class _Loop:
    def __init__(self, connection: Connection, answer: Callable[[object], object]) -> None:
        self._connection = connection
        self._answer = answer
        self._me = this_process()
        self._running: dict[int, int] = {}  # numbers by process id
        self._woken, self._wakes = socket.socketpair()

    def serve(self) -> bool:
        self._woken.setblocking(False)
        self._wakes.setblocking(False)
        # An interrupt from the keyboard reaches all processes, and the command decides.
        interrupt = signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._wakes.fileno())
        while True:
            ready = wait([self._connection, self._woken])
            if self._woken in ready:
                with suppress(BlockingIOError):
                    self._woken.recv(4096)
                self._report_ends()
            if self._connection in ready:
                try:
                    request = self._connection.recv()
                except (EOFError, OSError):  # the command has ended
                    request = None
                if request is None:
                    self._kill_all()
                    return False
                forked = self._handle(request)
                if forked:
                    signal.signal(signal.SIGINT, interrupt)
                    return True

    def _handle(self, request: Ask | Fork | Kill) -> bool:
        """Handles a request; returns True in a process that it forked."""
        match request:
            case Ask(number, question):
                self._connection.send(self._answered(number, question))
            case Fork():
                return self._fork(request)
            case Kill(number):
                for pid, running in self._running.items():
                    if running == number:
                        os.kill(pid, signal.SIGKILL)
        return False

    def _answered(self, number: int, question: object) -> Answered:
        try:
            return Answered(number, self._answer(question))
        except FairshardError as error:
            return Answered(number, error=error)

    def _fork(self, request: Fork) -> bool:
        output = recv_handle(self._connection)
        gc.collect()
        gc.freeze()  # or the garbage collector of each process would copy most of its memory
        pid = os.fork()
        if pid:
            os.close(output)
            self._running[pid] = request.number
            self._connection.send(Started(request.number, pid))
            return False
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._connection.close()
        for end in (self._woken, self._wakes):
            end.close()
        for standard in (1, 2):
            os.dup2(output, standard)
        os.close(output)
        os.chdir(request.folder)
        os.environ.clear()
        os.environ.update(request.environment)
        end_with(self._me.pid, self._me.started_ticks)
        collect_seldom()
        return True

    def _report_ends(self) -> None:
        for pid in [*self._running]:
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                number = self._running.pop(pid)
                with suppress(OSError):
                    self._connection.send(Ended(number, os.waitstatus_to_exitcode(status)))

    def _kill_all(self) -> None:
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
        for pid in self._running:
            os.waitpid(pid, 0)
