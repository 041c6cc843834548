"""Follows a page of docs/contributing/ as it is written: its code blocks, then its commands.

A block with a title is a file: whole, or as a difference. A difference has no line numbers; what it
shows unchanged or removed must be in the file exactly once. A block of `sh` is run, line by line.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from tests.end_to_end.command import environment

ROOT = Path(__file__).parents[2]
PAGES = ROOT / "docs" / "contributing"
_COPIED = ("pipelines", "schemas", "docs", "tests")
_FENCE = re.compile(r'^```(\w+)(?: title="([^"]+)")?\n(.*?)^```$', re.MULTILINE | re.DOTALL)
# What a reader types, and how it is run by the interpreter of the tests.
_PROGRAMS = {
    "python": [],
    "fairshard": ["-m", "pipelines.cli"],
    "make schemas": ["-m", "pipelines.report.reference"],
}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page.

    Attributes:
        language: As the fence has it.
        path: The file that it makes or changes; empty where it does neither.
        text: What stands in it.
    """

    language: str
    path: str
    text: str


def blocks(page: str) -> list[Block]:
    """Every fenced block of a page of docs/contributing/, in order."""
    text = (PAGES / page).read_text(encoding="utf-8")
    return [Block(*found) for found in _FENCE.findall(text)]


def copy_program(target: Path) -> Path:
    """Copies the program and its tests."""
    skipped = shutil.ignore_patterns("__pycache__")
    for part in _COPIED:
        shutil.copytree(ROOT / part, target / part, ignore=skipped)
    shutil.copy(ROOT / "pyproject.toml", target)
    return target


def edit(page: str, program: Path) -> list[str]:
    """Applies every titled block of a page to a copy; returns the paths that they make or change.

    Raises:
        ValueError: If a block makes a file that is there, or its lines are not in the file once.
    """
    paths = []
    for block in blocks(page):
        if not block.path:
            continue
        file = program / block.path
        if block.language == "diff":
            text = changed(file.read_text(encoding="utf-8"), block.text, block.path)
        elif file.exists():
            raise ValueError(f"{page} makes {block.path}, which is there")
        else:
            text = block.text
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        paths.append(block.path)
    return paths


def changed(text: str, difference: str, path: str) -> str:
    """A text with a difference applied; `@@` parts its hunks.

    Raises:
        ValueError: If what a hunk changes is not in the text exactly once.
    """
    for hunk in re.split(r"^@@.*\n", difference, flags=re.MULTILINE):
        lines = hunk.splitlines(keepends=True)
        before = "".join(line[1:] or "\n" for line in lines if not line.startswith("+"))
        after = "".join(line[1:] or "\n" for line in lines if not line.startswith("-"))
        if text.count(before) != 1:
            raise ValueError(f"{path}: {text.count(before)} times in the file:\n{before}")
        text = text.replace(before, after)
    return text


def commands(page: str) -> list[list[str]]:
    """The page's commands as arguments of Python, in order."""
    found = []
    for block in blocks(page):
        for line in block.text.splitlines() if block.language == "sh" else ():
            name = next(name for name in _PROGRAMS if line == name or line.startswith(f"{name} "))
            found.append([*_PROGRAMS[name], *shlex.split(line.removeprefix(name))])
    return found


def python(program: Path, arguments: list[str]) -> subprocess.CompletedProcess[str]:
    """Runs Python in a copy of the program, which is what it imports."""
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=program,
        env=environment({"PYTHONPATH": str(program), "PYTEST_ADDOPTS": "-m 'not slow'"}),
        capture_output=True,
        text=True,
        check=False,
    )


def run_all(page: str, program: Path, module: str = "") -> list[str]:
    """Runs a page's commands, each of which must end well; returns what they printed.

    With `module`, only those of this module of Python.
    """
    printed = []
    for arguments in commands(page):
        if module and arguments[:2] != ["-m", module]:
            continue
        done = python(program, arguments)
        assert done.returncode == 0, f"{arguments}\n{done.stdout}\n{done.stderr}"
        printed.append(done.stdout)
    return printed


def check_style(program: Path, paths: list[str]) -> None:
    """What a page makes is linted, formatted and typed, and keeps the levels."""
    modules = [path for path in paths if path.endswith(".py")]
    for check in (["check"], ["format", "--check"]):
        done = python(program, ["-m", "ruff", *check, "--no-cache", *modules])
        assert done.returncode == 0, done.stdout
    done = python(program, ["-m", "mypy", "--cache-dir", os.devnull, *modules])
    assert done.returncode == 0, done.stdout
    lint = "from importlinter.cli import lint_imports_command as c; c()"
    done = python(program, ["-c", lint])
    assert done.returncode == 0, done.stdout
