"""Two runs of one deal, started together: one makes the version, the other changes nothing."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.faults.conftest import ShardedLibrary
from tests.faults.outputs import Expected, Folder, check_ended, check_error_message, check_not_torn
from tests.faults.runs import RunStarter

_SAYS = (
    "Another run is making this version",
    "Another run has published this version",
)


@pytest.mark.parametrize("times", [1, pytest.param(10, marks=pytest.mark.slow)])
def test_of_two_concurrent_runs_one_makes_the_version(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path, times: int
) -> None:
    refused = late = 0
    for number in range(times):
        output = library.warm(tmp_path / str(number))
        arguments = library.package(output.uri, "--workers", 1)
        both = [runs.start(*arguments) for _ in range(2)]
        codes = sorted(run.wait() for run in both)
        winners = [run for run in both if run.code == 0 and '"made": true' in run.output_text()]
        assert len(winners) == 1, [run.output_text() for run in both]
        for run in both:
            if run is winners[0]:
                continue
            if run.code == 0:  # it started after the other had ended
                assert '"made": false' in run.output_text(), run.output_text()
                late += 1
            else:
                check_error_message(run.errors())
                assert run.code == 1 and any(text in run.errors() for text in _SAYS), run.errors()
                refused += 1
        assert codes in ([0, 0], [0, 1])
        assert check_ended(output, expected) == 0
    print(f"{times} pairs: {refused} refused, {late} came after the end")
    assert refused > late


def test_run_that_lost_its_version_commits_no_shard(
    library: ShardedLibrary, runs: RunStarter, expected: Expected, tmp_path: Path
) -> None:
    """It notices at its next shard, not at its next heartbeat, up to 20 seconds later."""
    output = library.warm(tmp_path / "out")
    arguments = library.package(output.uri, "--workers", 1)
    run = runs.start(*arguments)
    claim = output.root / "agency" / "claims" / expected.version / "0001.json"
    while len(commits(output)) < 3:
        assert not run.ended(), run.output_text()
        time.sleep(0.001)
    taken = json.loads(claim.read_bytes()) | {"number": 2, "token": "another"}
    taken["holder"] |= {"boot": "another", "host": "elsewhere"}
    store = output.store
    store.write_bytes(f"agency/claims/{expected.version}/0002.json", json.dumps(taken).encode())
    there = commits(output)
    assert run.wait() == 1, run.output_text()
    assert "This run no longer holds its version" in run.errors(), run.errors()
    check_error_message(run.errors())
    # A shard that was already confirmed may still be committed.
    assert len(commits(output) - there) <= 1 and len(there) < len(expected.shards) - 1
    check_not_torn(output, expected)
    store.delete(f"agency/claims/{expected.version}/0002.json")
    run = runs.start(*arguments)
    assert run.wait() == 0, run.output_text()
    check_ended(output, expected)


def commits(output: Folder) -> set[str]:
    """Returns the commit records of shards."""
    return {path.name for path in output.root.glob("agency/work/*/shards/*.json")}
