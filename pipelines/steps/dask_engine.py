"""Runs a Beam graph on a Dask cluster: Beam's DaskRunner without its silent holes.

Beam 2.77's runner (`apache_beam.runners.dask`) turns a transform that it does not know into one
that does nothing, computes only the collection of the last transform, drops what a DoFn emits when
a bundle ends, and iterates a side input by computing its whole history once more. A GroupByKey has
as many parts as its input, so a catalogue in one file would be worked on by one worker. Here:

- every collection is a fixed number of parts, each part is one Dask task, and tasks refer to one
  another: each is computed once, and every leaf is computed;
- references are kept to the end, so that Dask can compute a part again that was lost with a worker;
- a transform that is neither Impulse, ParDo, GroupByKey, Flatten nor Reshuffle is refused before
  anything runs, and so are states, timers, windows, splittable DoFns and several outputs.

`Create` consists of the first two. Of Beam's runner, its options and its replacement of Reshuffle
are used. What workers do is in `pipelines/steps/dask_bundle.py`.
"""

from __future__ import annotations

import queue
import re
import secrets
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import apache_beam as beam
from apache_beam import pvalue
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.pipeline import AppliedPTransform, PipelineVisitor
from apache_beam.runners.common import DoFnSignature
from apache_beam.runners.dask.dask_runner import DaskRunner
from apache_beam.runners.dask.overrides import _Reshuffle, dask_overrides
from apache_beam.runners.runner import PipelineResult, PipelineState
from distributed import Client, Future

from pipelines.steps.dask_bundle import (
    Step,
    Task,
    forget,
    group,
    pack,
    run_step,
    same,
    split_by_key,
    spread,
)
from pipelines.storage.progress import report_progress
from schemas.errors import RunError

_MIN_PARTS = 16
_MAX_PARTS = 512
_PARTS_PER_WORKER = 4  # so that a slow worker, or one that joins late, leaves the others enough
_LOOK_S = 2.0
_LOOKS_WITHOUT_WORKERS = 30


class DaskEngine(DaskRunner):
    """Beam's DaskRunner, with its own translation of the graph into Dask tasks.

    Args:
        client: A connected client of the cluster.
        scheduler: The scheduler's address, for messages.
        progress_path: Local file to which workers' progress is appended, or "".
    """

    def __init__(self, client: Client, scheduler: str, progress_path: str) -> None:
        super().__init__()
        self._client = client
        self._scheduler = scheduler
        self._progress_path = progress_path

    def run_pipeline(self, pipeline: beam.Pipeline, options: PipelineOptions) -> PipelineResult:
        """Sends the graph's tasks to the cluster; the result waits for them.

        Raises:
            RunError: If the graph has something that this engine cannot run.
        """
        pipeline.replace_all(
            [one for one in dask_overrides() if type(one).__name__ == "ReshuffleOverride"]
        )
        pipeline.visit(_Checker())
        run = secrets.token_hex(8)
        topic = f"fairshard-{run}"
        self._client.subscribe_topic(topic, self._report)
        threads = sum(self._client.nthreads().values())
        parts = min(_MAX_PARTS, max(_MIN_PARTS, _PARTS_PER_WORKER * threads))
        graph = _Graph(self._client, run, topic, parts)
        try:
            pipeline.visit(graph)
        except BaseException:
            self._client.cancel(graph.futures, force=True)
            raise
        return DaskRun(self._client, self._scheduler, run, graph.futures)

    def _report(self, event: tuple[float, list[tuple[str, int, int]]]) -> None:
        for step, done, total in event[1]:
            report_progress(self._progress_path, step, done, total)


class DaskRun(PipelineResult):
    """A graph that runs on a cluster.

    Args:
        client: The cluster's client.
        scheduler: The scheduler's address, for messages.
        run: The run's name.
        futures: Every part of every collection.
    """

    def __init__(self, client: Client, scheduler: str, run: str, futures: list[Future]) -> None:
        super().__init__(PipelineState.RUNNING)
        self._client = client
        self._scheduler = scheduler
        self._run = run
        self._futures = futures

    def wait_until_finish(self, duration: int | None = None) -> str:
        """Waits for every part; if one fails, or on Ctrl-C, cancels the others.

        Args:
            duration: Not used: a run ends by itself.

        Raises:
            RunError: If no worker is left for a minute.
            Exception: What the first part to fail raised.
        """
        ended: queue.SimpleQueue[Future] = queue.SimpleQueue()
        for future in self._futures:
            future.add_done_callback(ended.put)
        try:
            left = len(self._futures)
            looks = 0
            while left:
                try:
                    future = ended.get(timeout=_LOOK_S)
                except queue.Empty:
                    looks = 0 if self._client.nthreads() else looks + 1
                    self._check_workers(looks)
                    continue
                if future.status != "finished":
                    future.result()
                left -= 1
        except BaseException:
            self.cancel()
            raise
        # Frees the models now rather than when the next run begins, but waits for no slow worker.
        call = partial(self._client._run, forget, self._run, on_error="ignore")
        with suppress(OSError):
            self._client.sync(call, callback_timeout=_LOOK_S)
        self._state = PipelineState.DONE
        return str(self._state)

    def cancel(self) -> str:
        """Cancels what has not ended; workers stop at the next asset that they report."""
        if self._client.status == "running":
            self._client.cancel(self._futures, force=True, reason="the run has ended")
        self._state = PipelineState.CANCELLED
        return str(self._state)

    def _check_workers(self, looks: int) -> None:
        if looks >= _LOOKS_WITHOUT_WORKERS:
            raise RunError(
                "The scheduler has had no worker for a minute",
                self._scheduler,
                "Start workers, then run the same command again: it continues.",
            )


class _Checker(PipelineVisitor):
    """Refuses what the engine cannot run."""

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        node, transform = transform_node, transform_node.transform
        if not isinstance(
            transform, (beam.Impulse, beam.ParDo, beam.GroupByKey, beam.Flatten, _Reshuffle)
        ):
            raise _refused(node, f"the transform {type(transform).__name__}")
        if set(node.outputs) - {None} and len(node.outputs) > 1:
            raise _refused(node, "several outputs")
        if not all(_plain(out) for out in node.outputs.values()):
            raise _refused(node, "windows or triggers")
        if isinstance(transform, beam.ParDo):
            signature = DoFnSignature(transform.fn)
            if signature.is_stateful_dofn():
                raise _refused(node, "states or timers")
            if signature.is_splittable_dofn():
                raise _refused(node, "splittable DoFns")


def _plain(collection: pvalue.PValue) -> bool:
    """Whether a collection has one window for all times and no triggers."""
    return isinstance(collection, pvalue.PCollection) and collection.windowing.is_default()


def _refused(node: AppliedPTransform, what: str) -> RunError:
    return RunError(
        f"The Dask engine cannot run {what}",
        node.full_label,
        "Use another engine, or build the step from Create, ParDo, GroupByKey and Flatten.",
    )


@dataclass
class _Graph(PipelineVisitor):
    """Turns each transform into tasks; a collection is the list of its parts.

    Attributes:
        futures: All tasks, to which references are kept until the run has ended.
    """

    client: Client
    run: str
    topic: str
    parts: int
    futures: list[Future] = field(default_factory=list)
    _collections: dict[AppliedPTransform, list[Future]] = field(default_factory=dict)

    def visit_transform(self, transform_node: AppliedPTransform) -> None:
        node, transform = transform_node, transform_node.transform
        inputs = [self._collections[given.producer] for given in node.inputs if given.producer]
        if isinstance(transform, beam.Impulse):
            found = self._tasks(node, [(same, [b""])])
        elif isinstance(transform, beam.ParDo):
            sides = [self._collections[side.pvalue.producer] for side in node.side_inputs]
            payload = pack(transform, node.side_inputs)
            step = Step(self.run, node.full_label, payload, self.topic)
            found = self._tasks(node, [(run_step, step, part, sides) for part in inputs[0]])
        elif isinstance(transform, beam.GroupByKey):
            splits = self._tasks(node, [(split_by_key, part, self.parts) for part in inputs[0]])
            found = self._tasks(node, [(group, splits, at) for at in range(self.parts)])
        elif isinstance(transform, _Reshuffle):
            found = self._tasks(
                node, [(spread, inputs[0], at, self.parts) for at in range(self.parts)]
            )
        else:
            found = [part for parts in inputs for part in parts]
        self._collections[node] = found

    def _tasks(
        self, node: AppliedPTransform, calls: list[tuple[Task, *tuple[object, ...]]]
    ) -> list[Future]:
        label = re.sub("[^A-Za-z0-9]+", "_", node.full_label)
        made = [
            self.client.submit(
                function,
                *given,
                # What a task is called before the last dash is its group on the dashboard.
                key=f"{label}.{function.__name__}-{self.run}-{at}",
                pure=False,
            )
            for at, (function, *given) in enumerate(calls)
        ]
        self.futures += made
        return made
