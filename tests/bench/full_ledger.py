"""Measures a whole ledger at full size: `python -m tests.bench.full_ledger 8886000`.

In one process, the ledger, the delivery's log, the statements and the record in the agency's log
are written, then entries, assets and absences are proved (as in tests.bench.ledger); memory is that
of this process at its highest, the making of the input included. Then the statement of a
contributor with about a hundred lines is made three times from the command line, each in a process
of its own (as in tests.bench.statement).

8,886,000 assets have ten million entries, whose statements would take more than 20 GB. With
`--discard`, all statements are made, but only those of a hundred contributors are kept on the disk.
"""

from __future__ import annotations

import argparse
import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from pipelines.storage.local_store import LocalStore
from pipelines.storage.store import Sink
from tests.bench.ledger import DEAL, measure_writing
from tests.bench.statement import measure_page, sign_version

_KEPT = re.compile(r".*/agency/statements/c-0000(?!00)[0-9]{2}\.")


class _Discarded:
    """A sink that counts what it is given."""

    def __init__(self) -> None:
        self.bytes = 0

    def write(self, data: bytes | bytearray | memoryview) -> int:
        self.bytes += len(data)
        return len(data)

    def writev(self, pieces: Sequence[bytes | memoryview]) -> None:
        self.bytes += sum(map(len, pieces))


class FewStatements(LocalStore):
    """A folder in which most statements are not kept."""

    discarded = 0

    @contextmanager
    def open_write(self, key: str, *, private: bool = False) -> Iterator[Sink]:
        if "/agency/statements/" not in key or _KEPT.match(key):
            with super().open_write(key, private=private) as sink:
                yield sink
            return
        counted = _Discarded()
        yield counted
        self.discarded += counted.bytes


def _write(folder: str, assets: int, discard: bool) -> None:
    store = FewStatements(folder) if discard else LocalStore(folder)
    made, found = measure_writing(store, assets)
    sign_version(store, f"{DEAL}/v0001/delivery", made)
    if isinstance(store, FewStatements):
        found["statements_discarded_mib"] = store.discarded >> 20
    print(json.dumps(found), flush=True)


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=int)
    parser.add_argument("--discard", action="store_true", help="keep few of the statements")
    parser.add_argument("--folder", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder:
        _write(options.folder, options.assets, options.discard)
        return 0
    with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
        words = [str(options.assets), "--folder", f"{folder}/out"]
        words += ["--discard"] if options.discard else []
        command = [sys.executable, "-m", "tests.bench.full_ledger", *words]
        subprocess.run(command, check=True, cwd=Path(__file__).parents[2])
        print(json.dumps(measure_page(Path(folder))), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
