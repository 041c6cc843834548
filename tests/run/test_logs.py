"""The log of a run: whole lines from many processes, of known fields only."""

from __future__ import annotations

import json
import logging
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.decisions import failed_asset
from pipelines.run.logs import (
    NO_LOG,
    LogTarget,
    log,
    log_excluded,
    open_log_file,
    start_logging,
)
from pipelines.steps.at_work import Piece


@pytest.fixture
def target(tmp_path: Path) -> Iterator[LogTarget]:
    made = replace(open_log_file(tmp_path / "log", "info"), deal="acme", run="0123")
    yield made
    start_logging(NO_LOG)


def lines(target: LogTarget) -> list[dict[str, Any]]:
    return [json.loads(line) for line in Path(target.path).read_text().splitlines()]


def test_a_line_says_when_what_and_of_which_run(target: LogTarget) -> None:
    start_logging(target)
    log("enrich.done", {"step": "enrich", "unit": "00001", "measured": {"seconds": 1.5}})
    [line] = lines(target)
    assert line.pop("time").endswith("+00:00") and line.pop("worker")
    assert line.pop("process") == os.getpid()
    assert line == {
        **{"level": "info", "event": "enrich.done", "deal": "acme", "run": "0123"},
        **{"step": "enrich", "unit": "00001", "measured": {"seconds": 1.5}},
    }


def test_counts_and_bytes_are_whole_numbers(target: LogTarget) -> None:
    start_logging(target)
    amounts = {"decode_s": 1.0, "media_bytes": 949978.0, "model_calls": 3.0}
    Piece("enrich", "00000").done(StepCounts(), Cost(amounts=amounts))
    [line] = Path(target.path).read_text().splitlines()
    assert '"decode_s": 1.0, "media_bytes": 949978, "model_calls": 3' in line


def test_levels(target: LogTarget) -> None:
    start_logging(target)
    decisions = [failed_asset("a-1", "media.empty", "/home/me/a-1.jpg: 0 bytes")]
    log_excluded("enrich", decisions)
    assert lines(target) == []
    start_logging(replace(target, level="debug"))
    log_excluded("enrich", decisions)
    [line] = lines(target)
    assert (line["event"], line["asset"]) == ("asset.dead_letter", "a-1")
    assert line["reasons"] == ["media.empty"] and "home" not in str(line)
    start_logging(replace(target, level="error"))
    log("run.done", {})
    log("run.failed", {"error": "The disk is full"}, logging.ERROR)
    assert [line["event"] for line in lines(target)[1:]] == ["run.failed"]


def test_libraries_stay_silent(target: LogTarget, capfd: pytest.CaptureFixture[str]) -> None:
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)  # as the command does
    try:
        start_logging(target)
        logging.getLogger("urllib3").error("GET https://example.com/?X-Amz-Signature=abc")
        log("run.started", {})
    finally:
        logging.disable(before)
    assert [line["event"] for line in lines(target)] == ["run.started"]
    assert capfd.readouterr().err == ""


def test_other_fields_are_a_fault_of_the_program(target: LogTarget) -> None:
    start_logging(target)
    with pytest.raises(ValueError, match="media_uri"):
        log("enrich.done", {"media_uri": "https://example.com/?signature=abc"})


def test_without_a_target_nothing_is_logged(capfd: pytest.CaptureFixture[str]) -> None:
    start_logging(NO_LOG)
    log("run.started", {})
    assert capfd.readouterr().err == ""


def test_another_machine_logs_to_stderr(
    target: LogTarget, capfd: pytest.CaptureFixture[str]
) -> None:
    """The path may exist there too; it is not the same file."""
    device, inode = target.file_id
    start_logging(replace(target, file_id=(device, inode + 1)))
    log("run.started", {})
    assert json.loads(capfd.readouterr().err)["event"] == "run.started"
    assert lines(target) == []


def _log_many(target: LogTarget, number: int) -> None:
    start_logging(target)
    for unit in range(200):
        log("enrich.done", {"step": "enrich", "unit": f"{number}-{unit}", "error": "x" * 900})


def test_processes_do_not_break_each_others_lines(target: LogTarget) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_log_many, args=(target, number)) for number in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len({line["unit"] for line in lines(target)}) == 800
    assert len({line["process"] for line in lines(target)}) == 4
