"""Several processes that append at once, and processes that are killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from moto.server import ThreadedMotoServer

from pipelines.accounts.log import open_log
from pipelines.storage import s3_store
from pipelines.storage.open import open_store
from pipelines.storage.s3_client import S3Options, s3_client
from pipelines.storage.store import Store
from tests.accounts.cases import key_of, note
from tests.accounts.independent import check_books, read_log
from tests.end_to_end.command import environment

# For every line of its input, forks a child that appends the events of a range of numbers, one by
# one, and says which are recorded. The imports, which take long, are done once.
APPENDER = """
import os, sys
from pathlib import Path
from pipelines.accounts.log import open_log
from pipelines.storage.open import open_store
from tests.accounts.cases import key_of, note
out, memory = sys.argv[1], Path(sys.argv[2])
os.write(1, b"ready\\n")  # one write, since a child writes to the same pipe
for line in sys.stdin:
    child = os.fork()
    if not child:
        for number in range(*map(int, line.split())):
            note(open_log(open_store(out), key_of(memory)), str(number))
            os.write(1, b"%d\\n" % number)
        os._exit(0)
    os.write(1, b"child %d\\n" % child)
    os.waitpid(child, 0)
    os.write(1, b"ended\\n")
"""


class Appender:
    """A process whose children append events."""

    def __init__(self, folder: Path) -> None:
        words = [str(folder / "out"), str(folder / "key.checkpoint")]
        self._process = subprocess.Popen(
            [sys.executable, "-c", APPENDER, *words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment(),
        )
        assert self._process.stdin and self._process.stdout
        self._input, self._output = self._process.stdin, self._process.stdout
        assert self._output.readline() == "ready\n"

    def go(self, first: int, last: int) -> None:
        """Starts a child that appends the events of these numbers."""
        print(first, last, file=self._input, flush=True)

    def kill_after(self, delay_s: float) -> None:
        """Kills the child with SIGKILL."""
        self._said: list[str] = []
        while not (line := self._output.readline()).startswith("child"):
            self._said.append(line.strip())
        time.sleep(delay_s)
        os.kill(int(line.split()[1]), signal.SIGKILL)

    def ended(self) -> list[str]:
        """Waits for the child's end and returns the events that it said were recorded."""
        said = getattr(self, "_said", [])
        while (line := self._output.readline()) != "ended\n":
            assert line
            if not line.startswith("child"):
                said.append(line.strip())
        return said

    def close(self) -> None:
        self._input.close()
        assert self._process.wait() == 0
        self._output.close()


def events_of(folder: Path) -> list[str]:
    """The events in the log, after the independent verifier has checked all of it."""
    leaves = read_log(folder / "out" / "agency" / "log")
    check_books(folder / "out", leaves)
    return [str(leaf["name"]).split()[1] for leaf in leaves if leaf["kind"] == "notice"]


@pytest.mark.long
def test_processes_that_append_at_once(tmp_path: Path) -> None:
    spans = ((0, 25), (15, 40), (30, 50))
    running = [Appender(tmp_path) for _ in spans]
    for appender, span in zip(running, spans, strict=True):
        appender.go(*span)
    assert [len(appender.ended()) for appender in running] == [25, 25, 20]
    for appender in running:
        appender.close()
    events = events_of(tmp_path)
    assert sorted(events, key=int) == [str(number) for number in range(50)]  # each once
    assert open_log(open_store(str(tmp_path / "out")), key_of(None)).size == 51


def kill_at_random(folder: Path, kills: int, seed: int) -> None:
    """Kills one appender after another at a random moment, and checks what is left."""
    chance, number = random.Random(seed), 0
    said: set[str] = set()
    appender = Appender(folder)
    for _ in range(kills):
        appender.go(number, number + 1_000)
        appender.kill_after(chance.uniform(0.0, 0.12))
        said |= set(appender.ended())
        number = max(map(int, said), default=-1) + 1
    appender.close()
    assert said
    # Whoever comes next completes what was begun, and finds everything that was said.
    log = open_log(open_store(str(folder / "out")), key_of(folder / "key.checkpoint"))
    note(log, "last")
    events = events_of(folder)
    assert len(events) == len(set(events)) and said <= set(events)
    # At most the event that a kill cut off is there without having been said.
    assert len(set(events) - said) <= kills + 1
    assert events[-1] == "last" and events[:-1] == [str(one) for one in range(len(events) - 1)]


@pytest.mark.long
def test_kills(tmp_path: Path) -> None:
    kill_at_random(tmp_path, 20, 7)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3))
def test_many_kills(tmp_path: Path, seed: int) -> None:
    kill_at_random(tmp_path, 50, seed)


@pytest.mark.parametrize("call", range(1, 41))
def test_a_stop_at_any_write(tmp_path: Path, call: int) -> None:
    """The store fails at one write of an append; the next process ends with the same log."""
    folder = tmp_path / "sound"
    folder.mkdir()
    sound = open_log(open_store(str(folder / "out")), key_of(None))
    for name in ("one", "two"):
        note(sound, name)
    store = Stopping(open_store(str(tmp_path / "out")), call)
    for name in ("one", "two"):
        try:
            note(open_log(store, key_of(None)), name)  # type: ignore[arg-type]
        except Stopped:
            note(open_log(store, key_of(None)), name)  # type: ignore[arg-type]
    assert store.left <= 0  # it was stopped
    again = open_log(open_store(str(tmp_path / "out")), key_of(None))
    assert (again.size, again.root) == (3, sound.root)
    assert events_of(tmp_path) == ["one", "two"]


class Stopped(Exception):
    """The process is stopped here."""


class Stopping:
    """A store that stops once, before or after a write, and then works."""

    def __init__(self, store: Store, left: int) -> None:
        self._store = store
        self.left = left

    def __getattr__(self, name: str) -> object:
        found = getattr(self._store, name)
        if name not in ("write_bytes", "write_new"):
            return found

        def writing(*words: object, **named: object) -> object:
            self._count()
            done = found(*words, **named)
            self._count()
            return done

        return writing

    def _count(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise Stopped


@pytest.fixture(scope="module")
def options() -> Iterator[S3Options]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield S3Options(f"http://{host}:{port}", "us-east-1")
    server.stop()


@pytest.mark.long
def test_appenders_on_s3(
    options: S3Options, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setattr(s3_store, "SETTLE_S", 0.2)  # more than a write takes on this machine
    bucket = f"b-{uuid.uuid4().hex}"
    s3_client(options).create_bucket(Bucket=bucket)
    store = open_store(f"s3://{bucket}/out", options)
    memory = tmp_path / "key.checkpoint"

    def append(span: range) -> list[int]:
        log = open_log(store, key_of(memory))
        return [note(log, str(number)).index for number in span]

    with ThreadPoolExecutor(2) as pool:
        first, second = pool.map(append, (range(6), range(3, 9)))
    assert first[3:] == second[:3]
    assert len({*first, *second}) == 9
    for found in store.list():
        path = tmp_path / "out" / found.key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(store.read_bytes(found.key))
    assert sorted(events_of(tmp_path), key=int) == [str(number) for number in range(9)]
