#!/usr/bin/env python3
"""Packages the demo deal on the embedded engine and on a Dask cluster, and compares the bytes.

    .venv/bin/python infra/dask/demo.py [--workers N] [--assets N]

The cluster is that of `local_cluster.py --tls`. Exit codes: 0 all files of the delivery are equal,
1 they are not, or something failed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).parent
_AS_OF = "2026-06-30"


def main() -> int:
    """Makes the library, packages twice and compares."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="Dask's (default: 2)")
    parser.add_argument("--assets", type=int, default=180, metavar="N", help="default: 180")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="fairshard-dask-demo-") as folder:
        root = Path(folder)
        _say("the library, and its deal on the embedded engine")
        _fairshard("demo", "--out", str(root / "demo"), "--assets", str(options.assets))
        _say(f"a scheduler and {options.workers} workers, with TLS")
        cluster = subprocess.Popen(
            [sys.executable, HERE / "local_cluster.py", "--tls", "--workers", str(options.workers)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            line = cluster.stdout.readline() if cluster.stdout else ""
            if not line:
                return 1
            ready = json.loads(line)
            _say(f"the same deal on {ready['scheduler']}")
            _fairshard(
                *("package", "--catalogue", str(root / "demo/catalogue")),
                *("--deal", str(root / "demo/deal.toml"), "--out", str(root / "out")),
                *("--key", str(root / "demo/out/agency/signing.key"), "--as-of", _AS_OF),
                *("--engine", "dask", "--scheduler", ready["scheduler"]),
                variables=ready["environment"],
            )
        finally:
            cluster.communicate()
        delivery = "demo-main/v0001/delivery"
        found = [digest(root / out / delivery) for out in ("demo/out", "out")]
        _say(f"embedded {found[0]}\ndask     {found[1]}")
        return int(found[0] != found[1])


def digest(folder: Path) -> str:
    """Returns one sha256 over the paths and bytes of all files of a folder."""
    whole = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            whole.update(f"{path.relative_to(folder).as_posix()}\0".encode())
            whole.update(hashlib.sha256(path.read_bytes()).digest())
    return whole.hexdigest()


def _fairshard(*words: str, variables: dict[str, str] | None = None) -> None:
    began = time.monotonic()
    subprocess.run(
        [sys.executable, "-m", "pipelines", *words, "--json"],
        env={**os.environ, **(variables or {})},
        cwd=HERE.parents[1],
        stdout=subprocess.DEVNULL,
        check=True,
    )
    _say(f"  {time.monotonic() - began:.1f} s")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
