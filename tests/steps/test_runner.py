"""The engines that may run the graph, and those that are refused."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Sequence
from pathlib import Path

import pytest
from apache_beam.options.pipeline_options import StandardOptions, TypeOptions

from pipelines.cli import main
from pipelines.report.funnel import work_lines
from pipelines.run.record import Observed
from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.engine_options import DASK_RUNNER, engine_options
from pipelines.steps.runner import check_engine, engine_name, knows_workers
from schemas.errors import InputError


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


def test_unknown_runner_is_refused() -> None:
    with pytest.raises(InputError, match="no such runner: --runner=Flunk"):
        check_engine(["--runner=Flunk"])


@pytest.mark.parametrize("endpoint", ["", "here", "localhost:", "localhost:x"])
def test_portable_runner_needs_an_address(endpoint: str) -> None:
    with pytest.raises(InputError, match="needs the address"):
        check_engine(["--runner=PortableRunner", f"--job_endpoint={endpoint}"])


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
    assert check_engine(["--runner=flink"]) == "FlinkRunner"
    assert check_engine(["--runner=a.module.Runner"]) == "a.module.Runner"
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
        (["--job_endpoint=h:1"], "other engines than the embedded one: --beam=--job_endpoint=h:1"),
        (["--artifact_endpoint=h:1"], "embedded one: --beam=--artifact_endpoint=h:1"),
        (["--environment_type=LOOPBACK"], "embedded one: --beam=--environment_type=LOOPBACK"),
        (["--environment_config=x"], "embedded one: --beam=--environment_config=x"),
        (["--environment_type=LOOPBACK"], "other engines than the embedded one"),
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
    assert check_engine(["--runner=flink", "--asked_of_the_job_service=1"]) == "FlinkRunner"


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
