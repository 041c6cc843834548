"""Reads open_clip's architectures from its files, without importing it and torch.

A command checks its models before it does anything else, and a run whose features are all stored
never needs more of open_clip than this.
"""

from __future__ import annotations

import importlib.util
import json
import re
from functools import cache
from pathlib import Path
from typing import cast

from pipelines.vision import demo_network

_PACKAGE = "open_clip"
_CONFIGS = "model_configs"
_SUFFIX = ".json"
_NEEDED = ("embed_dim", "vision_cfg", "text_cfg")  # or open_clip does not list it


@cache
def architectures() -> tuple[str, ...]:
    """Returns the names of open_clip's architectures and of the demonstration model's, in order.

    The order is open_clip's: alphabetical, and by value where names have numbers.
    """
    names = [path.stem for path in _folder().glob(f"*{_SUFFIX}") if _is_architecture(path)]
    return tuple(sorted([*names, demo_network.ARCHITECTURE], key=_by_number))


def architecture_config(name: str) -> dict[str, object]:
    """Returns the configuration of an architecture that `architectures` lists."""
    if name == demo_network.ARCHITECTURE:
        return demo_network.config()
    return _read(_folder() / f"{name}{_SUFFIX}")


@cache
def _folder() -> Path:
    spec = importlib.util.find_spec(_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(f"No module named {_PACKAGE!r}", name=_PACKAGE)
    return Path(spec.submodule_search_locations[0]) / _CONFIGS


def _is_architecture(path: Path) -> bool:
    config = _read(path)
    return all(name in config for name in _NEEDED)


def _read(path: Path) -> dict[str, object]:
    return cast(dict[str, object], json.loads(path.read_text(encoding="utf-8")))


def _by_number(name: str) -> list[str | int]:
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", name.lower())]
