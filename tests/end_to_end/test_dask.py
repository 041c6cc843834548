"""A Dask cluster makes the same bytes, whatever happens to it, and refuses what could not."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.end_to_end.command import Demo, command, environment, fairshard, tree
from tests.end_to_end.dask_cluster import Cluster, another_worker, cluster, kill

DEAL = "demo-strict"
UNIT = "agency/work/*/units/*.json"
SHARD = "agency/work/*/shards/*.json"


@pytest.fixture(scope="module")
def two() -> Iterator[Cluster]:
    """Two workers, and TLS between all nodes."""
    with cluster(2, "--tls") as made:
        yield made


def start(demo: Demo, out: Path, on: Cluster) -> subprocess.Popen[str]:
    return subprocess.Popen(
        command(*demo.package(DEAL, out, *on.options)),
        env=environment(on.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for(pattern: str, out: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while next(out.glob(pattern), None) is None:
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.005)


def await_that(ready: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.1)


def same(demo: Demo, out: Path) -> None:
    assert tree(out / DEAL) == tree(demo.out / DEAL)


@pytest.mark.long
def test_two_workers_with_tls_give_the_same_bytes_though_both_are_killed(
    demo: Demo, two: Cluster, tmp_path: Path
) -> None:
    demo.copy_features(tmp_path)
    process = start(demo, tmp_path, two)
    try:
        first, second = two.worker_pids()
        wait_for(UNIT, tmp_path, process)
        kill(first)
        wait_for(SHARD, tmp_path, process)
        kill(second)
        said, errors = process.communicate(timeout=300)
    finally:
        process.kill()
    assert process.returncode == 0, errors
    assert said
    same(demo, tmp_path)


@pytest.mark.slow
def test_killing_the_command_cancels_its_tasks(demo: Demo, two: Cluster, tmp_path: Path) -> None:
    demo.copy_features(tmp_path)
    process = start(demo, tmp_path, two)
    try:
        wait_for("agency/work/*/batches/*", tmp_path, process)
        assert two.tasks() > 0
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    await_that(lambda: two.tasks() == 0)
    await_that(lambda: not two.busy())
    assert not list(tmp_path.glob(SHARD))


@pytest.mark.slow
def test_worker_with_another_program_is_refused_by_name(
    demo: Demo, two: Cluster, tmp_path: Path
) -> None:
    other, out = tmp_path / "other", tmp_path / "out"
    for package in ("pipelines", "schemas"):
        (other / package).mkdir(parents=True)
        (other / package / "__init__.py").write_text("")
    with another_worker(two, other, code=other):
        ended = fairshard(*demo.package(DEAL, out, *two.options), env=two.variables)
    assert ended.code == 2
    assert "A Dask worker has another version of the program" in ended.err
    assert "tls://127.0.0.1:" in ended.err and "code " in ended.err
    assert not out.exists()
