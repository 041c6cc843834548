"""Kills workers, pools and schedulers of engines in mid-run, until every run has ended right.

    python -m tests.faults.engine_kills [--engine dask|prism] [--kills N] [--seed N]

A run is killed at a random moment after its first new batch, unit or shard. One that ends with a
message is started again on the same output, and may be killed again. Each output must end up with
the bytes that the embedded engine makes. Without `--engine`, the kills are shared by both.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pipelines.run.signing_key import demonstration_key, save_key
from tests.end_to_end.command import tree
from tests.end_to_end.dask_cluster import cluster
from tests.end_to_end.prism import portable
from tests.end_to_end.sparse import DEAL_ID, Library
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package, package_options
from tests.end_to_end.started import ended, start, wait_until
from tests.end_to_end.test_sparse import planted

_LIBRARY = Library(
    tuple(planted(unit, number=number, bits=3) for unit in range(8) for number in range(2)), bits=3
)
_WORKERS = 3
_HOSTS = ("127.0.0.1", "127.0.0.2")
_MOMENTS = {"batch": "agency/work/*/batches/*", "unit": "agency/work/*/units/*.json"} | {
    "shard": "agency/work/*/shards/*.json"
}
_LATER_S = 1.0
_MOST_IN_A_CHAIN = 3


@dataclass(frozen=True)
class Engine:
    """A running engine.

    Attributes:
        options: The options of `fairshard package` for it.
        victims: What can be killed of it, and how its processes are found.
        survives: Those that it goes on without.
    """

    options: list[object]
    victims: Mapping[str, Callable[[], list[int]]]
    survives: frozenset[str] = frozenset()


@dataclass
class Tally:
    """What was killed, when, and how the runs ended."""

    engine: str
    kills: int = 0
    outputs: int = 0
    victims: Counter[str] = field(default_factory=Counter)
    moments: Counter[str] = field(default_factory=Counter)
    ended: Counter[str] = field(default_factory=Counter)

    def __str__(self) -> str:
        rows = ((one.most_common(), name) for name, one in self._counters())
        lines = [
            f"  {name}: {', '.join(f'{what} {count}' for what, count in row)}" for row, name in rows
        ]
        first = f"{self.engine}: {self.kills} kills, {self.outputs} outputs, all with equal bytes"
        return "\n".join([first, *lines])

    def _counters(self) -> Iterator[tuple[str, Counter[str]]]:
        yield "killed", self.victims
        yield "after the first", self.moments
        yield "the run", self.ended


@contextmanager
def dask() -> Iterator[Engine]:
    """Runs a Dask cluster, which starts workers again by itself."""
    with cluster(_WORKERS) as made:
        chosen = random.Random(len(made.address))
        yield Engine(
            made.options,
            {
                "worker": lambda: [chosen.choice(made.worker_pids())],
                "scheduler": lambda: [made.pids["scheduler"]],
            },
            frozenset({"worker"}),
        )


@contextmanager
def prism() -> Iterator[Engine]:
    """Runs Prism and two pools; none of its jobs goes on without a worker that it had."""
    with portable("prism", _HOSTS) as made:
        yield Engine(
            [*made.options],
            {
                "worker": lambda: made.workers()[:1],
                "all workers": made.workers,
                "pool": lambda: [made.pools[-1].pid],
                "scheduler": lambda: [made.service.pid],
            },
        )


ENGINES = {"dask": dask, "prism": prism}


def kill_runs(name: str, kills: int, seed: int, folder: Path) -> Tally:
    """Kills parts of an engine in mid-run, and compares what the runs make in the end.

    Args:
        name: Of the engine.
        kills: How many.
        seed: For what is killed when.
        folder: An empty folder.

    Raises:
        AssertionError: If a run ends with anything but a message, or with other bytes.
    """
    chance, tally = random.Random(f"{name} {seed}"), Tally(name)
    undisturbed = package(_LIBRARY, folder).out
    reference = tree(undisturbed / DEAL_ID)
    while tally.kills < kills:
        root = folder / f"output-{tally.outputs}"
        root.mkdir()
        write_library(_LIBRARY, root)
        save_key(root / "key", demonstration_key(1))
        # Otherwise each worker that takes a dead one's place loads the model first.
        shutil.copytree(undisturbed / "agency/features", root / "out/agency/features")
        _run_to_its_end(ENGINES[name], root, chance, tally, kills)
        assert tree(root / "out" / DEAL_ID) == reference
        tally.outputs += 1
    return tally


def _run_to_its_end(
    engines: Callable[[], AbstractContextManager[Engine]],
    root: Path,
    chance: random.Random,
    tally: Tally,
    kills: int,
) -> None:
    """Runs the command on one output again and again until it ends well."""
    in_chain = 0
    with ExitStack() as stack:
        engine: Engine | None = None
        while True:
            if engine is None:
                stack.close()
                engine = stack.enter_context(engines())
            process = start([*package_options(root, workers=None), *engine.options])
            victim = ""
            try:
                if in_chain < _MOST_IN_A_CHAIN and tally.kills < kills:
                    victim = _strike(engine, root / "out", process, chance, tally)
                code, errors = ended(process)
            finally:
                process.kill()
            in_chain += bool(victim)
            if code == 0:
                tally.ended["went on to its end" if victim else "was not killed"] += 1
                return
            tally.ended["said so, and was started again"] += 1
            assert victim and code in (1, 2), errors
            assert "again" in errors and errors.count("\n") == 1, errors
            if victim not in engine.survives:
                engine = None


def _strike(
    engine: Engine,
    out: Path,
    process: subprocess.Popen[str],
    chance: random.Random,
    tally: Tally,
) -> str:
    """Waits for a moment and kills; returns what was killed, or "" if the run ended before."""
    moment, later_s = chance.choice([*_MOMENTS]), chance.uniform(0, _LATER_S)
    victim = chance.choice([*engine.victims])
    if not wait_until(_is_new(_MOMENTS[moment], out, time.time()), moment, process):
        return ""
    time.sleep(later_s)
    found = engine.victims[victim]()
    if process.poll() is not None or not found:
        return ""
    for pid in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    tally.kills += 1
    tally.victims[victim] += 1
    tally.moments[moment] += 1
    return victim


def _is_new(pattern: str, out: Path, since_s: float) -> Callable[[], bool]:
    def found() -> bool:
        times = []
        for path in out.glob(pattern):
            with contextlib.suppress(FileNotFoundError):
                times.append(path.stat().st_mtime)
        return max(times, default=0.0) > since_s

    return found


def main() -> None:
    """Kills, compares and prints a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--engine", choices=tuple(ENGINES), help="default: both")
    parser.add_argument("--kills", type=int, default=30, metavar="N", help="default: 30")
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="default: 1")
    options = parser.parse_args()
    names = [options.engine] if options.engine else [*ENGINES]
    for number, name in enumerate(names):
        kills = options.kills // len(names) + (number < options.kills % len(names))
        with tempfile.TemporaryDirectory(prefix="fairshard-kills-") as folder:
            print(kill_runs(name, kills, options.seed, Path(folder)), flush=True)


if __name__ == "__main__":
    main()
