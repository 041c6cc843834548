"""The Dask engine: the graph that it runs, what it refuses, and how it stops."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import apache_beam as beam
import pytest
from apache_beam.pvalue import AsIter, AsSingleton
from apache_beam.transforms.window import FixedWindows
from distributed import Client, LocalCluster
from distributed.comm.core import CommClosedError

from pipelines.cli import main
from pipelines.run.job import Job
from pipelines.steps import dask_cluster, dask_run
from pipelines.steps.beam_defaults import RunOptions
from pipelines.steps.dask_bundle import _KEYS, group, split_by_key
from pipelines.steps.dask_cluster import check_workers
from pipelines.steps.dask_engine import DaskEngine
from pipelines.steps.dask_identity import identity_probe
from pipelines.steps.engine_options import dask_scheduler, engine_options
from pipelines.steps.runner import check_engine, worker_count
from pipelines.storage.progress import report_progress
from schemas.errors import InputError, RunError

SEEN: list[Any] = []  # what steps saw: the workers are threads of this process
LOCK = threading.Lock()


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture(autouse=True)
def _nothing_seen() -> None:
    SEEN.clear()


def pipeline(client: Client, progress_path: str = "") -> beam.Pipeline:
    return beam.Pipeline(runner=DaskEngine(client, "inproc", progress_path), options=RunOptions([]))


def see(element: Any) -> Any:
    with LOCK:
        SEEN.append(element)
    return element


def test_groups_sums_and_side_inputs(client: Client) -> None:
    root = pipeline(client)
    numbers = root | beam.Create(list(range(100)))
    total = numbers | "Total" >> beam.CombineGlobally(sum)
    sums = numbers | beam.Map(lambda n: (n % 7, n)) | beam.CombinePerKey(sum)
    both = (sums | "A" >> beam.Map(lambda pair: pair), sums | "B" >> beam.Map(lambda pair: pair))
    both | beam.Flatten() | beam.Map(lambda pair, all_: see((*pair, all_)), AsSingleton(total))
    root.run().wait_until_finish()
    expected = [(k, sum(range(k, 100, 7)), 4950) for k in range(7) for _ in range(2)]
    assert sorted(SEEN) == expected


def test_every_leaf_is_computed_and_each_collection_once(client: Client) -> None:
    """Beam's runner computes the last leaf only, and a side input's history once more."""
    root = pipeline(client)
    seen = root | beam.Create([1, 2, 3]) | "Once" >> beam.Map(see)
    seen | "Leaf" >> beam.Map(lambda n: see(("leaf", n)))
    once = root | beam.Impulse()
    once | "List" >> beam.Map(lambda _, items: see(sorted(items)), AsIter(seen))
    once | "Again" >> beam.Map(lambda _, items: see(sorted(items)), AsIter(seen))
    root.run().wait_until_finish()
    rows = [1, 2, 3]
    assert sorted(SEEN, key=str) == sorted(
        [*rows, *(("leaf", n) for n in rows), rows, rows], key=str
    )


class _AtEnd(beam.DoFn):
    """Counts its set-ups, and emits a row when a bundle ends."""

    def setup(self) -> None:
        see("setup")

    def process(self, element: int) -> None:
        pass

    def finish_bundle(self) -> Iterator[Any]:
        from apache_beam.transforms.window import GlobalWindow
        from apache_beam.utils.windowed_value import WindowedValue

        yield WindowedValue("end", 0, (GlobalWindow(),))


def test_rows_of_a_bundle_s_end_are_kept_and_a_step_is_set_up_once(client: Client) -> None:
    root = pipeline(client)
    root | beam.Create(list(range(64))) | beam.ParDo(_AtEnd()) | beam.Map(see)
    root.run().wait_until_finish()
    assert SEEN.count("end") == 16  # the parts
    assert SEEN.count("setup") == 1  # the workers are one process


def test_equal_keys_meet_in_one_part_on_every_machine() -> None:
    rows = [(key, at) for at in range(3) for key in (1, "a", b"a", ("a", 1), None)]
    splits = [split_by_key(rows[:8], 4), split_by_key(rows[8:], 4)]
    parts = [dict(group(splits, part)) for part in range(4)]
    for key in (1, "a", b"a", ("a", 1), None):
        assert [part[key] for part in parts if key in part] == [[0, 1, 2]]
    assert _KEYS.encode("a") == b"\x04a"  # no hash that differs between processes


def windowed(root: beam.Pipeline) -> None:
    root | beam.Create([1]) | beam.WindowInto(FixedWindows(1))


def tagged(root: beam.Pipeline) -> None:
    root | beam.Create([1]) | beam.FlatMap(lambda n: [n]).with_outputs("a", main="b")


def read(root: beam.Pipeline) -> None:
    root | beam.io.ReadFromText(__file__)


def stateful(root: beam.Pipeline) -> None:
    from apache_beam.coders import VarIntCoder
    from apache_beam.transforms.userstate import ReadModifyWriteStateSpec

    class Counts(beam.DoFn):
        STATE = beam.DoFn.StateParam(ReadModifyWriteStateSpec("n", VarIntCoder()))

        def process(self, element: Any, state: Any = STATE) -> Any:
            yield element

    root | beam.Create([(1, 1)]) | beam.ParDo(Counts())


@pytest.mark.parametrize("build", [windowed, tagged, read, stateful])
def test_what_the_engine_cannot_run_is_refused_before_anything_runs(
    client: Client, build: Any
) -> None:
    root = pipeline(client)
    root | "First" >> beam.Create([0]) | "See" >> beam.Map(see)
    build(root)
    with pytest.raises(RunError, match="The Dask engine cannot run"):
        root.run()
    assert SEEN == []


class _Reports(beam.DoFn):
    def process(self, element: int) -> Iterator[int]:
        report_progress("", "enrich", 1)
        yield element


def test_progress_of_workers_reaches_the_command_s_file(client: Client, tmp_path: Path) -> None:
    path = tmp_path / "progress"
    root = pipeline(client, str(path))
    root | beam.Create(list(range(40))) | beam.ParDo(_Reports())
    root.run().wait_until_finish()
    until = time.monotonic() + 10
    while time.monotonic() < until:
        lines = path.read_text().split() if path.exists() else []
        if sum(int(line.split(",")[1]) for line in "".join(lines).split("]")[:-1]) == 40:
            return
        time.sleep(0.05)
    raise AssertionError(path.read_text())


@dataclass(frozen=True)
class _Run:
    """What a run on a cluster uses of its job, when nothing checks the cluster."""

    progress_path: str
    output_uri: str = "out"
    debug: bool = False


def test_a_run_s_progress_reaches_the_command_s_file(
    client: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "progress"
    monkeypatch.setattr(dask_run, "connected", lambda *_: nullcontext(client))
    monkeypatch.setattr(dask_run, "check_workers", lambda *_: 2)
    monkeypatch.setattr(dask_run, "check_shared", lambda *_: None)

    def build(root: beam.Pipeline, _: Job) -> None:
        root | beam.Create([1]) | beam.ParDo(_Reports())

    dask_run.run_on_dask(cast(Job, _Run(str(path))), build, "tcp://somewhere:1")
    await_that(path.exists)
    assert '"enrich",1' in path.read_text().replace(" ", "")


def await_that(ready: Any) -> None:
    until = time.monotonic() + 10
    while not ready():
        assert time.monotonic() < until
        time.sleep(0.02)


def no_tasks(client: Client) -> bool:
    return not client.run_on_scheduler(lambda dask_scheduler: len(dask_scheduler.tasks))


def test_error_of_a_worker_ends_the_run_and_cancels_the_rest(client: Client) -> None:
    def fail(number: int) -> int:
        raise RunError("This one is broken", str(number), "Fix it.")

    root = pipeline(client)
    root | beam.Create([7]) | beam.Map(fail) | beam.Map(see)
    with pytest.raises(RunError, match=r"This one is broken: 7\. Fix it\."):
        root.run().wait_until_finish()
    await_that(lambda: no_tasks(client))
    assert SEEN == []


def test_cancelled_step_stops_at_its_next_report(client: Client) -> None:
    def work(number: int) -> None:
        see("begun")
        for _ in range(200):
            time.sleep(0.05)
            report_progress("", "enrich", 1)
        see("ended")

    root = pipeline(client)
    root | beam.Create([7]) | beam.Map(work)
    run = root.run()
    await_that(lambda: "begun" in SEEN)
    run.cancel()
    await_that(lambda: no_tasks(client) and not client.run(is_busy, nanny=False).popitem()[1])
    assert SEEN == ["begun"]


def is_busy() -> bool:
    from pipelines.steps.dask_bundle import _one_at_a_time

    return _one_at_a_time.locked()


def test_worker_that_differs_is_named_with_each_difference(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_workers(client, "inproc") == 2

    def probe() -> dict[str, str]:
        return {
            **identity_probe()(),
            "code": "here" if threading.current_thread() is threading.main_thread() else "there",
        }

    monkeypatch.setattr(dask_cluster, "identity_probe", lambda: probe)
    with pytest.raises(InputError, match=r"another version .*inproc://.*: code there, here here"):
        check_workers(client, "inproc")


def test_worker_that_dies_while_it_is_asked_is_not_taken_for_another_program(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "_ASK_AGAIN_S", 0)
    run, asked = client._run, []

    async def dying(*words: Any, **options: Any) -> Any:
        asked.append(words)
        found = await run(*words, **options)
        return {**found, "tcp://gone": CommClosedError("closed")} if len(asked) <= dies else found

    monkeypatch.setattr(client, "_run", dying)
    dies = 2
    assert check_workers(client, "inproc") == 2
    assert len(asked) == 3
    dies = 100
    with pytest.raises(InputError, match="A Dask worker does not answer: one of tcp://gone"):
        check_workers(client, "inproc")


def test_engine_and_scheduler_become_beam_s_options() -> None:
    assert engine_options(None, "", ["--runner=FlinkRunner"]) == ("--runner=FlinkRunner",)
    assert engine_options("embedded", "", []) == ()
    made = engine_options("dask", "tls://host:8786", [])
    assert dask_scheduler(made) == "tls://host:8786"
    assert dask_scheduler(["--runner=FlinkRunner"]) == ""


@pytest.mark.parametrize(
    ("engine", "scheduler", "beam", "message"),
    [
        (None, "tcp://host:8786", [], "--scheduler is for Dask only"),
        ("embedded", "tcp://host:8786", [], "--scheduler is for Dask only"),
        ("embedded", "", ["--runner=FlinkRunner"], "Two options name an engine"),
        ("dask", "tcp://host:8786", ["--runner=FlinkRunner"], "takes no Beam options"),
        ("dask", "", [], "needs the address"),
        ("dask", "host:8786", [], "needs the address"),
        ("dask", "tcp://host", [], "needs the address"),
    ],
)
def test_contradicting_options_are_refused(
    engine: str | None, scheduler: str, beam: list[str], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        engine_options(engine, scheduler, beam)


def test_beam_s_own_dask_runner_is_refused() -> None:
    with pytest.raises(InputError, match="silently skips parts of the graph"):
        check_engine(["--runner=apache_beam.runners.dask.dask_runner.DaskRunner"])


def test_missing_scheduler_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_cluster, "_ANSWER_S", 1)
    with pytest.raises(InputError, match="No Dask scheduler answers: --scheduler tcp://127"):
        worker_count(engine_options("dask", "tcp://127.0.0.1:9", []), 2)


def test_workers_are_not_counted_here(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--engine", "dask", "--scheduler", "tcp://127.0.0.1:1", "--workers", "3"]
    assert main(["package", "--catalogue", "none", "--deal", "none.toml", *given]) == 2
    assert "--workers is for processes of this machine: --workers 3" in capsys.readouterr().err


def test_the_workers_of_the_cluster_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dask_run, "check_cluster", {"tcp://h:1": 7}.get)
    assert worker_count(engine_options("dask", "tcp://h:1", []), 2) == 7
    assert worker_count(engine_options(None, "", []), 2) == 2
