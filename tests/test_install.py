"""The base install: the wheel's requirements, and that `verify` needs nothing else."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from email.message import Message
from email.parser import Parser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from pipelines.cli import COMMANDS, PACKAGE_MODULES
from tests.end_to_end.command import CommandResult, Demo, environment

ROOT = Path(__file__).parents[1]

# The packages of the base install, by distribution name and by import name.
BASE = set(
    "boto3 cryptography numpy orjson pyarrow pydantic rfc3161-client rfc8785 rich tenacity "
    "urllib3 webdataset".split()
)
BASE_MODULES = BASE - {"rfc3161-client"} | {"botocore", "pydantic_core", "rfc3161_client"}
NEEDS_PACKAGE = set(
    "demo scan check package explain share statement pay fund payout journal revoke removals "
    "replay sweep features clips quote".split()
)

# Runs a command where no package of the agency's side can be imported, such as torch, which
# webdataset uses if present; then prints which of some slow modules were imported.
WITHOUT_PACKAGE = """
import sys
from pipelines.cli import PACKAGE_MODULES

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in PACKAGE_MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
from pipelines.cli import main
try:
    code = main(sys.argv[1:])
except SystemExit as error:
    code = error.code
slow = {"boto3", "webdataset"} | PACKAGE_MODULES
print("imported:", *sorted(slow & sys.modules.keys()), file=sys.stderr)
sys.exit(code)
"""


def in_base(*arguments: object) -> tuple[CommandResult, set[str]]:
    """Runs a command in the base install; returns its result and the slow modules it imported."""
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PACKAGE, *map(str, arguments)],
        capture_output=True,
        text=True,
        env=environment(),
        cwd=ROOT,
        check=False,
    )
    message, _, imported = done.stderr.rpartition("imported:")
    return CommandResult(done.returncode, done.stdout, message), set(imported.split())


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    source = tmp_path_factory.mktemp("source")
    for name in ("pipelines", "schemas"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    code = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", code], cwd=source, check=True, capture_output=True)
    (path,) = (source / "dist").glob("*.whl")
    return zipfile.ZipFile(path)


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return Parser().parsestr(wheel.read(name).decode())


def test_wheel_requirements(wheel: zipfile.ZipFile) -> None:
    asked: dict[str, set[str]] = {"": set(), "package": set(), "test": set()}
    for line in metadata(wheel).get_all("Requires-Dist", []):
        found = re.match(r"""([A-Za-z0-9-]+)[^;]*(?:; extra == ["'](\w+)["'])?$""", line)
        assert found, line
        asked.setdefault(found[2] or "", set()).add(found[1])
    assert asked[""] == BASE
    assert "fairshard" in asked["test"]  # including [package], which the tests need
    assert not asked["package"] & BASE
    assert {"torch", "apache-beam", "great-expectations", "av", "pandas"} <= asked["package"]


def test_wheel_contents(wheel: zipfile.ZipFile) -> None:
    held = set(wheel.namelist())
    for folder in ("pipelines", "schemas"):
        for path in (ROOT / folder).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts:
                assert path.relative_to(ROOT).as_posix() in held


# Of fairshard[quality]: imported only by the child that a deal has look for faces and text.
QUALITY_MODULES = {"ai_edge_litert", "rapidocr"}
# Of fairshard[serve]: imported only by the server of grants.
SERVE_MODULES = {"starlette", "uvicorn"}
# Of fairshard[otel]: imported only where a run's figures are sent to a collector.
OTEL_MODULES = {"opentelemetry"}
# Of fairshard[dask]: imported only where a run's engine is Dask.
DASK_MODULES = {"distributed"}


def third_party_modules() -> Iterator[str]:
    for folder in ("pipelines", "schemas"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    yield from (alias.name.partition(".")[0] for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module:
                    yield node.module.partition(".")[0]


def test_every_module_belongs_to_the_base_or_to_the_package_extra() -> None:
    ours = {"pipelines", "schemas", "__future__"} | sys.stdlib_module_names
    extras = QUALITY_MODULES | DASK_MODULES | SERVE_MODULES | OTEL_MODULES
    named = set(third_party_modules()) - ours - extras
    assert named <= BASE_MODULES | PACKAGE_MODULES
    imported_by_name = {"open_clip"}  # in pipelines/vision/compat.py
    assert named | imported_by_name == BASE_MODULES | PACKAGE_MODULES


def test_modules_reported_as_missing_are_the_extras() -> None:
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extra = settings["project"]["optional-dependencies"]["package"]
    packages = {re.split("[<>=]", requirement)[0] for requirement in extra}
    found = packages_distributions()
    own = PACKAGE_MODULES - {"google", "grpc"}  # these come with apache-beam
    assert {found[module][0].replace("_", "-") for module in own} == packages


def test_help_lists_every_command() -> None:
    ended, imported = in_base("--help")
    assert (ended.code, imported) == (0, set())
    assert set(COMMANDS) <= set(re.findall(r"^    ([a-z-]+)\s", ended.out, re.MULTILINE))
    assert "pip install 'fairshard[package]'" in " ".join(ended.out.split())


@pytest.mark.parametrize("command", sorted(COMMANDS.keys() - NEEDS_PACKAGE))
def test_commands_of_the_base(command: str) -> None:
    ended, imported = in_base(command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert not imported & PACKAGE_MODULES


@pytest.mark.parametrize("arguments", [("verify", "--help"), ("verify", "none", "--quiet")])
def test_verify_starts_without_slow_imports(arguments: tuple[str, ...]) -> None:
    assert in_base(*arguments)[1] == set()


@pytest.mark.parametrize("command", sorted(NEEDS_PACKAGE))
def test_agency_command_names_the_missing_extra(command: str) -> None:
    ended, _ = in_base(command, "--help")
    assert ended.code == 2 and ended.out == ""
    (line,) = ended.err.splitlines()
    assert line.startswith(f"fairshard {command}: needs ")
    assert line.endswith("Run: pip install 'fairshard[package]'")


def test_agency_command_without_options_names_the_missing_extra() -> None:
    ended, _ = in_base("package")
    assert ended.code == 2 and "pip install 'fairshard[package]'" in ended.err


def test_repair_names_the_missing_extra(tmp_path: Path) -> None:
    ended, _ = in_base("verify", tmp_path, "--repair", "--quiet")
    (line,) = ended.err.splitlines()
    assert ended.code == 2 and line.startswith("fairshard verify: --repair needs ")


def test_own_import_error_is_not_reported_as_a_missing_package() -> None:
    """A missing package of the base install is not reported as an extra either."""
    for name in ("pipelines.nowhere", "pyarrow"):
        code = (
            "import sys; from pipelines import cli; from pipelines.commands import verify\n"
            "def run(options): raise ModuleNotFoundError('none', name=sys.argv[1])\n"
            "verify.run = run; sys.exit(cli.main(['verify', 'x']))"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, name],
            capture_output=True,
            text=True,
            cwd=ROOT,
            check=False,
        )
        assert done.returncode == 1 and "unexpected error" in done.stderr
        assert "fairshard[package]" not in done.stderr


def test_base_install_verifies_the_demo(demo: Demo) -> None:
    for options in ((), ("--sample", 5)):
        ended, imported = in_base("verify", demo.delivery("demo-main"), "--json", *options)
        assert ended.code == 0, ended.err
        assert ended.json["sound"] and ended.json["samples"] > 0
        assert not imported & PACKAGE_MODULES


def test_base_install_shows_a_run_and_writes_its_pages(demo: Demo, tmp_path: Path) -> None:
    run = demo.delivery("demo-main").parent
    ended, imported = in_base("status", run, "--json")
    assert ended.code == 0, ended.err
    assert not imported & PACKAGE_MODULES
    ended, imported = in_base("report", run, "--to", tmp_path, "--no-verify")
    assert ended.code == 0, ended.err
    assert "no pictures: they need pip install 'fairshard[package]'" in ended.err
    assert not imported & PACKAGE_MODULES
    assert (tmp_path / "buyer" / "report.html").stat().st_size > 10_000
    ended, _ = in_base("report", run, "--to", tmp_path, "--no-verify", "--thumbnails", 3)
    assert ended.code == 2 and ended.err.count("\n") == 1
    assert "pip install 'fairshard[package]'" in ended.err
    ended, imported = in_base(
        "odrl", "--run", run, "--deal", demo.deal("demo-main"), "--to", tmp_path / "odrl"
    )
    assert ended.code == 0, ended.err
    assert not imported & PACKAGE_MODULES
