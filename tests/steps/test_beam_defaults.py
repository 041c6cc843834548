"""Checks that our changes to Beam's defaults work with the installed version."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from queue import Queue
from types import SimpleNamespace
from typing import Any

import apache_beam as beam
import grpc
import pytest
from apache_beam.coders import VarIntCoder
from apache_beam.portability import python_urns
from apache_beam.portability.api import beam_fn_api_pb2, metrics_pb2
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import sdk_worker, statesampler
from apache_beam.transforms import userstate
from apache_beam.transforms.core import CallableWrapperDoFn
from apache_beam.transforms.timeutil import TimeDomain

from pipelines.steps import beam_defaults
from pipelines.steps.beam_defaults import (
    disable_timed_output,
    end_stages_promptly,
    look_for_state_once,
    name_metrics_apart,
    silence_loopback_workers,
    silence_lost_connections,
    start_workers_by,
)


def test_timed_buffer_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    # Raises if Beam has no such name; an assignment would silently have no effect.
    monkeypatch.setattr(worker_handlers, "DATA_BUFFER_TIME_LIMIT_MS", 1000)
    disable_timed_output()
    server = worker_handlers.GrpcServer(None, None, None)  # type: ignore[arg-type]  # unused
    try:
        channel = server.data_plane_handler.get_conn_by_worker_id("worker")
        assert channel._data_buffer_time_limit_ms == 0
    finally:
        server.close()


def test_stages_are_sampled_often(monkeypatch: pytest.MonkeyPatch) -> None:
    init = statesampler.StateSampler.__init__
    monkeypatch.setattr(init, "__defaults__", (200,))
    assert statesampler.StateSampler("before", None).sampling_period_ms == 200
    end_stages_promptly()
    assert statesampler.StateSampler("after", None).sampling_period_ms == 2


class _Plain(beam.DoFn):
    def process(self, element: int) -> Iterator[int]:
        yield element


SEEN = beam.DoFn.StateParam(userstate.ReadModifyWriteStateSpec("seen", VarIntCoder()))
LATER = beam.DoFn.TimerParam(userstate.TimerSpec("later", TimeDomain.WATERMARK))


class _Stateful(beam.DoFn):
    def process(self, element: int, seen: Any = SEEN, later: Any = LATER) -> Iterator[int]:
        yield element


def test_state_is_looked_for_once_in_a_class_of_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    find, looked = beam_defaults._find_specs, list[Any]()

    def look(step: Any) -> Any:
        looked.append(step)
        return find(step)

    monkeypatch.setattr(userstate, "get_dofn_specs", find)
    monkeypatch.setattr(beam_defaults, "_specs_by_class", {})
    monkeypatch.setattr(beam_defaults, "_find_specs", look)
    look_for_state_once()
    kinds: tuple[Any, ...] = (_Plain, _Stateful, _Plain, _Stateful)
    steps = [kind() for kind in kinds]
    wrapping: Any = CallableWrapperDoFn
    wrapped = [wrapping(str), wrapping(int)]
    for step in [*steps, *wrapped, *steps]:
        assert userstate.get_dofn_specs(step) == find(step)
        assert userstate.is_stateful_dofn(step) == isinstance(step, _Stateful)
    assert [step for step in looked if step in steps] == steps[:2]
    assert [step for step in looked if step in wrapped] == [wrapped[0]] * 2 + [wrapped[1]] * 2


def test_workers_name_metrics_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    info = metrics_pb2.MonitoringInfo(urn="beam:metric:element_count:v1")
    names = []
    for worker_id in ("worker-1", "worker-2", "worker-1"):
        monkeypatch.setattr(sdk_worker, "SHORT_ID_CACHE", sdk_worker.ShortIdCache())
        name_metrics_apart(worker_id)
        names.append(sdk_worker.SHORT_ID_CACHE.get_short_id(info))
    assert names[0] == names[2] != names[1]


def test_workers_are_started_by_our_code(monkeypatch: pytest.MonkeyPatch) -> None:
    known = dict(worker_handlers.WorkerHandler._registered_environments)
    assert python_urns.SUBPROCESS_SDK in known
    monkeypatch.setattr(worker_handlers.WorkerHandler, "_registered_environments", known)

    def make_handler() -> None:
        """Must not be called."""

    start_workers_by(make_handler)
    assert known[python_urns.SUBPROCESS_SDK] == (make_handler, bytes)


def test_threads_hide_only_lost_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[type[BaseException]] = []
    monkeypatch.setattr(threading, "excepthook", lambda uncaught: shown.append(uncaught.exc_type))
    silence_lost_connections()

    def fail(error: Exception) -> None:
        raise error

    closed = ValueError("Cannot monitor channel state: Channel closed!")
    for error in (grpc.RpcError(), closed, ValueError()):
        thread = threading.Thread(target=fail, args=(error,))
        thread.start()
        thread.join()
    assert shown == [ValueError]


def test_loopback_workers_print_no_tracebacks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delitem(vars(sdk_worker), "print", raising=False)
    answered = Queue[beam_fn_api_pb2.InstructionResponse]()
    harness = SimpleNamespace(_responses=answered)
    request = beam_fn_api_pb2.InstructionRequest(instruction_id="one")

    def fail() -> None:
        raise ValueError("of a piece")

    def printed() -> str:
        execute: Any = sdk_worker.SdkHarness._execute
        execute(harness, fail, request)
        assert "ValueError: of a piece" in answered.get().error  # the engine is told
        return capsys.readouterr().err

    assert "ValueError" in printed()
    silence_loopback_workers()
    assert printed() == ""
    monkeypatch.delitem(vars(sdk_worker), "print")
