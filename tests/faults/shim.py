"""The shim that makes file operations fail: compiles it on first use and configures its fault."""

from __future__ import annotations

import errno
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_SOURCE = Path(__file__).with_name("shim.c")


def compiler() -> str | None:
    """Returns a C compiler, or None if there is none."""
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
    """A fault, and the file operation that gets it.

    Attributes:
        prefix: Operations on paths with this prefix are counted.
        call: The kind of operation, or "*" for all.
        nth: The number of the operation that gets the fault, from 1; 0 for none.
        how: Name of an errno, or `short`, `before`, `after`: see shim.c.
        row: How many consecutive operations get it.
        log: A file to which every counted operation is written, or "".
    """

    prefix: str
    call: str = "*"
    nth: int = 0
    how: str = ""
    row: int = 1
    log: str = ""

    def environment(self) -> Mapping[str, str]:
        """Returns the environment variables that the shim reads."""
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
