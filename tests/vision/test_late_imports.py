"""What a model is loaded with leaves out what only detectors and compilers need."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LOADED = """
import sys
from pipelines.vision.embed import load_encoder
from pipelines.vision.models import parse_model

load_encoder(parse_model("demo")).embed_texts(["a red star"])
late = ("torch._dynamo", "sympy", "timm.models", "torchvision.models.resnet")
print([name for name in late if name in sys.modules])
"""
_USED = """
import torch, torchvision
from open_clip.timm_model import TimmModel

tower = TimmModel("test_vit", embed_dim=8, image_size=160)
print(list(tower(torch.zeros(1, 3, 160, 160)).shape))
print(torchvision.ops.__name__, torchvision.models.resnet18.__name__)
"""


def _printed(script: str) -> list[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()


def test_a_model_is_loaded_without_compilers_and_detectors() -> None:
    assert _printed(_LOADED) == ["[]"]


@pytest.mark.slow
def test_towers_and_operators_that_need_them_still_have_them() -> None:
    """timm, a tower of which open_clip can build, and torchvision's models and operators."""
    assert _printed(_LOADED + _USED) == ["[]", "[1, 8]", "torchvision.ops resnet18"]
