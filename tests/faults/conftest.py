"""Fixtures: a library of many small shards with its features, and an uninterrupted run's output."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.end_to_end.command import AS_OF, Demo
from tests.faults.outputs import Expected, Folder, record_expected
from tests.faults.runs import RunStarter, run_starter
from tests.faults.shim import build_shim, compiler

DEAL = "demo-main"


@dataclass(frozen=True)
class ShardedLibrary:
    """A catalogue, a deal that divides it into many shards, and its features.

    Attributes:
        catalogue: The catalogue.
        deal: The deal's file.
        key: The signing key.
        features: The contents of `agency/features` with which a run computes no features.
    """

    catalogue: Path
    deal: Path
    key: Path
    features: Path

    def package(self, out: object, *more: object) -> list[object]:
        """Returns the arguments of `fairshard` that package it."""
        return [
            "package",
            *("--catalogue", self.catalogue, "--deal", self.deal, "--out", out),
            *("--as-of", AS_OF, "--key", self.key, "--quiet", "--json", *more),
        ]

    def warm(self, root: Path) -> Folder:
        """Returns an output folder that already contains the features."""
        shutil.copytree(self.features, root / "agency" / "features")
        return Folder(root)


@pytest.fixture(scope="session")
def library(demo: Demo, tmp_path_factory: pytest.TempPathFactory) -> ShardedLibrary:
    """Returns the shared library, divided into about forty shards."""
    deal = tmp_path_factory.mktemp("many") / "deal.toml"
    text = demo.deal(DEAL).read_text(encoding="utf-8")
    assert 'target_bytes = "4MiB"' in text
    deal.write_text(text.replace('"4MiB"', '"64KiB"'), encoding="utf-8")
    return ShardedLibrary(demo.catalogue, deal, demo.signing_key, demo.out / "agency" / "features")


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunStarter]:
    """Yields a starter of runs; the shim is loaded if it can be compiled, and idle by default."""
    command = compiler()
    shim = build_shim(command, tmp_path_factory.mktemp("shim")) if command else None
    with run_starter({"LD_PRELOAD": str(shim)} if shim else {}) as ready:
        yield ready


@pytest.fixture
def broken_runs(runs: RunStarter) -> RunStarter:
    """Returns a starter of runs whose file operations can be made to fail."""
    if compiler() is None:
        pytest.skip("no C compiler: file operations cannot be made to fail")
    return runs


@pytest.fixture(scope="session")
def expected(
    library: ShardedLibrary, runs: RunStarter, tmp_path_factory: pytest.TempPathFactory
) -> Expected:
    """Returns what an uninterrupted run leaves, and how long it takes."""
    output = library.warm(tmp_path_factory.mktemp("uninterrupted"))
    begun = time.monotonic()
    run = runs.start(*library.package(output.uri, "--workers", 1))
    assert run.wait() == 0, run.output_text()
    found = record_expected(output, DEAL, time.monotonic() - begun)
    assert len(found.shards) >= 30
    return found
