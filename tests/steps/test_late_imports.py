"""What packaging imports leaves out what only some runs need."""

from __future__ import annotations

import subprocess
import sys

_LOADED = """
import sys
import pipelines.commands.packaging

late = ("av", "cryptography.x509", "tornado", "yaml.loader")
print([name for name in late if name in sys.modules])
"""
_USED = """
import yaml
from pipelines.features.answers import rendered_film_answer

facts = {"width": 2, "height": 2, "codec": "vp9", "audio_codec": "", "bitrate_bps": 1}
print(rendered_film_answer({"facts": facts}, [b"film"]).codec, yaml.dump({"a": 1}))
"""


def _printed(script: str) -> list[str]:
    command = [sys.executable, "-c", script]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split("\n")


def test_packaging_is_imported_without_what_only_some_runs_need() -> None:
    """PyAV, X.509, Tornado and YAML."""
    assert _printed(_LOADED + _USED) == ["[]", "vp9 a: 1", "", ""]
