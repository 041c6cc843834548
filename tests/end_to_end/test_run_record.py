"""The record of a run, its log and its summary agree with the tables that it left."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.report.collector import Collector, collector

from .command import CommandResult, folders, tables
from .small_library import COLUMNS, SmallLibrary, in_process

pytestmark = pytest.mark.long
_FUNNEL = ("read", "screen", "enrich", "select", "write")


@dataclass(frozen=True)
class Recorded:
    """A small library and how packaging it ended."""

    library: SmallLibrary
    ended: CommandResult
    collected: Collector | None = None

    @property
    def record(self) -> Any:
        return json.loads((self.library.out / "agency/runs/small/v0001.json").read_bytes())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Of nine assets, six are delivered; one of them twice, one withdrawn, one not to be read."""
    library = SmallLibrary(tmp_path_factory.mktemp("recorded"))
    library.deal += '\n[limits]\ndead_letter_share = "0.50"\n'
    library.add(7, side=560)
    library.add(1, side=560, status="withdrawn")
    library.add(1, media_uri="absent.jpg")
    library.rows[6]["media_uri"] = "5.jpg"
    log = library.folder / "run.jsonl"
    words = ("--json", "--log-json", log, "--log-level", "debug")
    with collector() as collected:
        yield Recorded(library, library.package(*words, "--otlp", collected.url), collected)


def test_the_record_agrees_with_the_decisions(made: Recorded) -> None:
    assert made.ended.code == 0, made.ended.err
    agency, record = made.library.agency, made.record
    decisions = tables(agency / "decisions").to_pylist()
    by_outcome = Counter(row["outcome"] for row in decisions)
    steps = record["steps"]
    assert [*steps] == sorted(_FUNNEL) and steps["read"]["entered"] == len(decisions) == 9
    assert sum(step["refused"] for step in steps.values()) == by_outcome["refused"]
    assert sum(step["failed"] for step in steps.values()) == by_outcome["dead_letter"] == 1
    assert steps["write"]["passed"] == by_outcome["delivered"] == record["delivered"]["samples"]
    told = Counter(reason for row in decisions for reason in row["reasons"])
    kept: Counter[str] = Counter()
    for step in steps.values():
        kept.update(step["refused_by_reason"])
        kept.update(step["failed_by_reason"])
    assert kept == told
    for before, after in pairwise(_FUNNEL):
        assert steps[before]["passed"] == steps[after]["entered"]
    assert record["outcome"] == "delivered" and record["error"] == ""


def test_beams_counters_agree_with_the_receipts(made: Recorded) -> None:
    counters = made.record["attempt"]["beam_counters"]
    expected: dict[str, int] = {}
    for name, step in made.record["steps"].items():
        numbers = {key: step[key] for key in ("entered", "passed", "refused", "failed")}
        for kind in ("refused", "failed"):
            reasons = step[f"{kind}_by_reason"]
            numbers |= {f"{kind}.{reason}": count for reason, count in reasons.items()}
        expected |= {f"{name}.{key}": count for key, count in numbers.items() if count}
    assert expected.items() <= counters.items()
    extra = {name.partition(".")[2] for name in counters.keys() - expected.keys()}
    assert not extra & {"entered", "passed", "refused", "failed"}


def test_the_attempt_adds_up(made: Recorded) -> None:
    attempt = made.record["attempt"]
    times = attempt["steps"]
    assert set(times) == {"prepare", *_FUNNEL, "publish"}
    assert 0 < sum(one["elapsed_s"] for one in times.values()) <= attempt["elapsed_s"] + 0.1
    pictures = made.library.folder / "catalogue"
    fetched = [*range(7), 7]  # a refused asset's file is read too, to recognise copies
    fetched[6] = 5
    sizes = [(pictures / f"{number}.jpg").stat().st_size for number in fetched]
    again = sum(sizes) - attempt["work"]["media_bytes"]
    assert -sum(sizes) <= again <= sizes[7] + sizes[6]  # each once or twice: shards read them too
    assert (attempt["engine"], attempt["workers"]) == ("FnApiRunner", 1)


def test_every_step_says_what_it_took(made: Recorded) -> None:
    record = made.record
    times = record["attempt"]["steps"]
    for name in _FUNNEL:
        taken, counts = times[name], record["steps"][name]
        assert 0 < taken["smallest_piece"] <= taken["largest_piece"] <= counts["entered"], name
        assert taken["largest_piece"] * taken["pieces"] >= counts["entered"], name
        assert taken["after_s"] >= times["read"]["after_s"] > 0
    for what, amount in record["attempt"]["work"].items():
        parts = sum(one["work"][what] for one in times.values())
        assert parts == pytest.approx(amount, abs=0.01), what
    assert times["enrich"]["work"]["decode_s"] > 0 == times["read"]["work"]["media_bytes"]


def test_a_collector_gets_the_same_and_nothing_personal(made: Recorded) -> None:
    assert made.collected is not None
    points, record = made.collected.points(), made.record
    for name, step in record["steps"].items():
        for outcome in ("entered", "passed", "refused", "failed"):
            labels = {"deal_id": "small", "version": "v0001", "step": name, "outcome": outcome}
            assert points["fairshard.run.assets", frozenset(labels.items())] == step[outcome]
    spans = [span.name for span in made.collected.spans()]
    assert sorted(spans) == sorted([*record["attempt"]["steps"], "package"])
    sent = b"".join(made.collected.bodies)
    for name in ("a-0", "c-1", "absent.jpg", made.library.folder.name):
        assert name.encode() not in sent


def test_nothing_of_it_is_in_the_version(made: Recorded) -> None:
    """Times differ from run to run, and the version's files do not."""
    assert "runs" not in folders(made.library.agency)
    assert made.ended.json["attempt"]["steps"].keys() == made.record["attempt"]["steps"].keys()


def test_the_result_stays_on_the_screen(made: Recorded, tmp_path: Path) -> None:
    """The next day's version of the same library; a terminal has 40 lines."""
    said = made.library.copied_to(tmp_path / "again").package(as_of="2026-07-01")
    assert said.code == 0, said.err
    lines = said.out.splitlines()
    table = [line for line in lines if line.startswith("  Enrich assets")]
    assert len(table) == 1 and re.search(r" [0-9.]+ s +[0-9]+ %", table[0])
    first, last = lines.index(table[0]) - 5, lines.index(table[0]) + 8
    assert all(len(line) <= COLUMNS for line in lines[first:last])
    assert any(line.startswith("Delivery ") for line in lines[-40:]), "\n".join(lines)
    unstated = [line for line in lines if "columns are absent" in line]
    assert len(unstated) == 1 and len(unstated[0]) <= COLUMNS
    assert not any(line.startswith("Not stated:") for line in lines)


def test_a_run_without_a_delivery_has_a_record_too(tmp_path: Path) -> None:
    library = SmallLibrary(tmp_path)
    library.add(3, media_uri="absent.jpg")
    ended = library.package()
    assert ended.code == 1
    record = Recorded(library, ended).record
    assert (record["outcome"], record["error"]) == ("undelivered", "Too many failed assets")
    assert record["delivered"] is None and [*record["steps"]] == ["enrich", "read", "screen"]
    assert record["steps"]["enrich"]["failed_by_reason"] == {"media.unavailable": 3}
    assert record["attempt"]["beam_counters"]["enrich.failed"] == 3


def log_lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def sums_of(lines: list[Any], step: str) -> Counter[str]:
    total: Counter[str] = Counter()
    for line in lines:
        if line["event"] == f"{step}.done":
            total.update(line["assets"])
    return total


def test_the_log_agrees_with_the_record(made: Recorded) -> None:
    lines, record = log_lines(made.library.folder / "run.jsonl"), made.record
    assert (lines[0]["event"], lines[-1]["event"]) == ("run.started", "run.done")
    assert {line["run"] for line in lines} == {record["run_id"]}
    for name, step in record["steps"].items():
        numbers = {key: step[key] for key in ("entered", "passed", "refused", "failed")}
        assert dict(sums_of(lines, name)) == numbers, name
    excluded = {line["asset"]: line["reasons"] for line in lines if line["level"] == "debug"}
    assert excluded["a-8"] == ["media.unavailable"]


def test_status_says_the_same(made: Recorded) -> None:
    ended = in_process("status", made.library.out / "small", "--json")
    assert ended.code == 0, ended.err
    [status] = ended.json
    assert (status["state"], status["record"]["steps"]) == ("delivered", made.record["steps"])
    said = in_process("status", made.library.out / "small").out
    assert all(len(line.rstrip()) <= COLUMNS for line in said.splitlines()[4:] if "/" not in line)


def test_workers_log_too(made: Recorded, tmp_path: Path) -> None:
    library = made.library.copied_to(tmp_path / "two")
    log = tmp_path / "log"
    ended = library.package("--workers", 2, "--log-json", log, as_of="2026-07-02")
    assert ended.code == 0, ended.err
    lines = log_lines(log)
    assert len({line["process"] for line in lines}) >= 2
    assert sums_of(lines, "read")["entered"] == 9


def test_a_log_that_cannot_be_written_is_refused(made: Recorded, tmp_path: Path) -> None:
    ended = made.library.package("--log-json", tmp_path / "none" / "log", as_of="2026-07-03")
    assert ended.code == 2 and "The log cannot be written" in ended.err
