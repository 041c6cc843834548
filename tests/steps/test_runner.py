"""The engines that may run the graph, and those that are refused."""

from __future__ import annotations

import os
import pickle
import socket
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import apache_beam as beam
import pytest
from apache_beam.options.pipeline_options import PipelineOptions, StandardOptions, TypeOptions

from pipelines.cli import main
from pipelines.report.funnel import work_lines
from pipelines.run.job import Job
from pipelines.run.record import Observed
from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.engine_options import DASK_RUNNER, engine_options
from pipelines.steps.named_engine import start_fault
from pipelines.steps.runner import check_engine, engine_name, knows_workers, run_graph
from schemas.errors import InputError, RunError

JAR = "--flink_job_server_jar=x.jar"


@pytest.mark.parametrize(
    "runner",
    [
        "DirectRunner",
        "PrismRunner",
        "SwitchingDirectRunner",
        "directrunner",
        "direct",
        "PRISM",
        "apache_beam.runners.direct.direct_runner.DirectRunner",
    ],
)
def test_runner_that_fetches_a_binary_is_refused(runner: str) -> None:
    with pytest.raises(InputError, match=f"fetches and executes.*{runner}"):
        check_engine([f"--runner={runner}"])


def test_multi_threading_mode_is_refused() -> None:
    with pytest.raises(InputError, match="multi_threading"):
        check_engine(["--direct_running_mode=multi_threading"])


def test_options_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also those that are then refused, and again when a part of Beam that has some is imported."""
    read: list[int] = []
    real = PipelineOptions.get_all_options

    def counted(options: PipelineOptions, display_warnings: bool = False) -> dict[str, object]:
        read.append(1)
        return real(options, display_warnings=display_warnings)

    monkeypatch.setattr(PipelineOptions, "get_all_options", counted)
    options = ["--job_name=read-once"]
    check_engine(options)
    assert engine_name(options) == "FnApiRunner"
    for _ in range(2):
        with pytest.raises(InputError, match=r"no such option.*--read=once"):
            check_engine(["--read=once"])
    assert len(read) == 2
    kinds = [*PipelineOptions.__subclasses__(), TypeOptions]
    monkeypatch.setattr(PipelineOptions, "__subclasses__", lambda: kinds, raising=False)
    check_engine(options)
    assert len(read) == 3


def test_unknown_runner_is_refused() -> None:
    with pytest.raises(InputError, match="no such runner: --runner=Flunk"):
        check_engine(["--runner=Flunk"])


@pytest.mark.parametrize("endpoint", ["", "here", "localhost:", "localhost:x"])
def test_portable_runner_needs_an_address(endpoint: str) -> None:
    with pytest.raises(InputError, match="needs the address"):
        check_engine(["--runner=PortableRunner", f"--job_endpoint={endpoint}"])


DATAFLOW = ["--runner=dataflow", "--region=us-east1", "--temp_location=gs://bucket1/temp"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runner=flink"], "fetches and executes its job server.*--flink_job_server_jar=FILE"),
        (["--runner=Spark"], "fetches and executes its job server.*--spark_job_server_jar=FILE"),
        (["--runner=a.module.Runner"], "cannot load this runner: --runner=a.module.Runner"),
        (["--runner=pipelines.steps.runner.No"], "cannot load this runner"),
        ([*DATAFLOW, "--project=p"], r"does not take these options: Invalid Project ID \(p\)"),
    ],
)
def test_what_beam_finds_out_in_the_run_is_refused_before(options: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_engine(options)


def test_dataflow_without_its_packages_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "apache_beam.runners.dataflow.internal.apiclient", None)
    with pytest.raises(
        InputError, match=r"needs Google's packages.*pip install 'apache-beam\[gcp\]'"
    ):
        check_engine([*DATAFLOW, "--project=my-project"])


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            RuntimeError("Service failed to start up with error 1"),
            "job server did not start: --a=1: Service failed to start up with error 1. Check the",
        ),
        (FileNotFoundError(2, "No such file or directory", "java"), "needs Java: --a=1. Put java"),
        (FileNotFoundError(2, "No such file or directory", "x.toml"), None),
        (RuntimeError("another"), None),
    ],
)
def test_a_job_server_that_does_not_start_is_said_so(error: Exception, said: str | None) -> None:
    fault = start_fault(error, ["--a=1"])
    assert (fault is None) == (said is None)
    assert (said or "") in str(fault)


def test_a_broken_jar_ends_the_run_with_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    java = tmp_path / "java"
    java.write_text("#!/bin/sh\nexit 1\n")
    java.chmod(0o700)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    monkeypatch.delenv("JAVA_HOME", raising=False)
    (tmp_path / "x.jar").touch()
    options = (f"--flink_job_server_jar={tmp_path}/x.jar", "--flink_master=localhost:1")
    job = cast(Job, SimpleNamespace(beam_options=("--runner=flink", *options), workers=1, debug=0))

    def build(pipeline: beam.Pipeline, _: Job) -> None:
        pipeline | beam.Impulse()

    with pytest.raises(RunError, match="job server did not start"):
        run_graph(job, build)


def test_missing_job_service_is_reported_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # but does not listen
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"No job service answers: --job_endpoint={endpoint}"):
            check_engine(["--runner=portable", f"--job_endpoint={endpoint}"])


@pytest.mark.parametrize(
    ("options", "typed"),
    [
        ((), "embedded"),
        (engine_options("embedded", "", ()), "embedded"),
        (("--runner=fnapi",), "embedded"),
        ((f"--runner={DASK_RUNNER}", "--dask_client_address=tcp://h:1"), "dask"),
        (("--runner=flink",), "FlinkRunner"),
    ],
)
def test_the_summary_names_an_engine_as_it_is_typed(options: Sequence[str], typed: str) -> None:
    attempt = Observed(engine_name(options), 2, 100.0).record("acme", "v0001", "r", 101.0).attempt
    assert work_lines(attempt) == [f"1.0 s in all, on {typed}, 2 workers"]


@pytest.mark.parametrize(
    ("runner", "given", "note"),
    [
        ("PortableRunner", ["--workers=3"], "--workers 3 sets nothing: PortableRunner has workers"),
        (
            "apache_beam.runners.portability.portable_runner.PortableRunner",
            ["--workers=3", "--requests-per-minute=60"],
            "--workers 3 is used only to divide --requests-per-minute: PortableRunner has workers",
        ),
        ("PortableRunner", [], ""),
        ("FnApiRunner", ["--workers=1"], ""),
    ],
)
def test_workers_that_set_nothing_are_said_so(
    runner: str, given: list[str], note: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["package", f"--catalogue={tmp_path}/none", f"--deal={tmp_path}/none.toml"]
    with socket.create_server(("127.0.0.1", 0)) as server:
        beam = [f"--beam=--runner={runner}"]
        if runner != "FnApiRunner":
            beam.append(f"--beam=--job_endpoint=127.0.0.1:{server.getsockname()[1]}")
        assert main([*words, f"--out={tmp_path}/out", *beam, *given]) == 2  # there is no deal
    lines = capsys.readouterr().err.splitlines()
    assert [line for line in lines if "--workers" in line] == (
        [f"{note} of its own."] if note else []
    )


def test_supported_runners_are_accepted() -> None:
    assert check_engine(["--runner=flink", JAR]) == "FlinkRunner"
    dotted = "apache_beam.runners.portability.spark_runner.SparkRunner"
    assert check_engine([f"--runner={dotted}", "--spark_job_server_jar=x.jar"]) == dotted
    assert check_engine(engine_options("dask", "tcp://h:1", ())) == DASK_RUNNER
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"--job_endpoint=127.0.0.1:{server.getsockname()[1]}"
        assert check_engine(["--runner=PortableRunner", endpoint]) == "PortableRunner"


def test_embedded_runner_is_the_default() -> None:
    assert check_engine([]) is None
    assert check_engine(["--runner=FnApiRunner"]) is None


def test_option_views_are_cached_and_share_values() -> None:
    options = RunOptions(["--runner=FlinkRunner"])
    view = options.view_as(StandardOptions)
    assert view is options.view_as(StandardOptions)
    assert options.view_as(TypeOptions).pipeline_type_check
    view.runner = "PortableRunner"
    assert options.get_all_options()["runner"] == "PortableRunner"
    carried = pickle.loads(pickle.dumps(options))
    assert carried.view_as(StandardOptions).runner == "PortableRunner"
    assert carried.view_as(StandardOptions) is not view


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--runn=PortableRunner"], "no such option: --beam=--runn=PortableRunner"),
        (["--nonsense=3"], "no such option: --beam=--nonsense=3"),
        (["--runner=FnApiRunner", "--jobendpoint=h:1"], "no such option: --beam=--jobendpoint=h:1"),
        (["runner=Flink"], r"two dashes: --beam=runner=Flink. Write --beam=--runner=Flink"),
        (["-runner=Flink"], "two dashes: --beam=-runner=Flink. Write --beam=--runner=Flink"),
        (["--job_endpoint=h:1"], "this Beam option: --beam=--job_endpoint=h:1"),
        (["--artifact_endpoint=h:1"], "this Beam option: --beam=--artifact_endpoint=h:1"),
        (["--environment_type=LOOPBACK"], "this Beam option: --beam=--environment_type=LOOPBACK"),
        (["--environment_config=x"], "this Beam option: --beam=--environment_config=x"),
        (["--environment_type=LOOPBACK"], "embedded engine does not take this Beam option"),
        (["--parallelism=many"], "does not take this option: argument --parallelism: invalid int"),
        (["--runner=flink", "--parallelism=many"], "does not take this option"),
    ],
)
def test_option_that_nobody_would_read_is_refused(
    options: list[str], message: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(InputError, match=message):
        check_engine(options)
    assert capfd.readouterr().err == ""  # Beam's parser has hundreds of lines of usage


def test_options_of_beam_s_own_are_accepted() -> None:
    assert check_engine(["--direct_num_workers=2"]) is None
    assert check_engine(["--runner=flink", JAR, "--asked_of_the_job_service=1"]) == "FlinkRunner"


@pytest.mark.parametrize(
    ("options", "known"),
    [
        ([], True),
        (["--runner=FnApiRunner"], True),
        (engine_options("dask", "tcp://h:1", []), True),
        (["--runner=PortableRunner"], False),
        (["--runner=flink"], False),
    ],
)
def test_workers_are_counted_where_the_engine_says_how_many(
    options: Sequence[str], known: bool
) -> None:
    assert knows_workers(options) is known
