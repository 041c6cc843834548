"""A lost scheduler, slow and late workers, a bucket: Dask gives the same bytes."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from pipelines.storage.open import open_store
from tests.end_to_end.command import Demo, fairshard, tree
from tests.end_to_end.dask_cluster import another_worker, cluster, kill
from tests.end_to_end.sparse import DEAL_ID, draw_library
from tests.end_to_end.sparse_run import package, package_options
from tests.end_to_end.test_dask import DEAL, UNIT, same, start, wait_for
from tests.faults.servers import direct_aws, strictest_server

pytestmark = pytest.mark.slow


def test_run_whose_scheduler_is_lost_says_so_and_ends_right_on_another(
    demo: Demo, tmp_path: Path
) -> None:
    demo.copy_features(tmp_path)
    with cluster(2) as first:
        process = start(demo, tmp_path, first)
        wait_for(UNIT, tmp_path, process)
        kill(first.pids["scheduler"])
        _, errors = process.communicate(timeout=120)
    assert process.returncode == 1, errors
    assert "The connection to the Dask scheduler was lost" in errors
    with cluster(1) as second:
        ended = fairshard(*demo.package(DEAL, tmp_path, *second.options))
    assert ended.code == 0, ended.err
    same(demo, tmp_path)


def test_slow_and_late_workers_give_the_same_bytes(demo: Demo, tmp_path: Path) -> None:
    out, late = tmp_path / "out", tmp_path / "late"
    late.mkdir()
    demo.copy_features(out)
    with cluster(2) as made:
        slow, _ = made.worker_pids()
        process = start(demo, out, made)
        wait_for(UNIT, out, process)
        os.kill(slow, signal.SIGSTOP)
        try:
            with another_worker(made, late):
                time.sleep(3)
                os.kill(slow, signal.SIGCONT)
                _, errors = process.communicate(timeout=300)
        finally:
            os.kill(slow, signal.SIGCONT)
    assert process.returncode == 0, errors
    same(demo, out)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_sparse_library_has_the_same_bytes(workers: int, tmp_path: Path) -> None:
    run = package(draw_library(3), tmp_path)
    assert run.ended.code == 0, run.ended.err
    options = package_options(tmp_path, tmp_path / "dask", workers=None)
    with cluster(workers) as made:
        ended = fairshard(*options, *made.options)
    assert ended.code == 0, ended.err
    assert tree(tmp_path / "dask" / DEAL_ID) == tree(run.out / DEAL_ID)


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_bucket_has_the_bytes_of_a_folder(workers: int, demo: Demo, tmp_path: Path) -> None:
    with strictest_server() as server, direct_aws(server):
        variables = server.environment(server.endpoint)
        bucket = f"agency-{workers}"  # the key remembers the log of each output
        server.client().create_bucket(Bucket=bucket)
        with cluster(workers, env=variables) as made:
            arguments = demo.package(DEAL, f"s3://{bucket}/out", *made.options)
            ended = fairshard(*arguments, env=variables)
        assert ended.code == 0, ended.err
        store = open_store(f"s3://{bucket}/out")
        for item in store.list(DEAL):
            path = tmp_path / item.key
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(store.read_bytes(item.key))
    same(demo, tmp_path)


def test_worker_that_does_not_see_the_output_is_named(demo: Demo, tmp_path: Path) -> None:
    with strictest_server() as server, cluster(1) as made:  # the worker has no credentials
        variables = server.environment(server.endpoint)
        server.client().create_bucket(Bucket="unseen")
        ended = fairshard(*demo.package(DEAL, "s3://unseen/out", *made.options), env=variables)
    assert ended.code == 1
    assert "A Dask worker does not see what the command sees: tcp://" in ended.err
