"""The state of a run, from what each kind of end leaves in the output."""

from __future__ import annotations

import json
import re
import shlex
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import build_parser, main
from pipelines.commands.status import find_runs
from pipelines.process.identity import this_process
from pipelines.report.status import status_lines
from pipelines.run.counts import StepCounts
from pipelines.run.lease_record import LeaseRecord
from pipelines.run.record import Observed
from pipelines.run.status import RunState, read_status
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.errors import InputError, RunError

RUN = "0123456789abcdef"
WORK = f"agency/work/{RUN}"
COMMAND = "fairshard package --deal acme.toml"


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(str(tmp_path))
    made.write_bytes("acme/v0001/agency/run.json", json_bytes({"run_id": RUN}))
    return made


def put(store: Store, name: str, value: Any) -> None:
    store.write_bytes(f"{WORK}/{name}", json_bytes(value))


def hold(store: Store, pid_shift: int = 0, boot: str | None = None) -> None:
    here = this_process()
    holder = replace(here, started_ticks=here.started_ticks + pid_shift, boot=boot or here.boot)
    record = LeaseRecord("acme", "v0001", 1, RUN, holder, "2026-01-01T00:00:00+00:00", "t")
    store.write_bytes(record.key(), record.to_json())


def leave_record(store: Store, observed: Observed, run_id: str) -> None:
    record = observed.record("acme", "v0001", run_id, 160.0, "Too many failed assets")
    key = layout.run_record_path("acme", "v0001")
    store.write_bytes(key, json_bytes(record.model_dump(mode="json")))


def counts(entered: int, passed: int, refused: int = 0) -> StepCounts:
    made = StepCounts(entered=entered, passed=passed)
    if refused:
        made.add_refusals(["consent.missing"], refused)
    return made


def leave_work(store: Store, stage: str) -> None:
    """Leaves what a run of 10 assets has written when it is at a step."""
    put(store, layout.STARTED, {"command": COMMAND})
    store.write_bytes(f"{WORK}/batches/0.arrow", b"")
    if stage == "read":
        return
    put(store, "verdict.json", {"counts": counts(10, 10).to_json(), "stop": None})
    if stage == "screen":
        return
    put(store, "screen.json", {**counts(10, 8, 2).to_json(), "units": 3})
    put(store, "units/00000.json", {"counts": counts(3, 3).to_json()})
    put(store, "units/00001.json", {"counts": counts(2, 1, 1).to_json()})
    store.write_bytes(f"{WORK}/units/00001.parquet", b"")
    if stage == "enrich":
        return
    put(store, "units/00002.json", {"counts": counts(3, 3).to_json()})
    steps = {"enrich": counts(8, 7, 1).to_json(), "select": counts(7, 6, 1).to_json()}
    put(store, "plan.json", {**steps, "stopped": False, "shards": 2})
    put(store, "shards/a.json", {"shard": {"samples": 4}})
    if stage == "publish":
        put(store, "shards/b.json", {"shard": {"samples": 2}})


@pytest.mark.parametrize(
    ("stage", "done", "of", "left"),
    [
        ("read", 1, None, None),
        ("screen", 0, 1, None),
        ("enrich", 2, 3, 3),
        ("write", 1, 2, 2),
        ("publish", 2, 2, None),
    ],
)
def test_a_running_run_says_where_it_is(
    store: Store, stage: str, done: int, of: int | None, left: int | None
) -> None:
    hold(store)
    leave_work(store, stage)
    status = read_status(store, "acme", "v0001")
    assert (status.state, status.is_well) == (RunState.RUNNING, True)
    assert status.at is not None
    found = (status.at.step, status.at.done, status.at.of, status.at.assets_left)
    assert found == (stage, done, of, left)
    written = {"write": 4, "publish": 6}.get(stage)
    assert (status.steps["write"].passed if "write" in status.steps else None) == written
    if stage == "enrich":
        assert status.steps["enrich"].entered == 5 and status.steps["enrich"].refused_assets == 1
    for label, text in status_lines(status):
        assert len(f"{label:<11} {text}") <= 80 or label == "Delivery"


def test_a_killed_run_says_how_to_continue(store: Store) -> None:
    hold(store, pid_shift=1)  # another process had this pid
    leave_work(store, "enrich")
    status = read_status(store, "acme", "v0001")
    assert (status.state, status.is_well) == (RunState.KILLED, False)
    assert ("Continue", COMMAND) in status_lines(status)
    assert status.to_json()["continue_with"] == COMMAND


def test_a_process_elsewhere_is_not_called_dead(store: Store) -> None:
    hold(store, pid_shift=1, boot="another machine")
    status = read_status(store, "acme", "v0001")
    assert status.state is RunState.RUNNING  # its heartbeat is fresh
    assert "cannot be seen from here" in dict(status_lines(status))["Heartbeat"]


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("undelivered", RunState.UNDELIVERED),
        ("failed", RunState.FAILED),
        ("", RunState.INTERRUPTED),
    ],
)
def test_a_run_that_ended(store: Store, outcome: str, state: RunState) -> None:
    observed = Observed("FnApiRunner", 1, 100.0)
    if outcome == "undelivered":
        observed.steps["read"] = StepCounts(4, 3, failed=Counter({"row.invalid": 1}))
    if outcome:
        leave_record(store, observed, RUN)
    status = read_status(store, "acme", "v0001")
    assert (status.state, status.is_well) == (state, False)
    if outcome == "undelivered":
        assert status.steps == observed.steps
        assert status.steps["read"].failed == {"row.invalid": 1}


def test_the_record_of_another_run_of_the_version_does_not_count(store: Store) -> None:
    leave_record(store, Observed("FnApiRunner", 1, 100.0), "other")
    assert read_status(store, "acme", "v0001").state is RunState.INTERRUPTED


def test_a_manifest_is_a_delivery(store: Store) -> None:
    store.write_bytes("acme/v0001/delivery/MANIFEST.json", b"{}")
    hold(store, pid_shift=1)  # killed after the manifest
    status = read_status(store, "acme", "v0001")
    assert (status.state, status.is_well, status.at) == (RunState.DELIVERED, True, None)


def test_runs_are_found_by_output_deal_and_version(store: Store) -> None:
    store.write_bytes("acme/v0010/agency/run.json", json_bytes({"run_id": RUN}))
    store.write_bytes("acme/v0009/agency/run.json", json_bytes({"run_id": RUN}))
    store.write_bytes("other/v0001/agency/run.json", json_bytes({"run_id": RUN}))
    uri = store.uri
    assert find_runs(f"{uri}/acme/")[1] == [("acme", "v0010")]
    assert find_runs(f"{uri}/acme/v0009")[1] == [("acme", "v0009")]
    assert find_runs(uri)[1] == [("acme", "v0010"), ("other", "v0001")]
    for absent in (f"{uri}/acme/v0003", f"{uri}/none"):
        with pytest.raises(InputError, match="There is no run"):
            find_runs(absent)


@pytest.mark.parametrize("form", ["", "--json", "--prometheus"])
def test_a_damaged_deal_does_not_keep_the_others_back(
    store: Store, form: str, capsys: pytest.CaptureFixture[str]
) -> None:
    for deal_id in ("good", "zeal"):
        store.write_bytes(f"{deal_id}/v0001/agency/run.json", json_bytes({"run_id": RUN}))
        store.write_bytes(f"{deal_id}/v0001/delivery/MANIFEST.json", b"{}")
    whole = [one for one in ["status", store.uri, form] if one]
    store.write_bytes("acme/v0001/delivery/MANIFEST.json", b"{}")
    assert main(whole) == 0
    assert "unreadable" not in capsys.readouterr().out.replace('state="unreadable"} 0', "")
    store.write_bytes("acme/v0001/agency/run.json", b"{")
    assert main(whole) == 1
    out, err = capsys.readouterr()
    which, remedy = "acme/v0001/agency/run.json (JSONDecodeError)", "fairshard clean"
    if form == "--json":
        found = {one["deal_id"]: one for one in json.loads(out)}
        states = {deal_id: one["state"] for deal_id, one in found.items()}
        assert states == {"acme": "unreadable", "good": "delivered", "zeal": "delivered"}
        assert which in found["acme"]["error"]["which"] and not err
        assert found["good"]["error"] is None and found["acme"]["version"] == "v0001"
        return
    named = err if form else out
    assert which in named and remedy in named
    for deal_id, state in {"acme": "unreadable", "good": "delivered", "zeal": "delivered"}.items():
        if form:
            labels = f'deal_id="{deal_id}",version="v0001"'
            assert f'fairshard_run_state{{{labels},state="{state}"}} 1\n' in out
            assert out.count(f'{labels},state="') == len(RunState)
        else:
            assert f"{deal_id}/v0001" in out
    assert form or out.count("State       delivered") == 2


def test_a_damaged_deal_alone_is_an_error(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.write_bytes("acme/v0001/agency/run.json", b"{")
    assert main(["status", f"{store.uri}/acme"]) == 1
    out, err = capsys.readouterr()
    assert not out and "acme/v0001/agency/run.json" in err


def test_reading_changes_nothing(store: Store, tmp_path: Path) -> None:
    leave_work(store, "write")
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    read_status(store, "acme", "v0001")
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before


def test_the_printed_record_is_json(store: Store) -> None:
    leave_work(store, "enrich")
    assert json.loads(json.dumps(read_status(store, "acme", "v0001").to_json()))["state"]


def test_the_command_is_one() -> None:
    words = shlex.split(COMMAND + " --catalogue c")[1:]
    assert build_parser(["package"]).parse_args(words).deal == Path("acme.toml")


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"run": 1}', '{"run_id": 3}', "\xff"])
@pytest.mark.parametrize(
    "name",
    ["acme/v0001/agency/run.json"]
    + [f"{WORK}/{name}" for name in (layout.STARTED, "verdict.json", "screen.json", "plan.json")]
    + [f"{WORK}/units/00000.json", f"{WORK}/shards/a.json"],
)
def test_a_damaged_file_is_named(store: Store, name: str, text: str) -> None:
    hold(store)
    leave_work(store, "enrich" if "units" in name else "write")
    store.write_bytes(name, text.encode("latin-1"))
    with pytest.raises(RunError, match=re.escape(name)):
        read_status(store, "acme", "v0001")
