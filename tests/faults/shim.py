"""The shim that breaks file operations, compiled on first use, and how a run is told of a fault."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")


def compiler() -> str | None:
    """A C compiler, if there is one."""
    return shutil.which("cc") or shutil.which("gcc")


def build_shim(command: str, folder: Path) -> Path:
    """Compiles the shim."""
    built = folder / "shim.so"
    words = [command, "-O1", "-shared", "-fPIC", "-o", str(built), str(_SOURCE), "-ldl"]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return built


@dataclass(frozen=True)
class FileFault:
    """Which file operation meets what.

    Attributes:
        prefix: Operations on paths that begin so are counted.
        call: Their kind, or "*".
        nth: Which of them meets the fault; 0 for none.
        how: Name of an errno, or `short`, `before`, `after`: see shim.c.
        row: How many meet it.
        log: A file that every counted operation is written to, or "".
    """

    prefix: str
    call: str = "*"
    nth: int = 0
    how: str = ""
    row: int = 1
    log: str = ""

    def environment(self) -> Mapping[str, str]:
        """As the shim reads it."""
        how = str(getattr(errno, self.how)) if self.how.startswith("E") else self.how
        env = {
            "FAULT_PREFIX": self.prefix,
            "FAULT_CALL": self.call,
            "FAULT_NTH": str(self.nth),
            "FAULT_ROW": str(self.row),
        }
        if how:
            env["FAULT_HOW"] = how
        if self.log:
            env["FAULT_LOG"] = self.log
        return env
