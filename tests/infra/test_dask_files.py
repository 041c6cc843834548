"""The Dask cluster in infra/: its manifests and the image of a worker.

No cluster or image builder is at hand, so that the manifests and the Dockerfile are parsed here.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DASK = ROOT / "infra" / "dask"


def manifest(name: str) -> Any:
    return yaml.safe_load((DASK / "kubernetes" / name).read_text())


@pytest.mark.parametrize("role", ["worker", "scheduler"])
def test_pods_have_requests_limits_and_certificates_that_are_mounted(role: str) -> None:
    made = manifest("cluster.yaml")
    assert (made["apiVersion"], made["kind"]) == ("kubernetes.dask.org/v1", "DaskCluster")
    pod = made["spec"][role]["spec"]
    (container,) = pod["containers"]
    resources = container["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"].keys() == {"cpu", "memory", "ephemeral-storage"}
    assert container["securityContext"]["runAsNonRoot"]
    mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
    assert set(mounts.values()) == {volume["name"] for volume in pod["volumes"]}
    paths = [one["value"] for one in container["env"] if one.get("value", "").startswith("/")]
    assert paths and all(path.rpartition("/")[0] in mounts for path in paths)
    names = {one["name"] for one in container["env"]}
    assert {f"DASK_DISTRIBUTED__COMM__TLS__{role.upper()}__{part}" for part in ("CERT", "KEY")} <= (
        names
    )


def test_workers_have_one_thread_and_a_memory_limit_below_the_pod_s() -> None:
    (container,) = manifest("cluster.yaml")["spec"]["worker"]["spec"]["containers"]
    args = container["args"]
    assert args[args.index("--nthreads") + 1] == "1"
    limit = int(args[args.index("--memory-limit") + 1].removesuffix("MiB"))
    assert limit < int(container["resources"]["limits"]["memory"].removesuffix("Gi")) * 1024
    service = manifest("cluster.yaml")["spec"]["scheduler"]["service"]
    assert service["type"] == "ClusterIP"  # nobody outside may send it work
    address = next(word for word in args if word.startswith("tls://"))
    assert address.endswith(f":{service['ports'][0]['port']}")


def test_only_the_cluster_and_the_command_reach_it() -> None:
    policy = manifest("network.yaml")["spec"]
    (rule,) = policy["ingress"]
    allowed = [one["podSelector"]["matchLabels"] for one in rule["from"]]
    assert policy["podSelector"]["matchLabels"] in allowed and len(allowed) == 2
    assert policy["policyTypes"] == ["Ingress"]


def instructions(dockerfile: Path) -> list[tuple[str, str]]:
    text = re.sub(r"^#.*\n", "", dockerfile.read_text(), flags=re.MULTILINE)
    lines = text.replace("\\\n", " ").splitlines()
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in lines if line)]


def test_image_installs_this_version_s_wheel_by_constraints_and_not_as_root() -> None:
    steps = instructions(DASK / "Dockerfile")
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "ENV", "ENTRYPOINT", "CMD"}
    names = [name for name, _ in steps]
    assert names[0] == "FROM" and set(names) <= known
    assert ":latest" not in steps[0][1] and ":" in steps[0][1]
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    (install,) = (shlex.split(rest) for name, rest in steps if "pip install" in rest)
    assert install[install.index("--constraint") + 1] == "/tmp/constraints.txt"
    assert f"/fairshard-{version}-py3-none-any.whl" in " ".join(install)
    assert names.index("USER") < names.index("ENTRYPOINT")
    copied = [shlex.split(rest)[0] for name, rest in steps if name == "COPY"]
    assert copied == ["constraints.txt", "dist/"]  # nothing else of the checkout
    for name, rest in steps:
        if name in ("ENTRYPOINT", "CMD"):
            assert isinstance(json.loads(rest), list)


def test_image_in_the_manifests_has_the_package_s_version() -> None:
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    for role in ("worker", "scheduler"):
        (container,) = manifest("cluster.yaml")["spec"][role]["spec"]["containers"]
        assert container["image"] == f"fairshard-worker:{version}"
