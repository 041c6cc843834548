"""`fairshard pull` as it is called: what it prints, at 80 columns, and its exit codes."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path

import pytest

from pipelines.cli import main
from pipelines.commands import pull as commands
from pipelines.commands.pull import _Reporter
from pipelines.pull.pull import pull
from pipelines.storage.progress import report_progress
from tests.end_to_end.command import CommandResult, fairshard
from tests.pull.deals import SIGNER, content, publish, say_latest, tree

FILES = {"README.md": b"read me\n", "shards/d-00000.tar": content(1, 3 << 20)}


@pytest.fixture
def deal(tmp_path: Path) -> Path:
    publish(tmp_path / "acme", "v0001", FILES)
    say_latest(tmp_path / "acme", 1, expires_at="2999-01-01T00:00:00+00:00")
    return tmp_path / "acme"


def in_process(*words: object) -> CommandResult:
    said, errors = io.StringIO(), io.StringIO()
    with redirect_stdout(said), redirect_stderr(errors):
        code = main(list(map(str, words)))
    return CommandResult(code, said.getvalue(), errors.getvalue())


def test_pull_says_what_it_did(deal: Path, tmp_path: Path) -> None:
    done = fairshard("pull", deal, tmp_path / "copy", "--vkey", SIGNER.vkey)
    assert done.code == 0 and "Pull (MiB)" in done.err and "4/4" in done.err
    assert "new or changed: 2, removed: 0, received: 3.1 MB" in done.out
    assert "a pinned key, an-agency+" in done.out and "number 1, until 2999-01-01" in done.out
    paths = (str(tmp_path / "copy"), str(deal))
    assert all(
        len(line) <= 80 for line in done.out.splitlines() if not any(p in line for p in paths)
    )
    assert tree(tmp_path / "copy" / "delivery") == tree(deal / "v0001" / "delivery")
    again = in_process("pull", deal, tmp_path / "copy", "--json", "--quiet")
    told = json.loads(again.out)
    assert (again.code, told["placed"], told["received_bytes"], told["sequence"]) == (0, [], 0, 1)


def test_a_notice_comes_with_the_command_that_answers_it(
    deal: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "copy"
    told = ["acme-000001"]
    monkeypatch.setattr(commands, "pull", lambda *given: replace(pull(*given), notices=told))
    done = in_process("pull", deal, copy, "--vkey", SIGNER.vkey, "--quiet")
    path = copy / "notices/acme-000001.json"
    assert done.code == 0 and f"new notice of removal: {path}\n" in done.out
    answer = f"apply-removals {copy / 'delivery'} --notice {path} --from {copy / 'delivery'}"
    assert answer in done.out


def test_pull_says_what_is_wrong(deal: Path, tmp_path: Path) -> None:
    done = in_process("pull", deal, tmp_path / "copy", "--quiet")
    assert done.code == 2 and "Give the agency's key with --vkey" in done.err
    done = in_process("pull", tmp_path, tmp_path / "copy", "--quiet", "--key", SIGNER.vkey)
    assert done.code == 2 and "There is no delivery here" in done.err
    (deal / "v0001" / "delivery" / "README.md").write_bytes(b"read it\n")
    done = in_process("pull", deal, tmp_path / "copy", "--quiet", "--key", SIGNER.vkey)
    assert done.code == 1 and "not the one that the manifest lists" in done.err


def test_a_pull_of_whole_shards_starts_without_what_it_does_not_need() -> None:
    """Arrow and NumPy alone would take as long as all else that is imported."""
    seen = subprocess.run(
        [sys.executable, "-c", "import sys, pipelines.commands.pull as _; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert "pipelines.pull.pull" in seen
    assert not {"numpy", "pyarrow", "boto3", "rich.progress", "schemas.grant"} & set(seen)


def test_bytes_that_many_threads_report_are_counted_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "progress"
    reporter = _Reporter(told)
    reporter(0, 8 << 20)
    # Another thread has its turn between what is worked out and what is noted as told.

    def slowly(path: str, step: str, done: int, total: int) -> None:
        time.sleep(0.002)
        report_progress(path, step, done, total)

    monkeypatch.setattr(commands, "report_progress", slowly)
    with ThreadPoolExecutor(8) as threads:
        for _ in range(64):
            threads.submit(reporter, 1 << 17, 0)
    lines = [json.loads(line) for line in told.read_text().splitlines()]
    assert (sum(line[1] for line in lines), sum(line[2] for line in lines)) == (8, 8)
