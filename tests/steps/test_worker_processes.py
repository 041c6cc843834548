"""If a worker dies, the run ends within seconds with an error that says which one, and why."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import apache_beam as beam
import pytest
from apache_beam.runners.portability.fn_api_runner import FnApiRunner

from pipelines.process.watched import Death, Watched
from pipelines.run.job import Job
from pipelines.steps import worker_processes
from pipelines.steps.runner import run_graph
from schemas.errors import RunError

WITHIN_S = 10.0
WHO = r"^A worker process died: worker_\d+, process \d+, "
ORIGIN = r"^A worker process died: the process that starts workers, process \d+, "
JOB = cast(Job, SimpleNamespace(workers=2, debug=False, beam_options=(), progress_path=""))
# Pickled by value, since a worker may be unable to import the tests; it does its own imports.
Work = Callable[[int], Iterator[int]]


def run(work: Work) -> None:
    """Runs a graph of three stages; the second gets the numbers 0 to 7, some in each worker."""

    def build(pipeline: beam.Pipeline, _: Job) -> None:
        numbers = pipeline | "Numbers" >> beam.Create(range(8), reshuffle=False)
        worked = numbers | "Spread" >> beam.Reshuffle() | "Work" >> beam.FlatMap(work)
        worked | "Gather" >> beam.Reshuffle() | "Check" >> beam.FlatMap(lambda number: [number])

    run_graph(JOB, build)


def children(parent: int = 0) -> list[int]:
    """Returns the live child processes of a process; without one, of this process."""
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                fields = (folder / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == (parent or os.getpid()) and fields[0] not in "ZX":
                found.append(int(folder.name))
    return found


def died(work: Work, mark: Path, who: str = WHO) -> str:
    """Runs a graph in which a worker dies right after creating `mark`; returns the error."""
    before = set(children())
    with pytest.raises(RunError, match=who) as ended:
        run(work)
    assert time.time() - mark.stat().st_mtime < WITHIN_S
    assert set(children()) <= before
    assert "Run the same command again" in ended.value.remedy
    return str(ended.value)


def test_requested_worker_exits_are_not_deaths() -> None:
    before = set(children())

    def work(number: int) -> Iterator[int]:
        yield number

    run(work)
    assert set(children()) <= before


@pytest.mark.parametrize(
    ("number", "cause"),
    [
        (signal.SIGKILL, "killed by signal 9 (perhaps out of memory)"),
        (signal.SIGSEGV, "killed by signal 11 (SIGSEGV)"),
    ],
)
def test_worker_killed_while_the_other_works_is_reported(
    number: int, cause: str, tmp_path: Path
) -> None:
    mark = str(tmp_path / "mark")

    def work(item: int) -> Iterator[int]:
        import os
        import time

        try:
            os.close(os.open(mark, os.O_CREAT | os.O_EXCL))
        except FileExistsError:
            time.sleep(300)
        os.kill(os.getpid(), number)
        yield item

    assert cause in died(work, Path(mark))


def test_last_lines_of_a_dead_worker_are_reported(tmp_path: Path) -> None:
    mark = str(tmp_path / "mark")

    def work(item: int) -> Iterator[int]:
        import os
        import sys
        from pathlib import Path

        for line in range(30):
            print(f"line {line}", file=sys.stdout if line % 2 else sys.stderr, flush=True)
        print("a\x1b[31mred\x07 word " + "x" * 1_000, flush=True)
        Path(mark).touch()
        os._exit(3)
        yield item

    error = died(work, Path(mark))
    assert ", ended with exit status 3. " in error
    lines = error.splitlines()[1:]
    assert lines[:9] == [f"  line {line}" for line in range(21, 30)]
    assert lines[9].startswith("  a [31mred  word xxx") and len(lines[9]) < 400
    assert len(lines) == 10


def test_worker_that_cannot_start_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    program = f"open({str(mark)!r}, 'w').close()\nimport no_such_module"
    command = [sys.executable, "-I", "-c", program]
    monkeypatch.setattr("pipelines.steps.worker_origin.worker_command", lambda debug: command)
    error = died(lambda number: iter([number]), mark, ORIGIN)
    assert ", ended with exit status 1. " in error
    assert error.endswith("\n  ModuleNotFoundError: No module named 'no_such_module'")


@pytest.mark.parametrize("origin", [False, True])
def test_process_killed_between_stages_is_reported(
    origin: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The workers have no unanswered request at that moment; with their origin, both end."""
    mark, before, stages = tmp_path / "mark", set(children()), 0
    execute = FnApiRunner._execute_bundle

    def kill_first(*arguments: Any) -> Any:
        nonlocal stages
        stages += 1
        if stages == 2:
            (starts_workers,) = set(children()) - before
            workers = children(starts_workers)
            assert len(workers) == 2
            mark.touch()
            os.kill(starts_workers if origin else workers[0], signal.SIGKILL)
            ending = [starts_workers, *workers] if origin else workers[:1]
            while any(Path(f"/proc/{pid}/exe").exists() for pid in ending):
                time.sleep(0.01)
        return execute(*arguments)

    monkeypatch.setattr(FnApiRunner, "_execute_bundle", kill_first)
    who = ORIGIN if origin else WHO
    assert "killed by signal 9" in died(lambda number: iter([number]), mark, who)


def test_worker_whose_connections_close_first_is_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A dying process closes its connections; that error must not hide the worker's death."""
    monkeypatch.setattr(worker_processes, "_DYING_S", 30.0)
    mark = str(tmp_path / "mark")

    def work(item: int) -> Iterator[int]:
        import atexit
        import contextlib
        import os
        import signal
        import socket
        import time
        from pathlib import Path

        def die() -> None:
            time.sleep(3)  # the runner notices within this time
            Path(mark).touch()
            os.kill(os.getpid(), signal.SIGKILL)

        atexit.register(die)
        for handle in Path("/proc/self/fd").iterdir():
            with contextlib.suppress(OSError):
                if str(handle.readlink()).startswith("socket:"):
                    socket.socket(fileno=os.dup(int(handle.name))).shutdown(socket.SHUT_RDWR)
        time.sleep(300)
        yield item

    assert "killed by signal 9" in died(work, Path(mark))


def test_exception_in_a_step_is_not_a_death() -> None:
    def work(item: int) -> Iterator[int]:
        raise ZeroDivisionError("of the step's own")
        yield item

    with pytest.raises(RuntimeError, match="of the step's own"):
        run(work)


def watched(program: str, deaths: list[Death]) -> Watched:
    process = subprocess.Popen(
        [sys.executable, "-I", "-c", program],
        env={},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        bufsize=0,
    )
    return Watched("w", process, deaths.append)


def test_requested_exit_is_not_reported() -> None:
    deaths: list[Death] = []
    asked = watched("import time; time.sleep(0.5); raise SystemExit(5)", deaths)
    asked.expect_end()
    assert asked.wait(60) and not deaths
    killed = watched("import time; time.sleep(600)", deaths)
    assert not killed.wait(0.1)
    killed.kill()
    assert killed.wait(60) and not deaths


def test_exit_before_the_request_is_reported() -> None:
    deaths: list[Death] = []
    late = watched("raise SystemExit(5)", deaths)
    while not deaths:
        time.sleep(0.01)
    late.expect_end()
    assert late.wait(60)
    assert [(death.status, death.lines) for death in deaths] == [(5, ())]


def test_grandchild_holding_the_output_causes_no_delay() -> None:
    deaths: list[Death] = []
    program = (
        "import subprocess, sys\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "print('last words', flush=True)\n"
        "raise SystemExit(6)\n"
    )
    begun = time.monotonic()
    assert watched(program, deaths).wait(60)
    assert time.monotonic() - begun < 30
    assert [(death.status, death.lines) for death in deaths] == [(6, ("last words",))]
