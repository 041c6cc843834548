"""The Python examples of docs/delivery.md run as they are written."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.command import Demo
from tests.site.pages import DOCS

pytestmark = pytest.mark.long

_BLOCKS = re.findall(
    r"^```python\n(.*?)^```$", (DOCS / "delivery.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
)
_EXAMPLES = [text for text in _BLOCKS if "import " in text]


def test_examples_run_as_they_are_written(demo: Demo, tmp_path: Path) -> None:
    (tmp_path / "delivery").symlink_to(demo.delivery("demo-main"))
    printed = []
    for text in _EXAMPLES:
        script = text.replace("acme-2026-01", "demo-main") + "\nprint('done')\n"
        done = subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0 and done.stdout.endswith("done\n"), done.stderr
        printed.append(done.stdout.splitlines()[:-1])
    assert len(printed) == 2
    for line in printed[0]:
        member, width, size = line.split()
        assert int(width) >= 800
        assert int(size) > 0 and "." in member
    assert len(printed[0]) == 3
