"""What a Dask worker does with a part of a collection: runs one DoFn over it, or groups it by key.

A DoFn that was set up is kept for the next part of the same step, since it may hold models. One
part at a time is worked on in a process, as in the embedded engine's workers.
"""

from __future__ import annotations

import threading
import time
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import apache_beam as beam
from apache_beam.coders import FastPrimitivesCoder
from apache_beam.internal import pickler
from apache_beam.pvalue import AsSideInput
from apache_beam.runners.common import (
    DoFnContext,
    DoFnInvoker,
    DoFnSignature,
    Receiver,
    _OutputHandler,
)
from apache_beam.transforms.sideinputs import SideInputMap
from apache_beam.transforms.window import GlobalWindow, GlobalWindows
from apache_beam.utils.windowed_value import WindowedValue
from distributed import get_worker
from distributed.worker import thread_state

from pipelines.storage.progress import sending_progress

_MAX_KEPT = 8
_SEND_EVERY_S = 0.2
_KEYS = FastPrimitivesCoder().as_deterministic_coder("GroupByKey")

_one_at_a_time = threading.Lock()
_kept: OrderedDict[tuple[str, str], DoFnSignature] = OrderedDict()

Grouped = list[tuple[bytes, object, list[object]]]  # encoded key, key, values


class CancelledBundleError(Exception):
    """The run that this part belongs to was cancelled, so its results are not wanted any more."""


@dataclass(frozen=True)
class Step:
    """One ParDo of the graph, as it is sent to workers.

    Attributes:
        run: The run of the graph that it belongs to; the same step of another run is another one.
        label: Its full label, which is unique in the graph.
        payload: What Beam's pickler made of the DoFn, its arguments and its views of side inputs.
        topic: The topic to which its progress is sent.
    """

    run: str
    label: str
    payload: bytes
    topic: str


def pack(transform: beam.ParDo, side_inputs: Sequence[AsSideInput]) -> bytes:
    """Returns a ParDo's function, arguments and views of side inputs as bytes."""
    args, kwargs = transform.raw_side_inputs
    views = [(type(view), view._view_options()) for view in side_inputs]
    packed: bytes = pickler.dumps((transform.fn, list(args), dict(kwargs), views))
    return packed


def run_step(step: Step, rows: list[object], sides: list[list[list[object]]]) -> list[object]:
    """Runs a step's DoFn over one part of its input.

    Args:
        step: The step.
        rows: The part.
        sides: All parts of each side input.

    Raises:
        CancelledBundleError: If the run was cancelled meanwhile.
    """
    if not rows:  # no bundle, so nothing is set up
        return []
    with _one_at_a_time:
        fn, args, kwargs, views = pickler.loads(step.payload)
        signature = _signature(step, fn)
        found = _Rows()
        invoker = DoFnInvoker.create_invoker(
            signature,
            _OutputHandler(
                window_fn=GlobalWindows(),
                main_receivers=found,
                tagged_receivers={},
                per_element_output_counter=None,
                output_batch_converter=None,
                process_yields_batches=False,
                process_batch_yields_elements=False,
            ),
            context=DoFnContext(step.label, state=None),
            side_inputs=[
                SideInputMap(view, options, [_windowed(row) for part in parts for row in part])
                for (view, options), parts in zip(views, sides, strict=True)
            ],
            input_args=args,
            input_kwargs=kwargs,
            user_state_context=None,
            bundle_finalizer_param=beam.DoFn.BundleFinalizerParam(),
        )
        progress = _Progress(step.topic)
        with sending_progress(progress):
            invoker.invoke_start_bundle()
            for row in rows:
                stop_if_cancelled()
                invoker.invoke_process(_windowed(row))
            invoker.invoke_finish_bundle()
        progress.send()
        return found.rows


def _signature(step: Step, fn: beam.DoFn) -> DoFnSignature:
    """Returns the step's DoFn, set up: the one kept from an earlier part, or this one."""
    name = step.run, step.label
    if name not in _kept:
        signature = DoFnSignature(fn)
        signature.setup_lifecycle_method.method_value()
        while len(_kept) >= _MAX_KEPT:
            _, oldest = _kept.popitem(last=False)
            oldest.teardown_lifecycle_method.method_value()
        _kept[name] = signature
    _kept.move_to_end(name)
    return _kept[name]


def forget(run: str) -> None:
    """Tears down what was kept for a run, when that has ended."""
    with _one_at_a_time:
        for name in [name for name in _kept if name[0] == run]:
            _kept.pop(name).teardown_lifecycle_method.method_value()


def stop_if_cancelled() -> None:
    """Ends a part whose result nobody waits for any more."""
    task = get_worker().state.tasks.get(thread_state.key)
    if task is None or task.state == "cancelled":
        raise CancelledBundleError("the run was cancelled")


def _windowed(row: object) -> WindowedValue:
    return WindowedValue(row, 0, (GlobalWindow(),))


class _Rows(Receiver):
    """Collects what a DoFn emits."""

    def __init__(self) -> None:
        self.rows: list[object] = []

    def receive(self, windowed_value: WindowedValue) -> None:
        self.rows.append(windowed_value.value)


class _Progress:
    """Adds up a part's progress and sends it at most a few times a second."""

    def __init__(self, topic: str) -> None:
        self._topic = topic
        self._sums: dict[str, list[int]] = {}
        self._sent_s = time.monotonic()

    def __call__(self, step: str, done: int | None, total: int | None) -> None:
        stop_if_cancelled()
        sums = self._sums.setdefault(step, [0, 0])
        sums[0] += done or 0
        sums[1] += total or 0
        if time.monotonic() - self._sent_s >= _SEND_EVERY_S:
            self.send()

    def send(self) -> None:
        if self._sums:
            get_worker().log_event(
                self._topic, [[step, *both] for step, both in self._sums.items()]
            )
        self._sums, self._sent_s = {}, time.monotonic()


def split_by_key(rows: Sequence[tuple[object, object]], parts: int) -> list[Grouped]:
    """Splits (key, value) pairs into as many parts, the same for equal keys on every machine."""
    split: list[dict[bytes, tuple[object, list[object]]]] = [{} for _ in range(parts)]
    for key, value in rows:
        encoded = _KEYS.encode(key)
        split[zlib.crc32(encoded) % parts].setdefault(encoded, (key, []))[1].append(value)
    return [[(name, *both) for name, both in groups.items()] for groups in split]


def group(splits: list[list[Grouped]], part: int) -> list[tuple[object, list[object]]]:
    """Returns one part of a GroupByKey: each of its keys with all values."""
    groups: dict[bytes, tuple[object, list[object]]] = {}
    for split in splits:
        for encoded, key, values in split[part]:
            groups.setdefault(encoded, (key, []))[1].extend(values)
    return list(groups.values())


def spread(parts: list[list[object]], part: int, of: int) -> list[object]:
    """Returns one part of a Reshuffle: every `of`-th row."""
    return [row for rows in parts for row in rows][part::of]


def same(value: object) -> object:
    """Returns what it is given: the collection that a graph begins with."""
    return value


Task = Callable[..., object]
