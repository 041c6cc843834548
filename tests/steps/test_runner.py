"""The engines that may run the graph, and those that are refused."""

from __future__ import annotations

import pickle
import socket
from collections.abc import Sequence

import pytest
from apache_beam.options.pipeline_options import StandardOptions, TypeOptions

from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.engine_options import engine_options
from pipelines.steps.runner import check_engine, knows_workers
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
