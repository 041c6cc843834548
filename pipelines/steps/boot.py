"""Starts a worker for an engine that runs elsewhere (`fairshard-worker`), by Beam's contract.

A pool, a container or an engine's PROCESS environment starts this with the addresses of a runner.
It asks the runner what the worker is for, and becomes Beam's worker with the options of the
pipeline. Beam's own pool starts workers without these options.
"""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipelines.process.identity import end_with
from pipelines.steps.program import program_digest

_PROVISION_S = 60.0


class RefusedRunError(Exception):
    """This worker cannot do the run's work; the engine gets this as the answer to every request."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Reads the arguments of the container contract, and those that our own pool adds."""
    parser = argparse.ArgumentParser(prog="fairshard-worker", description=__doc__)
    parser.add_argument("--id", required=True, help="the worker's name")
    for name in ("provision", "control", "logging", "artifact"):
        parser.add_argument(f"--{name}_endpoint", default="", metavar="HOST:PORT")
    parser.add_argument("--program", default="", help="digest of the program that made the graph")
    parser.add_argument("--parent", default="", help=argparse.SUPPRESS)
    parser.add_argument("--debug", action="store_true", help="print what Beam logs")
    options, unknown = parser.parse_known_args(arguments)
    if unknown:
        print(f"fairshard-worker: not used: {' '.join(unknown)}", file=sys.stderr)  # noqa: T201
    options.id = options.id.strip("'")  # Prism puts quotes around it, and uses no shell
    if not options.provision_endpoint:
        parser.error("--provision_endpoint is needed: HOST:PORT of the runner")
    return options


def main() -> None:
    """Becomes a worker."""
    options = parse(sys.argv[1:])
    if options.parent:
        end_with(*map(int, options.parent.split(":")))
    if not options.debug:
        logging.disable(logging.CRITICAL)
    from pipelines.steps.beam_defaults import end_stages_promptly, name_metrics_apart

    end_stages_promptly()
    name_metrics_apart(options.id)
    info = _provision(options)
    control = options.control_endpoint or info.control_endpoint.url
    try:
        if options.program and options.program != program_digest():
            raise RefusedRunError(
                f"The worker {options.id} has another version of the program ({program_digest()}) "
                f"than the command ({options.program}): install the same on both."
            )
        check_artifacts(info, options)
    except RefusedRunError as error:
        _answer_with(error, control, options.id)
        return
    from apache_beam.runners.worker import sdk_worker_main

    os.environ.update(variables(info, options))
    sdk_worker_main.main(sys.argv)


def _provision(options: argparse.Namespace) -> Any:
    import grpc
    from apache_beam.portability.api import beam_provision_api_pb2, beam_provision_api_pb2_grpc

    with grpc.insecure_channel(options.provision_endpoint) as channel:
        stub = beam_provision_api_pb2_grpc.ProvisionServiceStub(_named(channel, options.id))
        request = beam_provision_api_pb2.GetProvisionInfoRequest()
        return stub.GetProvisionInfo(request, timeout=_PROVISION_S, wait_for_ready=True).info


def _named(channel: Any, worker_id: str) -> Any:
    import grpc
    from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor

    return grpc.intercept_channel(channel, WorkerIdInterceptor(worker_id))


def variables(info: Any, options: argparse.Namespace) -> dict[str, str]:
    """Returns the environment variables by which Beam's worker is told of the runner.

    Args:
        info: Beam's `ProvisionInfo`, as the runner answered.
        options: The command line; its addresses take precedence.
    """
    from apache_beam.portability.api import endpoints_pb2
    from google.protobuf import json_format, text_format

    def descriptor(given: str, told: Any) -> str:
        return text_format.MessageToString(
            endpoints_pb2.ApiServiceDescriptor(url=given or told.url)
        )

    return {
        "WORKER_ID": options.id,
        "CONTROL_API_SERVICE_DESCRIPTOR": descriptor(
            options.control_endpoint, info.control_endpoint
        ),
        "LOGGING_API_SERVICE_DESCRIPTOR": descriptor(
            options.logging_endpoint, info.logging_endpoint
        ),
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


def check_artifacts(info: Any, options: argparse.Namespace) -> None:
    """Reads the run's artifacts and compares their digests; only Beam's list of packages is known.

    Raises:
        RefusedRunError: If an artifact was altered, or the run wants packages to be installed.
    """
    if not info.dependencies:
        return
    import grpc
    from apache_beam.portability.api import (
        beam_artifact_api_pb2,
        beam_artifact_api_pb2_grpc,
        beam_runner_api_pb2,
    )

    address = options.artifact_endpoint or info.artifact_endpoint.url
    with grpc.insecure_channel(address) as channel:
        stub = beam_artifact_api_pb2_grpc.ArtifactRetrievalServiceStub(_named(channel, options.id))
        asked = beam_artifact_api_pb2.ResolveArtifactsRequest(artifacts=info.dependencies)
        for artifact in stub.ResolveArtifacts(asked, timeout=_PROVISION_S).replacements:
            role = beam_runner_api_pb2.ArtifactStagingToRolePayload.FromString(
                artifact.role_payload
            )
            name = role.staged_name
            if Path(name).name != "submission_environment_dependencies.txt":
                raise RefusedRunError(
                    f"The run stages {name or artifact.role_urn}, which workers do not install: "
                    "install it where the pool runs, and leave out the option that stages it."
                )
            told = beam_runner_api_pb2.ArtifactFilePayload.FromString(artifact.type_payload).sha256
            request = beam_artifact_api_pb2.GetArtifactRequest(artifact=artifact)
            digest = hashlib.sha256()
            for piece in stub.GetArtifact(request, timeout=_PROVISION_S):
                digest.update(piece.data)
            if told and told != digest.hexdigest():
                raise RefusedRunError(f"The artifact {name} was altered: its sha256 is another.")


def _answer_with(error: RefusedRunError, control: str, worker_id: str) -> None:
    """Answers the runner's requests with an error, so that the run ends and says why.

    Beam's worker has an argument for it, but raises the error without an answer: the job service
    would wait, and Prism would say only that the worker left.
    """
    from apache_beam.portability.api import beam_fn_api_pb2
    from apache_beam.runners.worker.sdk_worker import SdkHarness

    class Refusing(SdkHarness):
        def _request_process_bundle(self, request: beam_fn_api_pb2.InstructionRequest) -> None:
            answer = beam_fn_api_pb2.InstructionResponse(
                instruction_id=request.instruction_id, error=str(error)
            )
            self._responses.put(answer)

    print(f"fairshard-worker: {error}", file=sys.stderr)  # noqa: T201
    Refusing(control, worker_id=worker_id).run()


if __name__ == "__main__":
    main()
