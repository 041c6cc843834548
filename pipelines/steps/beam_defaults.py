"""Everything that is changed in Beam itself, since Beam 2.77 has no setting for it.

Each of these holds for the whole process. pyproject.toml allows no other minor version of Beam, and
`tests/steps/test_beam_defaults.py` shows that each change still has its effect.

| what | changed by | why |
| --- | --- | --- |
| the timed output buffer | `disable_timed_output` | it races its writer and can lose rows |
| how often a stage is sampled | `end_stages_promptly` | a stage waits for it to end |
| what starts a worker process | `start_workers_by` | Beam does not notice that one dies |
| the threads' exception hook | `silence_lost_connections` | Beam's threads print tracebacks then |
| what a loopback worker prints | `silence_loopback_workers` | it prints each error's traceback |
| short names of metrics | `name_metrics_apart` | Prism mixes up those of two workers |
| views of the options | `RunOptions` | Beam makes the same ones some 150 times |
| state and timers of steps | `look_for_state_once` | Beam looks for them eight times in each step |
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

import grpc
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability import python_urns
from apache_beam.runners.portability.fn_api_runner import worker_handlers
from apache_beam.runners.worker import statesampler
from apache_beam.transforms import userstate
from apache_beam.transforms.core import DoFn

_SAMPLING_PERIOD_MS = 2

_find_specs = userstate.get_dofn_specs
_Specs = tuple[set[userstate.StateSpec], set[userstate.TimerSpec]]
_specs_by_class: dict[type, _Specs | None] = {}

_View = TypeVar("_View", bound=PipelineOptions)


def disable_timed_output() -> None:
    """Lets workers send rows when the buffer is full or the bundle ends, and never by time."""
    worker_handlers.DATA_BUFFER_TIME_LIMIT_MS = 0


def end_stages_promptly() -> None:
    """Lets a stage of the graph end when its work does; in the runner's process and in workers.

    Beam samples what a stage is at from a thread, and the stage ends when that thread wakes: its
    sleep grows with the stage to a fifth of a second, and the class has no setting but its default.
    """
    statesampler.StateSampler.__init__.__defaults__ = (_SAMPLING_PERIOD_MS,)


def start_workers_by(make_handler: Callable[..., Any]) -> None:
    """Lets the embedded runner start its worker processes by handlers of ours."""
    register = worker_handlers.WorkerHandler.register_environment
    register(python_urns.SUBPROCESS_SDK, bytes)(make_handler)


def silence_lost_connections() -> None:
    """Has Beam's threads print no traceback when a worker or a service leaves them alone.

    A channel that is closed while it is watched raises a ValueError in gRPC's own thread.
    """
    before = threading.excepthook

    def hook(uncaught: threading.ExceptHookArgs) -> None:
        closed = "Channel closed" in str(uncaught.exc_value)
        if not (closed or issubclass(uncaught.exc_type, grpc.RpcError)):
            before(uncaught)

    threading.excepthook = hook


def silence_loopback_workers() -> None:
    """Has Beam's workers in this process print no traceback of a piece that failed.

    They send it to the engine as well, which ends the run, and the command says why in one line.
    """
    from apache_beam.runners.worker import sdk_worker  # not needed by the embedded engine

    # The module looks here before it finds the built-in function.
    vars(sdk_worker)["print"] = lambda *_, **__: None


def name_metrics_apart(worker_id: str) -> None:
    """Lets a worker of an engine that runs elsewhere give its metrics short names of its own.

    Workers count from 1, and Prism keeps one table of names for a job: it would take the counts of
    one worker for those of another, and end the job where it cannot read them.
    """
    from apache_beam.runners.worker import sdk_worker  # not needed in the runner's process

    digest = hashlib.sha256(worker_id.encode()).digest()
    sdk_worker.SHORT_ID_CACHE._last_short_id = int.from_bytes(digest[:8], "big") << 32


def look_for_state_once() -> None:
    """Lets Beam look only once through a class of steps for state and timers.

    It inspects the signature of every method, which took a sixth of a small run.
    """
    if userstate.get_dofn_specs is not _remembered_specs:
        # Beam names this argument otherwise and gives it by position.
        userstate.get_dofn_specs = _remembered_specs  # type: ignore[assignment]


def _remembered_specs(step: DoFn) -> _Specs:
    kind = type(step)
    if kind not in _specs_by_class:
        wraps = any(name.startswith("_inspect_") for name in dir(kind))
        _specs_by_class[kind] = None if wraps else _find_specs(step)
    known = _specs_by_class[kind]
    if known is None:
        return _find_specs(step)  # it wraps a function, which tells
    states, timers = known
    return {*states}, {*timers}


class RunOptions(PipelineOptions):
    """Beam's options, which it asks for a view of one kind some 150 times while it lays the graph.

    Every view has its own parser made for it, though all of them share one set of values.
    """

    def view_as(self, cls: type[_View]) -> _View:
        """The one view of a kind."""
        views: dict[type, PipelineOptions] = self.__dict__.setdefault("_views", {})
        if cls not in views:
            views[cls] = super().view_as(cls)
        return cast(_View, views[cls])

    def __getstate__(self) -> dict[str, object]:
        state: dict[str, object] = super().__getstate__()  # type: ignore[no-untyped-call]  # Beam's
        return {name: value for name, value in state.items() if name != "_views"}
