"""The command that continues a run parses to the same run, from any folder and on any day."""

from __future__ import annotations

import pickle
import shlex
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from pipelines.catalogue.choice import MappingChoice
from pipelines.cli import build_parser
from pipelines.commands.common import parse_as_of
from pipelines.run.job import Job
from pipelines.run.request import JobRequest, continuing_command

JOB = cast(Job, SimpleNamespace(output_uri="out"))
AS_OF = datetime(2026, 6, 30, 23, 59, 59, 999_999, UTC)


def test_it_parses_to_the_same_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    request = JobRequest(
        catalogue="s3://agency/a catalogue",
        deal=Path("deals/acme.toml"),
        as_of=AS_OF,
        mapping=MappingChoice("ours.toml", "adobe", "s3://bucket/media/"),
        key="keys/agency.key",
        roots=("/archive", "more"),
        hosts=("media.example.com",),
        user_agent="agency (mail us)",
        requests_per_minute=30,
        beam_options=("--runner=PortableRunner", "--job_endpoint=localhost:8099"),
        new_pool="renewal-2027",
    )
    program, command, *words = shlex.split(continuing_command(request, JOB))
    assert (program, command) == ("fairshard", "package")
    read = build_parser(["package"]).parse_args([command, *words])
    assert parse_as_of(read.as_of) == AS_OF
    assert (read.catalogue, read.out) == (request.catalogue, str(tmp_path / "out"))
    assert read.deal == tmp_path / "deals/acme.toml"
    assert (read.mapping, read.key) == (str(tmp_path / "ours.toml"), str(tmp_path / request.key))
    assert (read.preset, read.media_prefix) == ("adobe", "s3://bucket/media/")
    assert read.allow_root == ["/archive", str(tmp_path / "more")]
    assert (read.allow_host, read.user_agent) == (["media.example.com"], request.user_agent)
    assert (read.requests_per_minute, read.new_pool) == (30, "renewal-2027")
    assert tuple(read.beam) == request.beam_options


def test_secrets_of_an_engine_are_left_out() -> None:
    options = ("--runner=FlinkRunner", "--s3_secret_access_key=abc", "--parallelism=2")
    said = continuing_command(JobRequest("c", Path("d"), AS_OF, beam_options=options), JOB)
    assert "abc" not in said and "--parallelism=2" in said


def test_dask_is_named_as_it_was() -> None:
    options = ("--runner=x.DaskEngine", "--dask_client_address=tcp://host:8786")
    said = continuing_command(JobRequest("c", Path("d"), AS_OF, beam_options=options), JOB)
    assert said.endswith("--engine dask --scheduler tcp://host:8786")


def test_a_request_can_be_sent_to_another_process() -> None:
    request = JobRequest("c", Path("d"), AS_OF)
    assert pickle.loads(pickle.dumps(request)) == request
