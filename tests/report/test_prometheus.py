"""Runs as metrics in Prometheus's text format, read back by its grammar."""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pytest

from pipelines.commands.status import add_options, run
from pipelines.report.prometheus import prometheus_text
from pipelines.run.costs import Cost
from pipelines.run.counts import StepCounts
from pipelines.run.record import Observed
from pipelines.run.status import RunState, RunStatus

_LABEL = r'[a-z_]+="(?:[^"\\\n]|\\["\\n])*"'
_SAMPLE = re.compile(rf"([a-z_]+)\{{({_LABEL}(?:,{_LABEL})*)\}} (-?[0-9.e+-]+)\n")
_COMMENT = re.compile(r"# (HELP|TYPE) ([a-z_]+) (.+)\n")


def status(deal_id: str, state: RunState, ended: bool = True) -> RunStatus:
    counts = StepCounts(entered=10, passed=7)
    counts.add_refusals(["consent.missing", "release.missing"], 2)
    counts.add_refusals(["consent.missing"], 1)
    cost = Cost(started_s=1.0, ended_s=3.0, busy_s=4.0, pieces=2, amounts={"media_bytes": 2**40})
    observed = Observed("FnApiRunner", 2, 0.0, {"screen": counts}, {"screen": cost}, {"decoded": 7})
    record = observed.record(deal_id, "v0001", "ab", 5.0) if ended else None
    return RunStatus(
        deal_id, "v0001", "ab", state, "out", {"screen": counts}, None, None, "", record
    )


def parsed(text: str) -> dict[tuple[str, str], float]:
    """Reads the format: every line is of the grammar, and a metric's lines are together."""
    found: dict[tuple[str, str], float] = {}
    order: list[str] = []
    for line in text.splitlines(keepends=True):
        match = _COMMENT.fullmatch(line) or _SAMPLE.fullmatch(line)
        assert match is not None, line
        comment = line.startswith("#")
        name = match[2] if comment else match[1]
        assert name not in order[:-1]
        order += [name] if name not in order else []
        if not comment:
            assert (match[1], match[2]) not in found
            found[match[1], match[2]] = float(match[3])
    return found


def test_an_ended_run_has_its_counts_and_what_it_took() -> None:
    values = parsed(prometheus_text([status("acme", RunState.DELIVERED)]))
    of_run = 'deal_id="acme",version="v0001"'
    expected = {
        ("state", 'state="delivered"'): 1,
        ("state", 'state="running"'): 0,
        ("assets", 'step="screen",outcome="entered"'): 10,
        ("assets", 'step="screen",outcome="refused"'): 3,
        ("assets_by_reason", 'step="screen",outcome="refused",reason="consent.missing"'): 3,
        ("assets_by_reason", 'step="screen",outcome="refused",reason="release.missing"'): 2,
        ("computed_media", 'work="decoded"'): 7,
        ("elapsed_seconds", ""): 5,
        ("step_seconds", 'step="screen",of="elapsed"'): 2,
        ("step_seconds", 'step="screen",of="busy"'): 4,
        ("work", 'what="media_bytes"'): 2**40,
    }
    for (name, labels), value in expected.items():
        label = f"{of_run},{labels}".removesuffix(",")
        assert values[f"fairshard_run_{name}", label] == value
    assert sum(name == "fairshard_run_state" for name, _ in values) == len(RunState)
    assert ("fairshard_run_step_seconds", f'{of_run},step="screen",of="processor"') not in values


def test_runs_share_one_heading_and_any_text_is_a_label() -> None:
    odd = 'a "deal"\\n\n'
    text = prometheus_text(
        [status("acme", RunState.RUNNING, ended=False), status(odd, RunState.FAILED)]
    )
    values = parsed(text)
    assert text.count("# TYPE fairshard_run_assets gauge\n") == 1
    label = r'deal_id="a \"deal\"\\n\n",version="v0001",state="failed"'
    assert values["fairshard_run_state", label] == 1
    assert prometheus_text([]) == ""


def test_the_command_prints_metrics(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "acme" / "v0001" / "agency").mkdir(parents=True)
    (tmp_path / "acme" / "v0001" / "agency" / "run.json").write_text('{"run_id": "ab"}')
    parser = argparse.ArgumentParser()
    add_options(parser)
    code = run(parser.parse_args([str(tmp_path), "--prometheus"]))
    values = parsed(capsys.readouterr().out)
    state = 'deal_id="acme",version="v0001",state="interrupted"'
    assert (code, values["fairshard_run_state", state]) == (1, 1)
