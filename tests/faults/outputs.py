"""Compares the output of a killed or failed run with that of an uninterrupted run."""

from __future__ import annotations

import hashlib
import io
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import pyarrow.parquet as pq
import pytest

from pipelines.run.leftovers import Leftover, LeftoverKind, clean_output
from pipelines.storage.open import open_store
from pipelines.storage.store import Store
from pipelines.verify.delivery import verify_delivery
from schemas.errors import InputError

# Names of temporary files in a folder; a bucket has none.
TEMPORARY = ".tmp-"


@dataclass(frozen=True)
class ObjectState:
    """One object: a value that changes if it is written again, and its digest."""

    written: tuple[object, ...]
    sha256: str


class RunOutput(Protocol):
    """An output that can be inspected without the code under test."""

    @property
    def uri(self) -> str:
        """The location as `--out` accepts it."""

    @property
    def store(self) -> Store:
        """Returns the output as a store, for checks that use the code under test."""

    def snapshot(self) -> dict[str, ObjectState]:
        """Returns every object by key, including temporary ones."""

    def read(self, key: str) -> bytes:
        """Returns the bytes of one object."""


@dataclass(frozen=True)
class Folder:
    """An output in a folder."""

    root: Path

    @property
    def uri(self) -> str:
        """See `RunOutput.uri`."""
        return str(self.root)

    @property
    def store(self) -> Store:
        """See `RunOutput.store`."""
        return open_store(self.uri)

    def snapshot(self) -> dict[str, ObjectState]:
        """See `RunOutput.snapshot`. A file that is written again has another inode or time."""
        found = {}
        for path in self.root.rglob("*"):
            if path.is_file():
                of = path.stat()
                mark = (str(path), of.st_ino, of.st_mtime_ns, of.st_size)
                found[path.relative_to(self.root).as_posix()] = ObjectState(
                    mark[1:], _digest(*mark)
                )
        return found

    def read(self, key: str) -> bytes:
        """See `RunOutput.read`."""
        return (self.root / key).read_bytes()


@lru_cache(maxsize=100_000)
def _digest(path: str, inode: int, modified_ns: int, size: int) -> str:
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


@dataclass(frozen=True)
class Expected:
    """What an uninterrupted run left.

    Attributes:
        deal_id: Its deal.
        objects: Digest of every object of the deal's first version, by key.
        totals: Number of ledger entries and their sum in minor units, by currency.
        clean: Keys outside the deal's folder and the features.
        took_s: Its duration in seconds.
    """

    deal_id: str
    objects: dict[str, str]
    totals: dict[str, tuple[int, int]]
    clean: frozenset[str]
    took_s: float

    @property
    def version(self) -> str:
        """The key prefix of the version."""
        return f"{self.deal_id}/v0001"

    @property
    def manifest(self) -> str:
        """The key of the manifest."""
        return f"{self.version}/delivery/MANIFEST.json"

    @property
    def shards(self) -> list[str]:
        """The keys of the tars."""
        return sorted(key for key in self.objects if key.endswith(".tar"))


def record_expected(output: RunOutput, deal_id: str, took_s: float) -> Expected:
    """Records the output of a run that has just ended as what other runs must leave."""
    found = output.snapshot()
    ours = {key: seen.sha256 for key, seen in found.items() if key.startswith(f"{deal_id}/v0001/")}
    rest = frozenset(key for key in found if key not in ours and not _is_kept_apart(key))
    assert not [key for key in found if TEMPORARY in key]
    totals = ledger_totals(output, f"{deal_id}/v0001")
    expected = Expected(deal_id, ours, totals, rest, took_s)
    assert expected.manifest in ours and expected.shards and totals
    return expected


def _is_kept_apart(key: str) -> bool:
    """Features and records also stay from runs that were cut off; `latest.json` is of the day."""
    return key.startswith(("agency/features/", "agency/runs/")) or key.endswith("/latest.json")


def ledger_totals(output: RunOutput, version: str) -> dict[str, tuple[int, int]]:
    """Returns the number of entries and their sum in minor units, by currency."""
    totals: Counter[str] = Counter()
    count: Counter[str] = Counter()
    for key in output.snapshot():
        if key.startswith(f"{version}/agency/ledger/") and key.endswith(".parquet"):
            for row in pq.read_table(io.BytesIO(output.read(key))).to_pylist():
                totals[row["currency"]] += row["amount_minor"]
                count[row["currency"]] += 1
    return {currency: (count[currency], totals[currency]) for currency in totals}


def check_not_torn(
    output: RunOutput, expected: Expected, *, may_keep_temporary: bool = False
) -> dict[str, ObjectState]:
    """Asserts that a delivery is readable only if it is complete; returns the objects found.

    Every object with its final name (tar, table or index) must have its final bytes, and an index
    may exist only if everything that it refers to exists. With `may_keep_temporary`, temporary
    files may lie in a published delivery, as nothing could be removed.
    """
    found = output.snapshot()
    named = {
        key: seen
        for key, seen in found.items()
        if key.startswith(f"{expected.deal_id}/") and TEMPORARY not in key
    }
    named.pop(f"{expected.deal_id}/latest.json", None)  # it is of the day
    unexpected = sorted(set(named) - set(expected.objects))
    assert not unexpected, unexpected
    torn = [key for key, seen in named.items() if seen.sha256 != expected.objects[key]]
    assert not torn, torn
    delivery = f"{output.uri}/{expected.version}/delivery"
    if expected.manifest in named:
        missing = sorted(
            key
            for key in expected.objects
            if key.startswith(f"{expected.version}/delivery/") and key not in named
        )
        assert not missing, missing
        problems = [
            problem
            for problem in verify_delivery(delivery).problems
            if not (may_keep_temporary and TEMPORARY in problem.path)
        ]
        assert not problems, problems
    else:
        with pytest.raises(InputError, match="There is no delivery here"):
            verify_delivery(delivery)
    indexes = [
        key
        for key in named
        if key.startswith(f"{expected.version}/delivery/")
        and key.rsplit("/", 1)[-1].startswith(("README", "wids", "croissant", "energon", "index."))
    ]
    missing_tars = [key for key in expected.shards if key not in named] if indexes else []
    assert not missing_tars, (indexes, missing_tars)
    return found


def check_ended(output: RunOutput, expected: Expected) -> int:
    """Asserts that after `clean`, a finished run has left what an uninterrupted one leaves.

    Returns:
        How many leftovers `clean` removed.
    """
    found = check_not_torn(output, expected)
    temporary_keys = {key for key in found if TEMPORARY in key}
    ours = {key for key in found if key.startswith(f"{expected.version}/")} - temporary_keys
    assert ours == set(expected.objects), sorted(ours ^ set(expected.objects))
    assert ledger_totals(output, expected.version) == expected.totals
    rest = {key for key in found if key not in ours and not _is_kept_apart(key)} - temporary_keys
    # The claims of a run that was killed after publishing stay until `clean` removes them.
    claims = {key for key in rest if key.startswith("agency/claims/")}
    assert rest - claims == expected.clean, sorted(rest ^ expected.clean)
    removed = clean(output)
    # `clean` also removes uploads, which no listing shows.
    assert temporary_keys == {item.name for item in removed if item.kind is LeftoverKind.TEMPORARY}
    assert bool(claims) == any(item.kind is LeftoverKind.LEASE for item in removed)
    assert {item.kind for item in removed} <= {
        LeftoverKind.TEMPORARY,
        LeftoverKind.UPLOAD,
        LeftoverKind.LEASE,
    }, removed
    assert (
        set(output.snapshot()) == set(found) - temporary_keys - claims
        and not output.store.unfinished_writes()
    )
    return len(removed)


def clean(output: RunOutput) -> list[Leftover]:
    """Removes leftovers as `fairshard clean` does, whatever their age; returns them."""
    found = clean_output(output.store, 0.0)
    kept = [item for item in found if item.kept_reason]
    assert not kept, kept
    return found


def committed_shards(found: dict[str, ObjectState], expected: Expected) -> set[str]:
    """Returns the keys of the tars that have a commit record."""
    names = {
        key.rsplit("/", 1)[-1].removesuffix(".json")
        for key in found
        if key.startswith("agency/work/") and "/shards/" in key and TEMPORARY not in key
    }
    return {key for key in expected.shards if key.rsplit("/", 1)[-1][:-4] in names}


def redone(
    before: dict[str, ObjectState], after: dict[str, ObjectState], expected: Expected
) -> set[str]:
    """Returns the tars that existed before and were written again."""
    return {
        key
        for key in expected.shards
        if key in before and before[key].written != (after[key].written if key in after else ())
    }


STAGES = (
    "before the claim",
    "claimed",
    "screened",
    "some units",
    "planned",
    "some shards",
    "agency's tables",
    "ledger",
    "indexes",
    "published, not cleaned up",
    "ended",
)


def stage(found: dict[str, ObjectState], expected: Expected) -> str:
    """Returns the stage that a run reached, derived from what it left."""
    delivery, agency = f"{expected.version}/delivery", f"{expected.version}/agency"
    keys = [key for key in found if TEMPORARY not in key]
    work = [key.split("/", 3)[3] for key in keys if key.startswith("agency/work/")]

    def some(prefix: str, among: list[str] = keys) -> bool:
        return any(key.startswith(prefix) for key in among)

    if expected.manifest in found:
        return "published, not cleaned up" if work or some("agency/claims/") else "ended"
    for name, reached in (
        ("indexes", some(f"{delivery}/.nv-meta/") or some(f"{delivery}/wids")),
        ("ledger", some(f"{agency}/ledger/")),
        ("agency's tables", some(f"{agency}/decisions/")),
        ("some shards", some("shards/", work) or some(f"{delivery}/shards/")),
        ("planned", some("plan/", work)),
        ("some units", some("units/", work)),
        ("screened", any(name != "started.json" for name in work)),
        ("claimed", some("agency/claims/") or some(f"{agency}/run.json")),
    ):
        if reached:
            return name
    return "before the claim"


def check_error_message(error: str) -> None:
    """Asserts that a failed run ended with the program's own message, not a traceback."""
    lines = error.strip().splitlines()
    assert lines and lines[-1].startswith("fairshard package: "), error
    assert "Traceback" not in error and "unexpected error" not in error, error
    assert len(lines) == 1, error
