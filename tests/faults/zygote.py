"""A process that has imported everything and forks runs of the command on request.

Starting the command takes seconds of imports, too long for hundreds of runs that are killed. A fork
of a process without busy threads behaves like a new one: imported modules are only read, and the
fork creates its own pools, clients and engines. A run leads its own process group and ends as the
command does, through `pipelines.cli.main`.

A request is one packet of JSON with three descriptors: stdout, stderr, and a pipe to which the
run's process id and then its exit status are written, one line each.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import reduce
from pathlib import Path

# Modules that every run would otherwise import later.
_PRELOADED = (
    "great_expectations apache_beam.typehints.opcodes apache_beam.typehints.intrinsic_one_ops "
    "apache_beam.runners.portability.fn_api_runner jinja2.ext multiprocessing.synchronize "
    "pipelines.cli pipelines.commands.clean pipelines.commands.package pipelines.commands.verify "
    "pipelines.commands.fund pipelines.commands.pay pipelines.commands.payout "
    "pipelines.commands.revoke "
    "pipelines.storage.local_store pipelines.storage.s3_store pipelines.profiles.image_text "
    "pipelines.profiles.video_text pyarrow.dataset pyarrow.substrait PIL.TiffImagePlugin "
    "PIL.ImageOps encodings.ascii"
).split()
# Arrow's allocator has its own thread and handles forks itself.
_HARMLESS = {"jemalloc_bg_thd"}
_MOST_BYTES = 1 << 20


@dataclass(frozen=True)
class RunRequest:
    """A request for one run.

    Attributes:
        arguments: The arguments of `fairshard`.
        environment: The complete environment.
        attributes: Values to set in modules, by `module:path.name`, such as the size of a part.
    """

    arguments: Sequence[str]
    environment: Mapping[str, str]
    attributes: Mapping[str, int | float] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """Returns the packet."""
        return json.dumps(asdict(self)).encode()


def _run(request: RunRequest) -> int:
    os.environ.clear()
    os.environ.update(request.environment)
    for place, value in request.attributes.items():
        module, _, path = place.partition(":")
        *holders, name = path.split(".")
        setattr(reduce(getattr, holders, importlib.import_module(module)), name, value)
    from pipelines.cli import main

    try:
        return main(request.arguments)
    except SystemExit as ended:  # argparse
        return ended.code if isinstance(ended.code, int) else 2


def _child(request: RunRequest, out: int, err: int) -> None:
    os.setpgid(0, 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    code = 70
    try:
        code = _run(request)
    finally:
        # What an interpreter does on exit, except freeing its memory, which takes seconds.
        for step in (atexit._run_exitfuncs, sys.stdout.flush):
            with contextlib.suppress(Exception):
                step()
        os._exit(code)


def _run_and_report(request: RunRequest, out: int, err: int, status_fd: int) -> None:
    """Forks the run and reports its process id, then its exit status."""
    pid = os.fork()
    if pid == 0:
        os.close(status_fd)
        _child(request, out, err)
    with contextlib.suppress(OSError):  # the child has done it itself, or has ended
        os.setpgid(pid, pid)
    os.write(status_fd, f"{pid}\n".encode())
    _, status = os.waitpid(pid, 0)
    os.write(status_fd, f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def busy_threads() -> list[str]:
    """Returns the names of this process's threads, except the main one and harmless ones."""
    names = [(task / "comm").read_text().strip() for task in Path("/proc/self/task").iterdir()]
    return [name for name in names if name not in _HARMLESS][1:]


def serve(control: socket.socket) -> None:
    """Answers requests until the other end is closed."""
    for name in _PRELOADED:
        importlib.import_module(name)
    gc.collect()
    # The garbage collector would otherwise copy pages in each fork, which takes seconds.
    gc.freeze()
    control.send(json.dumps({"threads": busy_threads()}).encode())
    while True:
        packet, descriptors, _, _ = socket.recv_fds(control, _MOST_BYTES, 3)
        if not packet:
            return
        if os.fork() == 0:
            control.close()
            _run_and_report(RunRequest(**json.loads(packet)), *descriptors)
        for descriptor in descriptors:
            os.close(descriptor)
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
