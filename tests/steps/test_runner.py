"""The engines that may run the graph, and those that are refused."""

from __future__ import annotations

import pickle
import socket

import pytest
from apache_beam.options.pipeline_options import StandardOptions, TypeOptions

from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.runner import check_engine
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
