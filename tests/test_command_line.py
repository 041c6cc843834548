"""The command line as a person or a script meets it: version, errors, completion, Ctrl-C."""

from __future__ import annotations

import gc
import json
import os
import pty
import shutil
import signal
import subprocess
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from pipelines import cli
from pipelines.cli import COMMANDS, main
from tests.end_to_end.command import command, environment
from tests.end_to_end.small_library import SmallLibrary, in_process

_TIMEOUT_S = 240


def test_the_version_is_that_of_the_package(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"fairshard {version('fairshard')}\n")


def test_a_command_looks_for_garbage_more_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    def leave(code: int) -> None:
        raise SystemExit(code)

    usual = gc.get_threshold()
    monkeypatch.setattr(cli, "leave", leave)
    monkeypatch.setattr(cli, "main", lambda: gc.get_threshold()[0])
    try:
        with pytest.raises(SystemExit) as ended:
            cli.run()
        assert ended.value.code == 20_000
    finally:
        gc.set_threshold(*usual)


def test_a_command_makes_no_parser_of_another() -> None:
    assert cli.build_parser(["verify"]).parse_args(["verify", "made"]).command == "verify"
    every = list(COMMANDS)
    for chosen, made in (["verify"], ["verify"]), ([], every), (every, every):
        [commands] = [action for action in cli.build_parser(chosen)._actions if action.choices]
        assert list(commands.choices or ()) == made


def test_an_error_is_one_json_document_too(tmp_path: Path) -> None:
    ended = in_process("verify", tmp_path / "none", "--json", "--quiet")
    assert ended.code == ended.json["exit_code"] == 2
    assert ended.json["error"]["what"] == "There is no delivery here"
    assert ended.json["error"]["remedy"] in ended.err
    assert in_process("verify", tmp_path / "none", "--quiet").out == ""


@pytest.mark.parametrize(("raised", "code"), [(KeyboardInterrupt, 130), (ZeroDivisionError, 1)])
def test_what_is_not_expected_is_json_too(
    raised: type[BaseException], code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> Any:
        raise raised

    monkeypatch.setattr("pipelines.commands.status.find_runs", fail)
    ended = in_process("status", tmp_path, "--json")
    assert ended.code == ended.json["exit_code"] == code
    assert len(ended.err.splitlines()) == 1


@pytest.mark.slow
def test_a_rerun_says_as_much_as_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    library = SmallLibrary(tmp_path)
    library.add(2, side=512)
    first, second = library.package("--json"), library.package("--json")
    assert (first.code, second.code) == (0, 0), first.err
    one, two = first.json, second.json
    assert one.pop("made") and not two.pop("made")
    assert two.pop("complete") and two.pop("replaced_by") == ""
    assert two.pop("attempt")["started"] == one["attempt"]["started"]  # its end is a moment later
    del one["attempt"]
    assert len(one.pop("versions")["published_before"]) == 0
    assert len(two.pop("versions")["published_before"]) == 1  # itself
    for name in ("other_currencies", "undelivered_minor", "personal_data"):
        del one[name], two[name]  # only the run knows the former two
    assert one == two


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (
            "package --catalogue x --deal y.toml --workers 1",
            "Checking the deal y.toml and the catalogue…",
        ),
        ("demo --out new", "Generating a library of 360 assets…"),
    ],
)
def test_the_first_line_comes_before_what_is_slow(
    arguments: str, line: str, tmp_path: Path
) -> None:
    """The modules that take seconds are imported after it."""
    program = (
        "import sys; from pipelines.cli import main\n"
        "class Slow:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] in ('torch', 'apache_beam', 'pyarrow', 'pandas'):\n"
        "            raise SystemExit('slow: ' + name)\n"
        "sys.meta_path.insert(0, Slow())\n"
        f"main({arguments.split()})\n"
    )
    program = program.replace("sys.meta_path", "import importlib.util as u; u.find_spec = bool\n"
                              "import pipelines.commands.package as p; p.find_spec = str\n"
                              "import pipelines.commands.demo as d; d.find_spec = str\n"
                              "sys.meta_path")  # fmt: skip
    ended = subprocess.run(
        [*command()[:1], "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    first, *rest = ended.stderr.splitlines()
    assert first == line
    assert rest[-1].startswith("slow: ")


def test_a_person_is_told_that_a_command_is_loaded(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Only on a terminal, and it is taken back."""
    shown, terminal = pty.openpty()
    monkeypatch.setattr(cli, "_PATIENCE_S", 0.01)
    with os.fdopen(terminal, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        with cli._saying_that_it_starts("explain", ["explain"]):
            time.sleep(0.2)
    said = ""
    while not said.endswith("\x1b[K"):
        said += os.read(shown, 1000).decode()
    os.close(shown)
    assert said == "fairshard explain: starting…\r\x1b[K"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "bash"]) == 0
    script = capsys.readouterr().out

    def completed(*words: str) -> list[str]:
        listed = " ".join(f"'{word}'" for word in ("fairshard", *words))
        ask = f"COMP_WORDS=({listed}); COMP_CWORD={len(words)}; _fairshard; echo ${{COMPREPLY[@]}}"
        ended = subprocess.run(
            ["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True
        )
        return ended.stdout.split()

    assert completed("") == list(COMMANDS)
    assert completed("ver") == ["verify"]
    assert completed("package", "--cat") == ["--catalogue"]
    assert "--no-verify" in completed("report", "--")


@pytest.mark.parametrize("shell", ["zsh", "fish"])
def test_other_shells_get_every_command(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert all(name in script for name in COMMANDS) and "catalogue" in script
    assert "%(" not in script


@pytest.mark.slow
@pytest.mark.parametrize("waits_for", ["Checking", "Read catalogue", "Enrich assets"])
def test_ctrl_c_leaves_one_line(waits_for: str, tmp_path: Path) -> None:
    """A terminal sends it to all processes: the command, its workers, their decoders."""
    library = SmallLibrary(tmp_path)
    library.add(40, side=512)
    library.write_catalogue()
    words = ["package", "--catalogue", library.folder / "catalogue", "--workers", 2]
    words += ["--deal", library.folder / "deal.toml", "--out", library.out]
    with (tmp_path / "said").open("w+b", buffering=0) as said:
        process = subprocess.Popen(
            command(*words),
            stdout=said,
            stderr=said,
            env=environment(),
            start_new_session=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
        ends = time.monotonic() + _TIMEOUT_S
        while waits_for.encode() not in (tmp_path / "said").read_bytes():
            assert process.poll() is None and time.monotonic() < ends
            time.sleep(0.02)
        before = len((tmp_path / "said").read_bytes().splitlines())
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(_TIMEOUT_S) == 130
    lines = (tmp_path / "said").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "interrupted; run the same command again to continue"
    # Besides, progress that had been made may be shown.
    rest = lines[before:-1]
    assert all(line.startswith(("  ", "The demonstration model", "Model ")) for line in rest), rest
    again = in_process(*words, "--json", "--quiet")
    assert again.code == 0, again.err
    assert json.loads(again.out)["samples"] == 40 - again.json["steps"]["select"]["refused"]


def test_an_unknown_option_is_refused_with_the_commands_own_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["status", "--out", "nowhere"])
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert said.startswith("usage: fairshard status ")
    assert "fairshard status: error: unrecognized arguments: --out" in said
