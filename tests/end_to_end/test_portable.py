"""Prism and pools of workers make the same bytes, whatever happens to them."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest

from pipelines.run.signing_key import demonstration_key, save_key
from tests.end_to_end.command import Demo, fairshard, tree
from tests.end_to_end.prism import Portable, needs_prism, portable
from tests.end_to_end.sparse import DEAL_ID
from tests.end_to_end.sparse_files import write_library
from tests.end_to_end.sparse_run import package, package_options
from tests.end_to_end.started import ended, is_there, start, wait_until
from tests.end_to_end.test_sparse import LIBRARIES

TWO = ("127.0.0.1", "127.0.0.2")
UNIT = "agency/work/*/units/*.json"
SHARD = "agency/work/*/shards/*.json"
WAYS = {
    "prism, loopback": ("prism", ()),
    "prism, two pools": ("prism", TWO),
    "job service, two pools": ("beam", TWO),
}
LIBRARY = LIBRARIES["one asset a unit"]


def wait_for(pattern: str, out: Path, process: subprocess.Popen[str]) -> None:
    assert wait_until(is_there(pattern, out), pattern, process), process.communicate()


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What the embedded engine makes of the sparse library."""
    made = package(LIBRARY, tmp_path_factory.mktemp("embedded"))
    assert made.ended.code == 0, made.ended.err
    return tree(made.out / DEAL_ID)


def write_inputs(root: Path) -> None:
    write_library(LIBRARY, root)
    save_key(root / "key", demonstration_key(1))


def interrupt(root: Path, on: Portable) -> None:
    """Starts a run, interrupts it when a unit is done, and runs it again to its end."""
    process = start([*package_options(root), *on.options])
    wait_for(UNIT, root / "out", process)
    process.send_signal(signal.SIGINT)
    code, errors = ended(process)
    assert code == 130 and errors.splitlines()[-1].startswith("interrupted;"), errors
    assert errors.count("\n") == 1, errors
    assert on.workers() == []
    again = fairshard(*package_options(root), *on.options)
    assert again.code == 0, again.err


@needs_prism
@pytest.mark.slow
def test_interrupted_command_is_continued_with_the_same_bytes(
    reference: dict[str, str], tmp_path: Path
) -> None:
    write_inputs(tmp_path)
    with portable("prism") as on:
        interrupt(tmp_path, on)
    assert tree(tmp_path / "out" / DEAL_ID) == reference


@needs_prism
@pytest.mark.slow
def test_interrupted_command_stops_its_workers_in_both_pools(
    reference: dict[str, str], tmp_path: Path
) -> None:
    write_inputs(tmp_path)
    with portable("prism", TWO) as on:
        interrupt(tmp_path, on)
    assert tree(tmp_path / "out" / DEAL_ID) == reference


@needs_prism
@pytest.mark.slow
@pytest.mark.parametrize("way", WAYS)
def test_demo_has_the_same_bytes(demo: Demo, way: str, tmp_path: Path) -> None:
    with portable(*WAYS[way]) as on:
        result = fairshard(*demo.package("demo-strict", tmp_path, *on.options))
    assert result.code == 0, result.err
    assert tree(tmp_path / "demo-strict") == tree(demo.out / "demo-strict")


@needs_prism
@pytest.mark.slow
@pytest.mark.parametrize("when", [UNIT, SHARD], ids=["unit", "shard"])
@pytest.mark.parametrize("victim", ["first worker", "all workers", "pool", "service", "command"])
def test_kill_ends_with_one_line_and_the_next_command_with_the_same_bytes(
    reference: dict[str, str], victim: str, when: str, tmp_path: Path
) -> None:
    """Ten kills in mid-run; a run that ends before it notices has ended well."""
    write_inputs(tmp_path)
    with portable("prism", TWO) as on:
        process = start([*package_options(tmp_path), *on.options])
        wait_for(when, tmp_path / "out", process)
        workers = on.workers()
        if victim == "command":
            process.terminate()
        for pid in {
            "first worker": workers[:1],
            "all workers": workers,
            "pool": [on.pools[0].pid],
            "service": [on.service.pid],
            "command": [],
        }[victim]:
            os.kill(pid, signal.SIGKILL)
        code, errors = ended(process)
        assert code in (0, 130 if victim == "command" else 1), errors
        assert code == 0 or errors.count("\n") == 1, errors
    with portable("prism", TWO) as on:
        again = fairshard(*package_options(tmp_path), *on.options)
    assert again.code == 0, again.err
    assert tree(tmp_path / "out" / DEAL_ID) == reference
