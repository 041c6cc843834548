"""Which engine runs the graph, and which never does."""

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
def test_a_runner_that_fetches_a_binary_is_refused(runner: str) -> None:
    with pytest.raises(InputError, match=f"fetches and executes.*{runner}"):
        check_engine([f"--runner={runner}"])


def test_the_mode_that_loses_rows_is_refused() -> None:
    with pytest.raises(InputError, match="multi_threading"):
        check_engine(["--direct_running_mode=multi_threading"])


def test_a_runner_that_is_none_is_named() -> None:
    with pytest.raises(InputError, match="no such runner: --runner=Flunk"):
        check_engine(["--runner=Flunk"])


@pytest.mark.parametrize("endpoint", ["", "here", "localhost:", "localhost:x"])
def test_a_portable_runner_needs_an_address(endpoint: str) -> None:
    with pytest.raises(InputError, match="needs the address"):
        check_engine(["--runner=PortableRunner", f"--job_endpoint={endpoint}"])


def test_a_service_that_is_not_there_is_found_at_once() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        endpoint = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(InputError, match=f"No job service answers: --job_endpoint={endpoint}"):
            check_engine(["--runner=portable", f"--job_endpoint={endpoint}"])


def test_others_pass() -> None:
    assert check_engine(["--runner=flink"]) == "FlinkRunner"
    assert check_engine(["--runner=a.module.Runner"]) == "a.module.Runner"
    with socket.create_server(("127.0.0.1", 0)) as server:
        endpoint = f"--job_endpoint=127.0.0.1:{server.getsockname()[1]}"
        assert check_engine(["--runner=PortableRunner", endpoint]) == "PortableRunner"


def test_the_embedded_one_has_a_name_too() -> None:
    assert check_engine([]) is None
    assert check_engine(["--runner=FnApiRunner"]) is None


def test_views_of_the_options_are_made_once_and_share_their_values() -> None:
    options = RunOptions(["--runner=FlinkRunner"])
    view = options.view_as(StandardOptions)
    assert view is options.view_as(StandardOptions)
    assert options.view_as(TypeOptions).pipeline_type_check
    view.runner = "PortableRunner"
    assert options.get_all_options()["runner"] == "PortableRunner"
    carried = pickle.loads(pickle.dumps(options))
    assert carried.view_as(StandardOptions).runner == "PortableRunner"
    assert carried.view_as(StandardOptions) is not view
