"""Runs the real command in its own process, and makes the library that the session shares."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tests.end_to_end.warm import run_warm

AS_OF = "2026-06-30"
DEALS = {
    "demo-main": "deal.toml",
    "demo-images": "deal-images.toml",
    "demo-strict": "deal-strict.toml",
}
_TIMEOUT_S = 1_800


@dataclass(frozen=True)
class CommandResult:
    """A command that has ended: its exit code and output."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed to stdout, parsed as JSON."""
        return json.loads(self.out)


def environment(extra: Mapping[str, str] | None = None) -> dict[str, str]:
    """Returns this process's environment without AWS settings, so that tests stay local."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    return {**kept, "AWS_EC2_METADATA_DISABLED": "true", "NO_COLOR": "1", **(extra or {})}


def command(*arguments: object) -> list[str]:
    """Returns the command line that starts `fairshard` with this interpreter."""
    return [sys.executable, "-m", "pipelines.cli", *map(str, arguments)]


def fairshard(*arguments: object, env: Mapping[str, str] | None = None) -> CommandResult:
    """Runs a command until it ends."""
    return CommandResult(*run_warm([*map(str, arguments)], environment(env), _TIMEOUT_S))


def kill_when(arguments: list[object], ready: Callable[[], bool]) -> bool:
    """Starts a run and kills its whole group with SIGKILL; returns False if it ended before."""
    process = subprocess.Popen(
        command(*arguments),
        env=environment(),
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        while process.poll() is None:
            if ready():
                return True
            time.sleep(0.002)
        return False
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@dataclass(frozen=True)
class Demo:
    """A demo library with the deliveries of its three deals. Tests must not change it.

    Attributes:
        root: The folder that was given to `fairshard demo --out`.
        summaries: What each run printed with --json, by deal id.
    """

    root: Path
    summaries: dict[str, Any]

    @property
    def out(self) -> Path:
        """The output store."""
        return self.root / "out"

    @property
    def catalogue(self) -> Path:
        """The catalogue's folder."""
        return self.root / "catalogue"

    @property
    def signing_key(self) -> Path:
        """The file of the signing key."""
        return self.out / "agency" / "signing.key"

    @property
    def key(self) -> Any:
        """The answer key."""
        return json.loads((self.root / "answer_key.json").read_text(encoding="utf-8"))

    def deal(self, deal_id: str) -> Path:
        """Returns a deal's file."""
        return self.root / DEALS[deal_id]

    def delivery(self, deal_id: str) -> Path:
        """Returns the folder that a deal's buyer gets."""
        return self.out / deal_id / "v0001" / "delivery"

    def agency(self, deal_id: str) -> Path:
        """Returns the folder of a deal that stays with the agency."""
        return self.out / deal_id / "v0001" / "agency"

    def manifest(self, deal_id: str) -> Any:
        """Returns a delivery's manifest."""
        return json.loads((self.delivery(deal_id) / "MANIFEST.json").read_bytes())

    def copy_features(self, out: Path) -> None:
        """Copies the features to another output, so that a run there computes none."""
        shutil.copytree(self.out / "agency" / "features", out / "agency" / "features")

    def package(self, deal_id: str, out: object, *more: object) -> list[object]:
        """Returns the arguments of `fairshard` that package a deal with this library's key."""
        return [
            "package",
            *("--catalogue", self.catalogue, "--deal", self.deal(deal_id), "--out", out),
            *("--as-of", AS_OF, "--key", self.signing_key, "--quiet", "--json", *more),
        ]


def make_demo(root: Path, assets: int) -> dict[str, Any]:
    """Makes a library, packages its three deals into one output and returns their summaries."""
    first = fairshard(
        *("demo", "--out", root, "--assets", assets, "--workers", 1, "--quiet", "--json")
    )
    assert first.code == 0, first.err
    summaries = {"demo-main": first.json}
    demo = Demo(root, summaries)
    for deal_id in ("demo-images", "demo-strict"):
        ended = fairshard(*demo.package(deal_id, demo.out, "--workers", 1))
        assert ended.code == 0, ended.err
        summaries[deal_id] = ended.json
    return summaries


def tables(folder: Path) -> pa.Table:
    """Returns all parts of a table, concatenated."""
    return pa.concat_tables([pq.read_table(path) for path in sorted(folder.glob("*.parquet"))])


def tree(folder: Path) -> dict[str, str]:
    """Returns the sha256 of every file below a folder, by relative path."""
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def folders(root: Path) -> set[str]:
    """Returns the names in a folder; none if there is no such folder."""
    return {path.name for path in root.iterdir()} if root.exists() else set()
