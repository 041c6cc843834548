"""Packages a sparse library with the real command, and compares its output with the answer key."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from pipelines.run.signing_key import demonstration_key, save_key
from pipelines.verify.delivery import verify_delivery
from pipelines.verify.sample import SampleDraw
from tests.end_to_end.command import AS_OF, CommandResult, folders, tables
from tests.end_to_end.damage import run_in_process
from tests.end_to_end.sparse import (
    AGENCY_MINOR,
    DEAL_ID,
    POOL_MINOR,
    Key,
    Library,
    answer_key,
    enriched_units,
)
from tests.end_to_end.sparse_files import write_library


@dataclass(frozen=True)
class Run:
    """A packaged library.

    Attributes:
        library: The library.
        root: The folder of its catalogue, deal, key and output.
        ended: The result of the command.
    """

    library: Library
    root: Path
    ended: CommandResult

    @property
    def out(self) -> Path:
        """The output folder."""
        return self.root / "out"

    @property
    def version(self) -> Path:
        """The folder of the version."""
        return self.out / DEAL_ID / "v0001"

    @property
    def delivery(self) -> Path:
        """The folder that the buyer gets."""
        return self.version / "delivery"

    def agency(self, table: str) -> list[dict[str, Any]]:
        """Returns the rows of one of the agency's tables; none if it has no file."""
        folder = self.version / "agency" / table
        return list(tables(folder).to_pylist()) if folder.exists() else []


def inputs(root: Path) -> list[object]:
    """Returns the options that name the inputs by which assets are judged."""
    return ["--catalogue", root / "catalogue", "--deal", root / "deal.toml", "--as-of", AS_OF]


def package_options(
    root: Path, out: Path | str | None = None, workers: int | None = 1
) -> list[object]:
    """Returns the command line that packages a library into its own or another output.

    Args:
        root: The library's folder.
        out: The output.
        workers: Number of processes of this machine; None for an engine with workers of its own.
    """
    where = ["--out", out or root / "out", "--key", root / "key"]
    local = [] if workers is None else ["--workers", workers]
    return ["package", *inputs(root), *where, *local, "--quiet", "--json"]


def package(
    library: Library,
    root: Path,
    call: Callable[..., CommandResult] = run_in_process,
    workers: int = 1,
) -> Run:
    """Writes a library into a folder and packages it.

    Args:
        library: The library.
        root: The folder.
        call: Runs the command: `run_in_process` in this process, `fairshard` in its own.
        workers: Number of worker processes.
    """
    write_library(library, root)
    save_key(root / "key", demonstration_key(1))
    return Run(library, root, call(*package_options(root, workers=workers)))


def assert_reconciled(run: Run) -> None:
    """Asserts that the run succeeded and that everything it left matches the answer key."""
    key = answer_key(run.library)
    assert run.ended.code == 0, run.ended.err
    assert run.ended.json["steps"] == key.steps()
    assert_decided(run, key)
    _assert_delivered(run, key)
    _assert_embedded(run, key)
    _assert_paid(run, key)
    _assert_verified(run, key)
    units = {path.name.split("-")[0] for path in run.out.glob("agency/features/facts-*/*.parquet")}
    bits = run.library.bits
    assert units == {f"{unit << (64 - bits):016x}" for unit in enriched_units(run.library)}
    assert folders(run.out / "agency") == {"books", "features", "log", "runs"}


def assert_decided(run: Run, key: Key) -> None:
    """Asserts that every asset has its one expected decision, and every failed asset its row."""
    found = Counter(
        (row["asset_id"], row["outcome"], row["stage"], ",".join(row["reasons"]))
        for row in run.agency("decisions")
    )
    assert found == Counter((name, *verdict) for name, verdict in key.verdicts.items())
    dead = Counter(
        (row["asset_id"], row["stage"], row["reason"]) for row in run.agency("dead_letters")
    )
    due = [(name, *rest) for name, (end, *rest) in key.verdicts.items() if end == "dead_letter"]
    assert dead == Counter(due)


def _assert_delivered(run: Run, key: Key) -> None:
    """Asserts that the shards contain exactly the planted files of the expected assets."""
    place = {
        row["asset_id"]: (row["shard"], row["key"])
        for row in run.agency("decisions")
        if row["outcome"] == "delivered"
    }
    due = {
        place[name]: _sha256(run.root / "catalogue" / asset.path)
        for name, asset in key.delivered.items()
    }
    rows = tables(run.delivery / "shards").to_pylist()
    assert {(row["shard"], row["key"]): row["media_sha256"] for row in rows} == due
    assert len(rows) == len(due)
    families = Counter(asset.family for asset in key.delivered.values())
    manifest = json.loads((run.delivery / "MANIFEST.json").read_bytes())
    listed: Counter[str] = Counter()
    for shard in manifest["shards"]:
        listed[shard["family"]] += shard["samples"]
    assert listed == families == Counter(row["family"] for row in rows)
    assert "steps" not in manifest
    counts = json.loads((run.delivery.parent / "agency" / "counts.json").read_bytes())
    assert counts["steps"] == key.steps()


def _assert_embedded(run: Run, key: Key) -> None:
    """Asserts that exactly the samples that a model may see have vectors."""
    for kind in ("img_emb", "text_emb"):
        vectors = [np.load(path) for path in (run.delivery / kind).glob("*.npy")]
        assert sum(map(len, vectors)) == key.embedded
        assert all(len(some) for some in vectors)
    kept = [pq.read_table(path) for path in (run.delivery / "metadata").glob("*.parquet")]
    assert sum(map(len, kept)) == key.embedded


def _assert_paid(run: Run, key: Key) -> None:
    """Asserts that statements and ledger sum to the amount due to each contributor."""
    statements = [
        json.loads(path.read_bytes())
        for path in (run.version / "agency" / "statements").glob("*.json")
    ]
    assert {one["contributor_id"]: one["total_minor"] for one in statements} == key.paid
    assert sum(key.paid.values()) + AGENCY_MINOR == POOL_MINOR
    entries: Counter[tuple[str, str]] = Counter()
    for row in run.agency("ledger"):
        entries[row["asset_id"], row["contributor_id"]] += 1
    assert entries == Counter(
        (name, who) for name, asset in key.delivered.items() for who, _ in asset.people
    )


def _assert_verified(run: Run, key: Key) -> None:
    """Asserts that `verify` finds it sound, as a whole and every sample by its byte range."""
    entries = sum(len(asset.people) for asset in key.delivered.values())
    for draw in (None, SampleDraw(share=Fraction(1))):
        report = verify_delivery(str(run.delivery), draw=draw)
        assert report.sound, report.problems
        assert (report.samples, report.entries) == (len(key.delivered), entries)


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
