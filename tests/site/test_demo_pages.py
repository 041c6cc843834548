"""Pages whose commands work on the output of `make demo`: each is run, and prints what it shows."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.command import environment, fairshard
from tests.site.pages import DOCS, steps_of

pytestmark = pytest.mark.slow

PAGES = {"statements.md": 2, "proofs.md": 5, "removal.md": 8}  # commands whose output is shown
# What is another one in each run, and in each version of a format.
_CHANGING = (
    (re.compile(r"buyer\.example\+[0-9a-f]{8}"), "buyer.example+"),
    (re.compile(r"records and root [0-9a-f]{64}"), "records and root"),
)
# What the demo does not have: a log with witnesses and a timestamp.
_ELSEWHERE = re.compile(r"fairshard check-proof a-17")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    done = fairshard("demo", "--out", folder / "demo-out", "--quiet")
    assert done.code == 0, done.err
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """A copy of the demo and what the pages take for given: names, the script, the agency's key."""
    shutil.copytree(made / "demo-out", tmp_path / "demo-out")
    for name in ("out", "catalogue", "deal.toml"):
        (tmp_path / name).symlink_to(Path("demo-out") / name)
    shutil.copyfile(tmp_path / "out/agency/log/log.vkey", tmp_path / "agency.vkey")
    shutil.copyfile(DOCS / "answer_notice.py", tmp_path / "answer_notice.py")
    commands = tmp_path / "bin"
    commands.mkdir()
    (commands / "python").symlink_to(sys.executable)
    (commands / "fairshard").write_text(f'#!/bin/sh\nexec {sys.executable} -m pipelines.cli "$@"\n')
    (commands / "fairshard").chmod(0o755)
    return tmp_path


def said(command: str, folder: Path) -> str:
    """Runs a command and returns what it prints, without blanks at the ends of lines."""
    path = f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"
    shown = {"PATH": path, "PYTHONPATH": str(DOCS.parent)}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=folder,
        env=environment(shown),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=300,
        check=False,
    )
    return "\n".join(line.rstrip() for line in done.stdout.splitlines()).strip("\n")


def _lines(printed: str) -> list[str]:
    """Returns lines without blanks around them, and without what changes."""
    text = printed.strip("\n")
    for pattern, shown in _CHANGING:
        text = pattern.sub(shown, text)
    return [line.strip() for line in text.splitlines()]


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs openssl 3")
@pytest.mark.parametrize("page", PAGES)
def test_its_commands_print_what_it_shows(page: str, folder: Path) -> None:
    shown = 0
    for step in steps_of(page):
        if _ELSEWHERE.match(step.command):
            continue
        assert step.printed is not None, step.command
        printed = said(step.command, folder)
        if step.command.startswith("openssl"):
            continue
        assert _lines(printed) == _lines(step.printed), step.command
        shown += 1
        if step.command.startswith("fairshard revoke"):  # what the buyer is sent
            for file in (folder / "out/demo-main/notices").iterdir():
                shutil.copyfile(file, folder / file.name)
            if not (folder / "v0002").is_symlink():
                (folder / "v0002").symlink_to(folder / "out/demo-main/v0002")
    assert shown >= PAGES[page]
