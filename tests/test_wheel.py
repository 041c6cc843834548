"""The wheel has all that a remote worker needs, and does not need the checkout."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]

# Opens each kind of packaged data, and says from where the code came.
OPENS = """
import pipelines, schemas
from pathlib import Path
from pipelines.catalogue.suite import load_suite
from pipelines.commands.check import EXAMPLES
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import parse_model
from pipelines.vision.vocabulary import load_vocabulary

assert load_suite("assets") and EXAMPLES
vocabularies = Path(pipelines.__path__[0], "vision", "vocabularies")
assert load_vocabulary(vocabularies / "general.toml").categories
assert load_encoder(parse_model("demo")).identity
assert list(Path(schemas.__path__[0], "jsonschema").glob("*.json"))
assert list(Path(schemas.__path__[0], "profiles").glob("*.json"))
print(pipelines.__path__[0])
"""


@pytest.mark.slow
def test_wheel_runs_in_an_empty_environment(tmp_path: Path) -> None:
    wheels, home = tmp_path / "dist", tmp_path / "environment"
    build = [ROOT / "infra" / "wheel.py", wheels, "--no-build-isolation"]
    subprocess.run([sys.executable, *map(str, build)], check=True, capture_output=True)
    (wheel,) = wheels.glob("*.whl")
    venv.create(home)
    packages = Path(sysconfig.get_path("purelib", vars={"base": str(home)}))
    install = ["install", "--quiet", "--no-deps", "--no-index", "--prefix", str(home), str(wheel)]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True)

    def run(*words: object) -> str:
        done = subprocess.run(
            list(map(str, words)), cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    python = home / "bin" / "python"
    assert "package" in run(python, "-I", home / "bin" / "fairshard", "--help")
    # What the wheel requires is that of this environment; the code is the wheel's.
    theirs = [path for path in sys.path if path.endswith("site-packages")]
    (packages / "theirs.pth").write_text("\n".join(theirs))
    assert run(python, "-I", "-c", OPENS).strip() == str(packages / "pipelines")
