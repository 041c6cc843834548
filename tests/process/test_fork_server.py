"""A process that forks others: what it is asked, what becomes of its forks, and of itself."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pipelines.process.fork_server import ForkServer
from pipelines.process.watched import Death
from schemas.errors import InputError, RunError

ROOT = Path(__file__).parents[2]
# The question is a text that is evaluated; a fork runs the text in its environment.
PROGRAM = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # the caller may ignore it
sys.path.insert(0, {root!r})
from multiprocessing.connection import Connection
from pipelines.process.fork_loop import serve_forks
from schemas.errors import InputError
imported = "once"
if serve_forks(Connection(int(sys.argv[-1])), lambda text: eval(text, globals())):
    exec(os.environ["PROGRAM"])
"""
WITHIN_S = 10.0


@pytest.fixture
def server() -> Iterator[ForkServer]:
    started = start(PROGRAM.format(root=str(ROOT)))
    yield started
    started.close()


def start(program: str) -> ForkServer:
    return ForkServer("the server", [sys.executable, "-I", "-c", program])


def alive(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return text.rpartition(")")[2].split()[0] not in "ZX"


def wait_for(happened: object) -> None:
    assert callable(happened)
    until = time.monotonic() + WITHIN_S
    while not happened():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_questions_are_answered_in_one_process(server: ForkServer) -> None:
    first, second = (server.ask("__import__('os').getpid()").result(WITHIN_S) for _ in range(2))
    assert first == second != os.getpid()


def test_errors_of_an_answer_arrive(server: ForkServer) -> None:
    asked = server.ask("(_ for _ in ()).throw(InputError('Wrong', 'this', 'Right it.'))")
    with pytest.raises(InputError, match=r"^Wrong: this\. Right it\.$"):
        asked.result(WITHIN_S)
    assert server.ask("1 + 1").result(WITHIN_S) == 2


def test_forks_have_what_was_made_before_and_an_environment_of_their_own(
    server: ForkServer, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    server.ask("globals().update(loaded='too')").result(WITHIN_S)
    monkeypatch.chdir(tmp_path)
    program = "print(imported, loaded, os.environ['NAME'], len(os.environ), os.getcwd())"
    forks = [server.fork({"PROGRAM": program, "NAME": name}) for name in "ab"]
    said = [fork.stdout.read() for fork in forks]
    assert said == [f"once too {name} 2 {tmp_path}\n".encode() for name in "ab"]
    assert [fork.wait() for fork in forks] == [0, 0]


def test_forks_seldom_look_for_garbage(server: ForkServer) -> None:
    fork = server.fork({"PROGRAM": "import gc; print(gc.get_threshold()[0] > 10_000)"})
    assert (fork.stdout.read(), fork.wait()) == (b"True\n", 0)


def test_ends_of_forks_are_told(server: ForkServer) -> None:
    exits = server.fork({"PROGRAM": "sys.exit(5)"})
    fails = server.fork({"PROGRAM": "raise ValueError('seen')"})
    sleeps = server.fork({"PROGRAM": "__import__('time').sleep(300)"})
    assert exits.wait() == 5
    assert fails.wait() == 1 and b"ValueError: seen" in fails.stdout.read()
    assert sleeps.poll() is None
    sleeps.kill()
    assert sleeps.wait() == -signal.SIGKILL


def test_forks_exit_as_other_processes_do(server: ForkServer) -> None:
    program = "import atexit; atexit.register(print, 'at exit'); print('work')"
    assert server.fork({"PROGRAM": program}).stdout.read() == b"work\nat exit\n"


def test_an_interrupt_reaches_forks_and_not_the_server(server: ForkServer) -> None:
    pid = server.ask("__import__('os').getpid()").result(WITHIN_S)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGINT)
    program = "import signal; os.kill(os.getpid(), signal.SIGINT); print('still there')"
    fork = server.fork({"PROGRAM": program})
    assert b"KeyboardInterrupt" in fork.stdout.read()
    assert server.ask("1").result(WITHIN_S) == 1


def test_closing_ends_what_is_running() -> None:
    server = start(PROGRAM.format(root=str(ROOT)))
    fork = server.fork({"PROGRAM": "print('up', flush=True); __import__('time').sleep(300)"})
    assert fork.stdout.read(3) == b"up\n"
    server.close()
    assert not alive(fork.pid)
    assert fork.wait() == -signal.SIGKILL


def test_forks_end_with_a_server_that_is_killed(server: ForkServer) -> None:
    deaths: list[Death] = []
    server.tell_deaths(deaths.append)
    fork = server.fork({"PROGRAM": "print('up', flush=True); __import__('time').sleep(300)"})
    fork.stdout.read(3)
    pid = server.ask("__import__('os').getpid()").result(WITHIN_S)
    assert isinstance(pid, int)
    os.kill(pid, signal.SIGKILL)
    assert fork.wait() == -signal.SIGKILL
    assert [(death.name, death.pid, death.status) for death in deaths] == [("the server", pid, -9)]
    wait_for(lambda: not alive(fork.pid))


@pytest.mark.parametrize("late", [False, True])
def test_a_server_that_cannot_start_is_told_to_whoever_waits(late: bool) -> None:
    """Whether they asked before it ended or afterwards."""
    server = start("import no_such_module")
    if late:
        wait_for(lambda: server._process.wait(0))
    error = r"died: the server, process \d+, ended with exit status 1.*No module named 'no_such_m"
    with pytest.raises(RunError, match=rf"(?s){error}"):
        server.ask("1").result(WITHIN_S)
    assert server.fork({}).wait() == -signal.SIGKILL
    deaths: list[Death] = []
    server.tell_deaths(deaths.append)
    assert [death.status for death in deaths] == [1]
    server.close()


def test_forks_end_with_a_command_that_is_killed(tmp_path: Path) -> None:
    mark = tmp_path / "pid"
    writes = f"open({str(mark)!r}, 'w').write(str(os.getpid())); __import__('time').sleep(300)"
    program = (
        f"import sys, time; sys.path.insert(0, {str(ROOT)!r})\n"
        "from pipelines.process.fork_server import ForkServer\n"
        f"s = ForkServer('s', [sys.executable, '-I', '-c', {PROGRAM.format(root=str(ROOT))!r}])\n"
        f"s.fork({{'PROGRAM': {writes!r}}})\n"
        "time.sleep(300)\n"
    )
    pid = os.spawnv(os.P_NOWAIT, sys.executable, [sys.executable, "-I", "-c", program])
    wait_for(lambda: mark.exists() and mark.read_text())
    fork = int(mark.read_text())
    assert alive(fork)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    wait_for(lambda: not alive(fork))
