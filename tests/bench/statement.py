"""Measures a statement from a large ledger: `python -m tests.bench.statement 890000`.

For each number of assets, a version is published as the ledger makes it, without media; then the
statement of a contributor with about a hundred lines is made three times, each in a process of its
own, from the command line, and the page is checked in Chromium if there is one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq

from pipelines.format.manifest import manifest_bytes, sign_manifest
from pipelines.ledger.signed_note import FileKey
from pipelines.steps.attribute import Attribution, record_attribution
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from schemas.manifest import LedgerRecord
from tests.bench.ledger import DEAL, ledger_job, make_tables
from tests.format.test_manifest import unsigned
from tests.statements.browser import CHROMIUM, browser

_LINES = 100


def publish(folder: Path, assets: int) -> None:
    """Publishes a version whose manifest names no shards."""
    store, job = open_store(str(folder)), ledger_job(pool_minor=10_000_000_000)
    signer = FileKey(DEAL, bytes(32))
    made = record_attribution(store, job, signer, make_tables(store, job, assets))
    sign_version(store, job.delivery, made)
    store.delete_prefix(job.work)


def sign_version(store: Store, delivery: str, made: Attribution) -> None:
    """Writes the manifest of a version."""
    signer = FileKey(DEAL, bytes(32))
    manifest = unsigned(
        delivery=f"{DEAL}/v0001",
        vkey=signer.vkey,
        ledger=LedgerRecord(entries=made.entries, root=made.root.hex(), origin=made.origin),
    )
    signed = sign_manifest(manifest, signer)
    store.write_bytes(f"{delivery}/MANIFEST.json", manifest_bytes(signed))


def choose(table: Path, statements: Path) -> tuple[str, int, int]:
    """Returns the contributor whose number of lines is nearest to a hundred, and both numbers.

    Only those whose statement is kept are candidates.
    """
    counts: Counter[str | None] = Counter()
    with pq.ParquetFile(table) as file:
        for batch in file.iter_batches(columns=["contributor_id"]):
            counts.update(batch.column(0).to_pylist())
    kept = [path.stem for path in statements.glob("*.json") if path.stem in counts]
    person = min(kept, key=lambda name: (abs(counts[name] - _LINES), name))
    return person, counts[person], len(counts)


def measure(folder: Path, assets: int) -> dict[str, object]:
    """Publishes, makes the statement and checks the page."""
    publish(folder / "out", assets)
    return measure_page(folder)


def measure_page(folder: Path) -> dict[str, object]:
    """Makes a statement from what is published in `out` in a folder, and checks the page."""
    agency = folder / "out" / DEAL / "v0001/agency"
    table = agency / "ledger/ledger-00000.parquet"
    person, lines, people = choose(table, agency / "statements")
    words = ["statement", "--out", str(folder / "out"), "--contributor", person, "--quiet"]
    seconds, processor = [], []
    for _ in range(3):
        start, used = time.perf_counter(), _children_s()
        subprocess.run(
            [sys.executable, "-m", "pipelines.cli", *words, "--to", str(folder / "to")],
            check=True,
            stdout=subprocess.DEVNULL,
        )
        seconds.append(round(time.perf_counter() - start, 2))
        processor.append(round(_children_s() - used, 2))
    page = folder / "to" / f"{person}.html"
    found: dict[str, object] = {
        "ledger_lines": pq.read_metadata(table).num_rows,
        "ledger_mib": table.stat().st_size >> 20,
        "contributors": people,
        "lines": lines,
        "seconds": seconds,
        "processor_seconds": processor,
        "page_kib": page.stat().st_size >> 10,
        "page_sha256": hashlib.sha256(page.read_bytes()).hexdigest(),
    }
    if CHROMIUM:
        with browser(folder / "profile") as chromium:
            found["verdict"] = chromium.open(page)[0]
            found["check_ms"] = int(chromium.value("document.documentElement.dataset.milliseconds"))
    return found


def _children_s() -> float:
    """Returns the processor seconds of all processes that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Runs the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("assets", type=int, nargs="+")
    for assets in parser.parse_args().assets:
        with tempfile.TemporaryDirectory(prefix="fairshard-") as folder:
            print(json.dumps(measure(Path(folder), assets)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
