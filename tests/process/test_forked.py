"""A server that is forked from its user: it serves as a started one does, and ends with it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

from tests.process.test_fork_server import ROOT, WITHIN_S, alive

# A fork runs what its environment says. What this process would do at its exit, no fork does.
PROGRAM = """
import atexit, json, os, signal, sys, tempfile, threading, time
from pipelines.process.fork_loop import serve_forks
from pipelines.process.fork_server import ForkServer
from pipelines.process.forked import ForkedHere, can_fork

folder = tempfile.TemporaryDirectory()
atexit.register(lambda: open(os.path.join(folder.name, "exits"), "a").write("once"))

def serve(connection):
    if serve_forks(connection, lambda text: eval(text, globals())):
        exec(os.environ["PROGRAM"])

def run(program):
    fork = server.fork({"PROGRAM": program})
    return fork.wait(), fork.stdout.readall().decode()

print("twice?", end="", flush=False)
seen = {"can_fork": can_fork()}
server = ForkServer("the server", serve)
seen["ppid"] = server.ask("os.getppid()").result() == os.getpid()
seen["stdin"] = server.ask("os.read(0, 1)").result() == b""
seen["prints"] = run("import atexit; atexit.register(print, 'at exit'); print('hello')")
seen["exits"] = run("sys.exit(3)")
seen["fails"] = run("nothing")[0]
seen["killed"] = run("os.kill(os.getpid(), signal.SIGKILL)")[0]
seen["joins"] = run("threading.Thread(target=lambda: (time.sleep(0.1), print('joined'))).start()")
if sys.argv[1] == "killed":
    fork = server.fork({"PROGRAM": "time.sleep(99)"})
    pid = server.ask("os.getpid()").result()
    print(json.dumps([pid, fork.pid]), file=sys.stderr, flush=True)
    time.sleep(99)
server.close()
alone = ForkedHere(lambda: time.sleep(99))
seen["runs"] = alone.poll()
waiting = threading.Thread(target=alone.wait)
waiting.start()
alone.kill()
waiting.join()
seen["ends"] = alone.wait(), alone.poll()
seen["threads"] = ForkedHere(lambda: None).wait()
threading.Thread(target=time.sleep, args=[0.5]).start()
seen["thread"] = can_fork()
seen["folder"] = os.listdir(folder.name)
print(json.dumps(seen))
"""


def start(how: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", PROGRAM, how],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_forked_server_serves_as_a_started_one() -> None:
    out, errors = start("whole").communicate(timeout=60)
    assert out.startswith("twice?{"), errors
    assert json.loads(out.removeprefix("twice?")) == {
        "can_fork": True,
        "ppid": True,
        "stdin": True,
        "prints": [0, "hello\nat exit\n"],
        "exits": [3, ""],
        "fails": 1,
        "killed": -signal.SIGKILL,
        "joins": [0, "joined\n"],
        "runs": None,
        "ends": [-signal.SIGKILL, -signal.SIGKILL],
        "threads": 0,
        "thread": False,
        "folder": [],
    }


def test_a_forked_server_and_its_forks_end_with_their_user(tmp_path: Path) -> None:
    process = start("killed")
    assert process.stderr is not None
    pids = json.loads(process.stderr.readline())
    assert all(map(alive, pids))
    process.kill()
    process.communicate()
    until = time.monotonic() + WITHIN_S
    while any(map(alive, pids)):
        assert time.monotonic() < until
        time.sleep(0.01)
