"""Scripts and manifests for engines that cannot be run here: their form, and what they start."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

INFRA = Path(__file__).parents[2] / "infra"
SCRIPTS = ("flink", "spark", "dataflow")


def manifests() -> list[Any]:
    return list(yaml.safe_load_all((INFRA / "flink" / "session-cluster.yaml").read_text()))


def deployments() -> dict[str, Any]:
    found = [made for made in manifests() if made["kind"] == "Deployment"]
    return {made["metadata"]["name"]: made["spec"]["template"]["spec"] for made in found}


def test_every_container_has_requests_and_limits() -> None:
    for pod in deployments().values():
        for container in pod["containers"]:
            resources = container["resources"]
            for kind in ("requests", "limits"):
                assert set(resources[kind]) == {"cpu", "memory"}, container["name"]
            assert resources["requests"]["memory"] == resources["limits"]["memory"]


def test_every_task_manager_has_a_pool_that_only_its_pod_reaches() -> None:
    (pool,) = (
        container
        for container in deployments()["fairshard-taskmanager"]["containers"]
        if container["name"] == "pool"
    )
    assert pool["command"] == ["fairshard-pool", "--listen", "127.0.0.1:50000"]
    assert "ports" not in pool
    assert pool["securityContext"]["runAsNonRoot"]


def test_service_and_deployments_select_their_own_pods() -> None:
    for made in manifests():
        if made["kind"] == "Deployment":
            spec = made["spec"]
            assert spec["selector"]["matchLabels"] == spec["template"]["metadata"]["labels"]
    (service,) = (made for made in manifests() if made["kind"] == "Service")
    assert service["spec"]["selector"] == {"app": service["metadata"]["name"]}
    assert service["metadata"]["name"] in manifests()[0]["data"]["config.yaml"]


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_says_what_it_needs(name: str) -> None:
    script = INFRA / name / "run.sh"
    ended = subprocess.run([script], capture_output=True, text=True, env={"PATH": os.defpath})
    assert ended.returncode == 2 and "run.sh" in ended.stderr


@pytest.mark.parametrize(("name", "jar"), [("flink", "FLINK"), ("spark", "SPARK")])
def test_script_refuses_a_missing_jar(name: str, jar: str) -> None:
    variables = {"PATH": os.defpath, f"{jar}_JOB_SERVER_JAR": "/nowhere.jar"}
    words = [str(INFRA / name / "run.sh"), "localhost:8081", "--deal"]
    ended = subprocess.run(words, capture_output=True, text=True, env=variables)
    assert ended.returncode == 2
    assert ended.stderr.startswith(f"{jar}_JOB_SERVER_JAR=/nowhere.jar is not a file")


@pytest.mark.parametrize("name", SCRIPTS)
def test_script_gives_the_command_its_options(name: str, tmp_path: Path) -> None:
    said, jar = tmp_path / "fairshard", tmp_path / "server.jar"
    said.write_text('#!/bin/sh\nprintf "%s\\n" "$@"\n')
    said.chmod(0o755)
    jar.touch()
    variables = {
        "PATH": f"{tmp_path}{os.pathsep}{os.defpath}",
        **dict.fromkeys(("FLINK_JOB_SERVER_JAR", "SPARK_JOB_SERVER_JAR"), str(jar)),
        **{"PROJECT": "p", "REGION": "r", "STAGING": "gs://b/x"},
    }
    words = [str(INFRA / name / "run.sh"), "where", "--deal", "a b.toml"]
    ended = subprocess.run(words, capture_output=True, text=True, env=variables)
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    assert lines[:3] == ["package", "--deal", "a b.toml"]
    assert f"--beam=--runner={name.capitalize()}Runner" in lines
    assert any(line.endswith("=where") for line in lines)
    assert not any(line.endswith(("=MASTER", "=JAR")) for line in lines)
    assert name == "dataflow" or f"--beam=--{name}_job_server_jar={jar}" in lines


@pytest.mark.slow
@pytest.mark.skipif(
    not Path(os.environ.get("FLINK_JOB_SERVER_JAR", "/nowhere")).is_file(),
    reason="FLINK_JOB_SERVER_JAR names no job server's jar: Flink was not run",
)
def test_flink_makes_the_same_bytes(tmp_path: Path) -> None:
    from tests.end_to_end.command import environment, tree
    from tests.end_to_end.prism import free_port, process
    from tests.end_to_end.sparse import DEAL_ID
    from tests.end_to_end.sparse_run import package, package_options
    from tests.end_to_end.test_sparse import LIBRARIES

    made = package(LIBRARIES["one asset a unit"], tmp_path)
    port = free_port("127.0.0.1")
    words = [*package_options(tmp_path, tmp_path / "flink")[1:], "--key", tmp_path / "key-flink"]
    (tmp_path / "key-flink").write_bytes((tmp_path / "key").read_bytes())
    (tmp_path / "key-flink").chmod(0o600)
    pool = ["fairshard-pool", f"--listen=127.0.0.1:{port}"]
    with process(pool, "127.0.0.1", port):
        ended = subprocess.run(
            [INFRA / "flink" / "run.sh", "[local]", *map(str, words)],
            env=environment({"POOL": f"127.0.0.1:{port}"}),
            capture_output=True,
            text=True,
        )
    assert ended.returncode == 0, ended.stderr
    assert tree(tmp_path / "flink" / DEAL_ID) == tree(made.out / DEAL_ID)
