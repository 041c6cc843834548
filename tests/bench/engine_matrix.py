"""Runs every engine on every library, and requires one delivery of each: `make engines`.

python -m tests.bench.engine_matrix [--all] [--engine NAME ...] [--library NAME ...] [--json FILE]

The libraries are the demo's main deal, a sparse library into a folder, and the same one into a real
S3 (Swift after `make swift-env`, else moto). The table has the sha256 of `delivery/`, the elapsed
time of the whole command, the processor time of all processes but the S3 service's, and the ratios
of both to the embedded engine with one process. Services and clusters are started before, once for
all libraries, and that is not counted.

A run that does not end in `--limit-s` is killed. What fails, hangs or differs is listed, and the
exit code is then 1. An engine that is not installed is listed as not run, and so are those that
have not begun within `--within-s`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import os
import platform
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.storage.open import open_store
from tests.bench.engine_table import FIRST, LIBRARIES, Cell, problems, table
from tests.bench.scale_watch import process_tree, processor_s
from tests.end_to_end.command import Demo, command, environment
from tests.end_to_end.dask_cluster import cluster
from tests.end_to_end.prism import binary, children, portable
from tests.end_to_end.sparse import DEAL_ID
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package_options
from tests.end_to_end.test_sparse import LIBRARIES as SPARSE
from tests.faults.servers import Server, direct_aws, strictest_server

_POOLS = ("127.0.0.1", "127.0.0.2")
_EMBEDDED = {FIRST: 1, "embedded, two processes": 2}
_PORTABLE: dict[str, tuple[str, tuple[str, ...]]] = {
    "Prism, LOOPBACK": ("prism", ()),
    "Prism, two pools": ("prism", _POOLS),
    "job service, LOOPBACK": ("beam", ()),
    "job service, two pools": ("beam", _POOLS),
}
_DASK = {"Dask, one worker": 1, "Dask, two workers": 2, "Dask, four workers": 4}
ENGINES = (*_EMBEDDED, *_PORTABLE, *_DASK)
ONLY_WITH_ALL = ("job service, two pools", "Dask, four workers")
_DEMO_DEAL = "demo-main"
_BUCKET = "engines"


@dataclass(frozen=True)
class _Place:
    """The inputs of all runs, and the S3 service."""

    root: Path
    assets: int
    server: Server
    server_pids: frozenset[int]
    limit_s: float

    def words(self, library: str, number: int) -> tuple[list[object], str, str]:
        """Returns a command without an engine, its output, and its deal's id."""
        if library == "demo":
            demo = Demo(self.root / "demo", {})
            out = str(self.root / f"demo-{number}")
            return demo.package(_DEMO_DEAL, out), out, _DEMO_DEAL
        sparse = self.root / "sparse"
        out = f"s3://{_BUCKET}/{number}" if library == "s3" else str(self.root / f"sparse-{number}")
        return package_options(sparse, out, workers=None), out, DEAL_ID

    def processor_s(self) -> float:
        """Returns the processor time of this process's descendants, living and ended."""
        service = {below for pid in self.server_pids for below in process_tree(pid)}
        return sum(processor_s(pid) for pid in {*process_tree(os.getpid())} - service)


def wanted(engines: Sequence[str], everything: bool) -> list[str]:
    """Returns the engines to run, the one that all are compared with first."""
    chosen = [name for name in ENGINES if everything or name not in ONLY_WITH_ALL]
    return list(dict.fromkeys([FIRST, *(engines or chosen)]))


def absent(engine: str) -> str:
    """Returns why an engine cannot run here; "" if it can."""
    if engine.startswith("Prism") and not binary().is_file():
        return "not run: Prism is not built; `make prism` does it, and needs Go"
    return ""


@contextmanager
def _engine(name: str, variables: Mapping[str, str]) -> Iterator[list[object]]:
    """Starts an engine; yields the options of `fairshard package` for it."""
    if name in _EMBEDDED:
        yield ["--workers", _EMBEDDED[name]]
    elif name in _DASK:
        with cluster(_DASK[name], env=variables) as dask:
            yield dask.options
    else:
        service, pools = _PORTABLE[name]
        with portable(service, pools, variables=variables) as on:
            yield ["--workers", 1, *on.options]


def run_command(words: list[object], variables: Mapping[str, str], limit_s: float) -> str:
    """Runs a command; returns why it failed, or ""."""
    process = subprocess.Popen(
        command(*words),
        env=environment(variables),
        start_new_session=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        errors = process.communicate(timeout=limit_s)[1].strip()
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return f"it did not end in {limit_s:g} s and was killed"
    return f"exit code {process.returncode}: {errors}" if process.returncode else ""


def _digest(out: str, deal_id: str) -> str:
    """Returns the sha256 over the names and digests of all files of a delivery."""
    store, prefix = open_store(out), f"{deal_id}/v0001/delivery"
    files = {
        item.key.removeprefix(prefix): hashlib.sha256(store.read_bytes(item.key)).hexdigest()
        for item in store.list(prefix)
    }
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()


def _measure(place: _Place, engine: str, options: list[object], library: str, number: int) -> Cell:
    words, out, deal_id = place.words(library, number)
    variables = place.server.environment(place.server.endpoint)
    began, used = perf_counter(), place.processor_s()
    failure = run_command([*words, *options], variables, place.limit_s)
    clock_s, taken = perf_counter() - began, place.processor_s() - used
    sha256 = "" if failure else _digest(out, deal_id)
    return Cell(engine, library, sha256, clock_s, taken, failure)


def measure(
    place: _Place, engines: Sequence[str], libraries: Sequence[str], until: float
) -> Iterator[Cell]:
    """Runs engines on all libraries, and begins with none of them when the time is up."""
    for number, engine in enumerate(engines):
        if perf_counter() > until:
            return
        done: list[str] = []
        try:
            with _engine(engine, place.server.environment(place.server.endpoint)) as options:
                for library in libraries:
                    cell = _measure(place, engine, options, library, number)
                    print(f"{engine}, {library}: {cell.clock_s:.0f} s", file=sys.stderr, flush=True)
                    yield cell
                    done.append(library)
                    if cell.failure:
                        break  # what is left of that run would disturb the next
        except (AssertionError, OSError, ValueError) as error:
            failure = f"it could not be started, read or stopped: {error}"
            for library in [one for one in libraries if one not in done] or libraries[-1:]:
                yield Cell(engine, library, failure=failure)


@contextmanager
def _prepared(assets: int, libraries: Sequence[str], limit_s: float) -> Iterator[_Place]:
    """Makes the libraries and starts S3."""
    with ExitStack() as stack:
        root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="fairshard-engines-")))
        if "demo" in libraries:
            made = ["demo", "--out", root / "demo", "--assets", assets, "--quiet", "--json"]
            subprocess.run(command(*made), check=True, env=environment(), stdout=subprocess.DEVNULL)
        (root / "sparse").mkdir()
        write_library(SPARSE["one asset a unit"], root / "sparse")
        save_key(root / "sparse" / "key", demonstration_key(1))
        before = {*children(os.getpid())}
        server = stack.enter_context(strictest_server())
        pids = frozenset({*children(os.getpid())} - before)
        stack.enter_context(direct_aws(server))
        server.client().create_bucket(Bucket=_BUCKET)
        yield _Place(root, assets, server, pids, limit_s)


def main() -> None:
    """Parses the options, runs and prints."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.engine_matrix")
    parser.description = __doc__.splitlines()[0]
    parser.add_argument("--assets", type=int, default=360, help="of the demo (default: 360)")
    parser.add_argument("--all", action="store_true", help=f"also {' and '.join(ONLY_WITH_ALL)}")
    parser.add_argument("--engine", action="append", choices=ENGINES, help="besides the first")
    parser.add_argument("--library", action="append", choices=LIBRARIES, help="default: all")
    parser.add_argument("--limit-s", type=float, default=600, help="of one run (default: 600)")
    parser.add_argument("--within-s", type=float, default=math.inf, help="of all (default: no end)")
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    libraries = [name for name in LIBRARIES if name in (options.library or LIBRARIES)]
    names = wanted(options.engine or (), options.all)
    missing = {name: why for name in names if (why := absent(name))}
    began, here = perf_counter(), [name for name in names if name not in missing]
    with _prepared(options.assets, libraries, options.limit_s) as place:
        service = "Swift" if place.server.strict else "moto"
        cells = list(measure(place, here, libraries, began + options.within_s))
    late = {*here} - {cell.engine for cell in cells}
    missing |= {name: "not run: no time was left" for name in names if name in late}
    machine = f"{platform.machine()}, {os.cpu_count()} cores"
    print(f"{machine}; demo of {options.assets} assets; S3 is {service}")
    print("\n".join([*table(cells), *(f"{name}: {why}" for name, why in missing.items())]))
    wrong = problems(cells)
    if options.json:
        found: dict[str, Any] = {"cells": [asdict(cell) for cell in cells], "not run": missing}
        options.json.write_text(json.dumps(found, indent=2), encoding="utf-8")
    said = f"All of these made the same bytes of each library, in {perf_counter() - began:.0f} s."
    print("\n".join(wrong or [said]))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
