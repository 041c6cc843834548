"""open_clip can be imported even where the builds of torch and torchvision do not match."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from pipelines.vision import compat

# Simulates a CPU build of torch with a CUDA build of torchvision: the extension fails to load.
_BREAK = """
import torch
def broken(path):
    raise OSError("libcudart.so: cannot open shared object file")
torch.ops.load_library = broken
"""


def _run(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


def test_torchvision_alone_fails_to_import() -> None:
    run = _run(_BREAK + "import torchvision")
    assert "operator torchvision::nms does not exist" in run.stderr


def test_open_clip_imports_and_works() -> None:
    code = _BREAK + (
        "from pipelines.vision.compat import import_open_clip, _libraries\n"
        "clip = import_open_clip()\n"
        "print(len(_libraries), callable(clip.create_model))\n"
        "from PIL import Image\n"
        "from pipelines.vision.embed import load_encoder\n"
        "from pipelines.vision.models import parse_model\n"
        "print(load_encoder(parse_model('demo')).embed_images([Image.new('RGB', (9, 9))]).shape)"
    )
    run = _run(code)
    assert run.returncode == 0, run.stderr
    first, second = run.stdout.splitlines()
    assert int(first.split()[0]) >= 1
    assert first.endswith("True")
    assert second == "(1, 192)"


def test_nothing_is_defined_where_the_operators_exist() -> None:
    compat.define_operators()
    assert compat._libraries == []


def test_other_failures_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> None:
        raise RuntimeError("something else")

    monkeypatch.setattr(importlib, "import_module", fail)
    with pytest.raises(RuntimeError, match="something else"):
        compat.define_operators()
