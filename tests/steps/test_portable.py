"""Worker pools: which steps each gets, what a worker is told, and what it refuses."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from apache_beam.portability import common_urns
from apache_beam.portability.api import (
    beam_artifact_api_pb2,
    beam_artifact_api_pb2_grpc,
    beam_fn_api_pb2,
    beam_fn_api_pb2_grpc,
    beam_provision_api_pb2,
    beam_runner_api_pb2,
)
from apache_beam.runners.runner import PipelineState
from google.protobuf import json_format, struct_pb2

from pipelines.steps.boot import RefusedRunError, _answer_with, check_artifacts, parse, variables
from pipelines.steps.portable import PROGRAM, finish, spread_over_pools
from schemas.errors import RunError

LISTED = "submission_environment_dependencies.txt"


def graph(address: str, steps: int) -> Any:
    """Returns a graph of composite steps with one part each, all in one external environment."""
    made = beam_runner_api_pb2.Pipeline(root_transform_ids=["root"])
    external = beam_runner_api_pb2.ExternalPayload()
    external.endpoint.url = address
    environment = made.components.environments["env"]
    environment.urn = common_urns.environments.EXTERNAL.urn
    environment.payload = external.SerializeToString()
    for number in range(steps):
        made.components.transforms["root"].subtransforms.append(f"step{number}")
        made.components.transforms[f"step{number}"].subtransforms.append(f"part{number}")
        made.components.transforms[f"part{number}"].environment_id = "env"
    made.components.transforms["shuffle"].unique_name = "needs no worker"
    return made


def pools(made: Any, steps: int) -> list[tuple[str, str]]:
    """Returns the address and the program's digest that each step's worker is started with."""
    found = []
    for number in range(steps):
        name = made.components.transforms[f"part{number}"].environment_id
        payload = made.components.environments[name].payload
        external = beam_runner_api_pb2.ExternalPayload.FromString(payload)
        found.append((external.endpoint.url, external.params[PROGRAM]))
    return found


def test_steps_go_to_pools_in_turn_two_at_a_time() -> None:
    made = graph("a:1, b:2", 6)
    spread_over_pools(made, "digest")
    addresses = ["a:1", "a:1", "b:2", "b:2", "a:1", "a:1"]
    assert pools(made, 6) == [(address, "digest") for address in addresses]
    assert made.components.transforms["shuffle"].environment_id == ""


def test_one_pool_keeps_its_environment() -> None:
    made = graph("a:1", 3)
    spread_over_pools(made, "digest")
    assert list(made.components.environments) == ["env"]
    assert pools(made, 3) == [("a:1", "digest")] * 3


def test_worker_gets_the_options_of_the_pipeline_and_the_addresses_of_the_runner() -> None:
    info = beam_provision_api_pb2.ProvisionInfo(runner_capabilities=["one", "two"])
    info.control_endpoint.url = "runner:1"
    info.logging_endpoint.url = "runner:2"
    json_format.ParseDict({"beam:option:region:v1": "here"}, info.pipeline_options)
    # Prism puts quotes around the name; a pool may give an address of its own.
    options = parse(["--id='w-1'", "--provision_endpoint=r:9", "--logging_endpoint=proxy:7"])
    told = variables(info, options)
    assert told["WORKER_ID"] == "w-1"
    assert told["CONTROL_API_SERVICE_DESCRIPTOR"] == 'url: "runner:1"\n'
    assert told["LOGGING_API_SERVICE_DESCRIPTOR"] == 'url: "proxy:7"\n'
    assert told["RUNNER_CAPABILITIES"] == "one two"
    options_told = json_format.Parse(told["PIPELINE_OPTIONS"], struct_pb2.Struct())
    assert dict(options_told) == {"beam:option:region:v1": "here"}


def test_worker_needs_to_know_its_runner() -> None:
    with pytest.raises(SystemExit):
        parse(["--id=w"])


class _Artifacts(beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceServicer):
    def ResolveArtifacts(self, request: Any, context: Any) -> Any:
        made = beam_artifact_api_pb2.ResolveArtifactsResponse
        return made(replacements=request.artifacts)

    def GetArtifact(self, request: Any, context: Any) -> Iterator[Any]:
        for piece in (b"fairshard", b"==1\n"):
            yield beam_artifact_api_pb2.GetArtifactResponse(data=piece)


@contextmanager
def provisioned(name: str, sha256: str) -> Iterator[Any]:
    """Serves one artifact; yields what a runner tells its workers of it."""
    server = grpc.server(ThreadPoolExecutor(2))
    serve: Any = beam_artifact_api_pb2_grpc.add_ArtifactRetrievalServiceServicer_to_server
    serve(_Artifacts(), server)
    info = beam_provision_api_pb2.ProvisionInfo()
    info.artifact_endpoint.url = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    role = beam_runner_api_pb2.ArtifactStagingToRolePayload(staged_name=name)
    file = beam_runner_api_pb2.ArtifactFilePayload(path="x", sha256=sha256)
    info.dependencies.add(
        type_urn=common_urns.artifact_types.FILE.urn,
        type_payload=file.SerializeToString(),
        role_payload=role.SerializeToString(),
    )
    server.start()
    try:
        yield info
    finally:
        server.stop(0)


OPTIONS = parse(["--id=w", "--provision_endpoint=r:9"])


def test_refused_worker_answers_each_piece_with_the_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    answers: list[Any] = []

    class Runner(beam_fn_api_pb2_grpc.BeamFnControlServicer):
        def Control(self, request_iterator: Any, context: Any) -> Iterator[Any]:
            for name in ("1", "2"):
                piece = beam_fn_api_pb2.ProcessBundleRequest()
                yield beam_fn_api_pb2.InstructionRequest(instruction_id=name, process_bundle=piece)
                answers.append(next(request_iterator))

    server = grpc.server(ThreadPoolExecutor(2))
    beam_fn_api_pb2_grpc.add_BeamFnControlServicer_to_server(Runner(), server)  # type: ignore[no-untyped-call]
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    error = RefusedRunError("The worker w has another version of the program (a) than (b).")
    try:
        _answer_with(error, f"127.0.0.1:{port}", "w")
    finally:
        server.stop(0)
    assert [(one.instruction_id, one.error) for one in answers] == [
        ("1", str(error)),
        ("2", str(error)),
    ]
    assert capsys.readouterr().err == f"fairshard-worker: {error}\n"


def test_list_of_packages_is_read_and_its_digest_compared() -> None:
    right = hashlib.sha256(b"fairshard==1\n").hexdigest()
    with provisioned(LISTED, right) as info:
        check_artifacts(info, OPTIONS)
    with (
        provisioned(LISTED, "0" * 64) as info,
        pytest.raises(RefusedRunError, match=f"{LISTED} was altered"),
    ):
        check_artifacts(info, OPTIONS)


def test_package_that_a_worker_would_have_to_install_is_refused() -> None:
    with (
        provisioned("extra.whl", "") as info,
        pytest.raises(RefusedRunError, match=r"stages extra\.whl"),
    ):
        check_artifacts(info, OPTIONS)


class _Result:
    """A job whose end is an error; it is cancelled a little after it was asked to be."""

    def __init__(self, error: BaseException) -> None:
        self._error = error
        self.states = [PipelineState.RUNNING, PipelineState.CANCELLING, PipelineState.CANCELLED]
        self.cancelled = False

    def wait_until_finish(self) -> None:
        raise self._error

    def cancel(self) -> None:
        self.cancelled = True

    @property
    def state(self) -> str:
        return self.states.pop(0)


def test_interrupted_command_cancels_its_job_and_waits_for_its_end() -> None:
    job: Any = _Result(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        finish(job)
    assert job.cancelled and not job.states


def test_job_that_the_engine_ended_is_one_line_and_is_not_cancelled() -> None:
    text = "Pipeline job-1 failed in state FAILED: x\n  SDK worker disconnected: job-1, 1 active\n"
    job: Any = _Result(RuntimeError(text))
    with pytest.raises(RunError, match="ended the run: SDK worker disconnected") as caught:
        finish(job)
    assert "\n" not in str(caught.value) and not job.cancelled
