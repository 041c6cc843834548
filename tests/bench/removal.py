"""Measures removals from a large delivery: `python -m tests.bench.removal --samples 1000000`.

A delivery with real tars is made (tests.bench.large_delivery). Then one asset, a thousand assets
and one contributor are removed from it by `revoke`, each from a fresh copy (hard links), with the
money reversed. Each time it is checked, without the code that did it, that

- the files of all shards that had none of the samples are the same files, and the others are new;
- the ledger of the new version is that of the one before without the entries of the assets;
- the money differs by exactly what the removed entries were due, for their contributors alone.

A million samples need about 8 GB of disk.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipelines.commands.revoke import open_agency
from pipelines.removal import revoke as revoking
from pipelines.removal.request import Removal
from pipelines.removal.search import Wanted, find_samples
from pipelines.storage.columns import values_of
from tests.bench.full_ledger import FewStatements
from tests.bench.large_delivery import DEAL, asset_name, make_delivery
from tests.bench.measure import measure

_STEPS = (
    *("record_missing", "find_samples", "check_ledgers", "record_notice", "record_corrections"),
    *("make_patch", "record_delivery"),
)
_HALF = Fraction(1, 2)


@dataclass(frozen=True)
class Case:
    """What is removed."""

    name: str
    assets: tuple[str, ...] = ()
    contributors: tuple[str, ...] = ()


def cases(samples: int) -> list[Case]:
    """Returns what is removed: one asset, a thousand (at most a fiftieth), one contributor."""
    many = min(1_000, samples // 50)
    thousand = tuple(asset_name(number) for number in range(0, samples, samples // many))[:many]
    return [
        Case("one asset", (asset_name(samples // 3),)),
        Case(f"{many:,} assets", thousand),
        Case("one contributor", (), ("c-000001",)),
    ]


def copy_output(base: Path, out: Path) -> None:
    """Copies an output; the deal's files become hard links."""
    shutil.copytree(
        base / DEAL, out / DEAL, copy_function=lambda one, two: Path(two).hardlink_to(one)
    )
    shutil.copytree(base / "agency", out / "agency")


def remove(out: str, case: Case) -> dict[str, float]:
    """Removes a case from an output; returns the seconds of finding alone, of all, and of steps.

    Those that end in `_processor` are of processor time, which other work on the machine does not
    add to as it does to elapsed time.
    """
    agency = open_agency(out, "")
    wanted = Wanted(frozenset(case.assets), frozenset(case.contributors))
    began = time.perf_counter()
    find_samples(agency.store, wanted, agency.secrets)
    found_s = time.perf_counter() - began
    removal = Removal(
        wanted, "takedown", date(2026, 12, 1), datetime(2026, 11, 27, tzinfo=UTC), money="reverse"
    )
    with _timed(_STEPS) as seconds:
        began, used = time.perf_counter(), time.process_time()
        done = revoking.revoke(agency, removal)
        whole = time.perf_counter() - began, time.process_time() - used
    assert [one.patched for one in done.deals] == [{f"{DEAL}/v0001": "v0002"}]
    return {"find": found_s, "whole": whole[0], "whole_processor": whole[1], **seconds}


@contextmanager
def _timed(names: Sequence[str]) -> Iterator[dict[str, float]]:
    """Sums the seconds that functions of `revoke` take within the block."""
    seconds: dict[str, float] = defaultdict(float)
    originals = {name: getattr(revoking, name) for name in names}

    def timed(name: str, function: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **named: object) -> object:
            began, used = time.perf_counter(), time.process_time()
            try:
                return function(*arguments, **named)
            finally:
                seconds[name] += time.perf_counter() - began
                seconds[f"{name}_processor"] += time.process_time() - used

        return call

    for name, function in originals.items():
        setattr(revoking, name, timed(name, function))
    try:
        yield seconds
    finally:
        for name, function in originals.items():
            setattr(revoking, name, function)


def check(out: Path, case: Case) -> dict[str, int]:
    """Checks what a removal changed; returns how much it wrote.

    Raises:
        AssertionError: If it changed anything else.
    """
    before, after = out / DEAL / "v0001", out / DEAL / "v0002"
    ledger = pq.read_table(before / "agency/ledger/ledger-00000.parquet")
    chosen = pc.or_(
        pc.is_in(ledger["asset_id"], pa.array(case.assets, pa.string())),
        pc.is_in(ledger["contributor_id"], pa.array(case.contributors, pa.string())),
    )
    assets = ledger["asset_id"].filter(chosen).unique()
    gone = pc.is_in(ledger["asset_id"], assets)
    removed = ledger.filter(gone)
    check_ledger(ledger.filter(pc.invert(gone)), after)
    taken = check_money(out, ledger, removed)
    touched = set(values_of(removed["shard"], str))
    return {
        "assets": len(assets),
        "entries": len(removed),
        "shards": len(touched),
        "taken_minor": taken,
        **check_files(before / "delivery", after / "delivery", touched),
    }


def check_ledger(left: pa.Table, after: Path) -> None:
    """Checks that a version's ledger has these entries, numbered from 0, and no others."""
    found = pq.read_table(after / "agency/ledger/ledger-00000.parquet")
    assert values_of(found["entry_index"], int) == list(range(len(left)))
    assert found.drop(["entry_index"]).equals(left.drop(["entry_index"]))


def check_money(out: Path, ledger: pa.Table, removed: pa.Table) -> int:
    """Checks the one correction in the books; returns the minor units that it takes back."""
    paths = sorted((out / "agency/books/records").glob("*.json"))
    records = [json.loads(path.read_bytes()) for path in paths]
    kinds = ["key", "delivery", "notice", "correction", "delivery"]
    assert [one["kind"] for one in records] == kinds
    pools = [one["private"]["pool"] for one in (records[1], records[3])]
    price, correction = (_lines(out, pool) for pool in pools)
    whole, part = _points(ledger), _points(removed)
    paid: dict[str, int] = defaultdict(int)
    lines = Counter(values_of(removed["contributor_id"], str))
    for who, minor in _pairs(removed, "amount_minor"):
        paid[who] += minor
    assert correction.keys() == part.keys()
    for who, line in correction.items():
        due = Fraction(price[who]["due"]) * part[who] / whole[who]
        carried = Fraction(price[who]["carried"])
        left = carried - due - line["credit_minor"]
        assert Fraction(line["due"]) == -due
        assert Fraction(line["carried"]) == left
        assert -_HALF <= left <= _HALF
        # An entry's amount is less than a unit from its exact part of the credit, and the credit
        # from what is due.
        assert abs(paid[who] + line["credit_minor"]) <= lines[who] + 1
    taken: int = -sum(line["credit_minor"] for line in correction.values())
    assert (pools[1]["contributors_minor"], pools[1]["gross_minor"]) == (-taken, 0)
    return taken


def _lines(out: Path, pool: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    rows = pq.read_table(out / "agency/books/lines" / f"{pool['lines_sha256']}.parquet")
    return {row["contributor_id"]: row for row in rows.to_pylist()}


def _points(entries: pa.Table) -> dict[str, int]:
    """Returns what each contributor's entries count."""
    points: dict[str, int] = defaultdict(int)
    counts = pc.multiply(entries["share_bp"].cast(pa.int64()), entries["weight"])
    for who, count in _pairs(entries.append_column("count", counts), "count"):
        points[who] += count
    return points


def _pairs(entries: pa.Table, column: str) -> Iterator[tuple[str, int]]:
    return zip(
        values_of(entries["contributor_id"], str), values_of(entries[column], int), strict=True
    )


def check_files(before: Path, after: Path, touched: Collection[str]) -> dict[str, int]:
    """Checks which files of a delivery are those of the one before; returns bytes and files.

    Args:
        before: The delivery before.
        after: The patched delivery.
        touched: Names of the shards that lost samples.
    """
    names = [one["name"] for one in json.loads((before / "MANIFEST.json").read_bytes())["shards"]]
    manifest = json.loads((after / "MANIFEST.json").read_bytes())
    assert manifest["patches"]["shards"] == sorted(touched)
    digests = {one["path"]: one["sha256"] for one in manifest["files"]}
    was = json.loads((before / "MANIFEST.json").read_bytes())["files"]
    kept_bytes = new_bytes = kept = new = 0
    for one in was:
        shard = _shard_of(one["path"], names)
        if not shard:
            continue
        new_path, size = after / one["path"], 0
        if shard in touched:
            if not new_path.exists():
                continue  # nothing is left of the shard
            assert not new_path.samefile(before / one["path"]), one["path"]
            assert digests[one["path"]] != one["sha256"], one["path"]
            size = new_path.stat().st_size
            new, new_bytes = new + 1, new_bytes + size
        else:
            assert new_path.samefile(before / one["path"]), one["path"]
            assert digests[one["path"]] == one["sha256"], one["path"]
            kept, kept_bytes = kept + 1, kept_bytes + new_path.stat().st_size
    everything = [path for path in after.rglob("*") if path.is_file()]
    other = sum(path.stat().st_size for path in everything) - kept_bytes - new_bytes
    return {
        "files_new": new,
        "files_kept": kept,
        "bytes_new": new_bytes,
        "bytes_kept": kept_bytes,
        "bytes_of_the_whole": other,
    }


def _shard_of(path: str, names: Sequence[str]) -> str:
    """Returns the shard that a file is of, by its name or its number; "" for any other file."""
    folder, _, name = path.partition("/")
    if folder == "shards" and name not in ("README.md", "sizes.json"):
        return name.partition(".")[0].removesuffix("_stats")
    if folder in ("img_emb", "text_emb", "metadata", "shots"):
        return names[int(name.partition(".")[0].rpartition("_")[2])]
    return ""


def main() -> None:
    """Runs the benchmark and prints its figures, a line of JSON for each removal."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--shard-samples", type=int, default=250)
    parser.add_argument("--base", type=Path, help="an output that was made before")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(
        prefix="fairshard-", dir=options.base and options.base.parent
    ) as folder:
        base = options.base or Path(folder) / "base"
        if not options.base:
            began = time.perf_counter()
            key = base / "agency/signing.key"
            make_delivery(FewStatements(str(base)), options.samples, options.shard_samples, key=key)
            print(json.dumps({"made_s": round(time.perf_counter() - began, 1)}), flush=True)
        for case in cases(options.samples):
            out = Path(folder) / "out"
            copy_output(base, out)
            done = measure(remove, str(out), case)
            seconds = {name: round(value, 2) for name, value in done.answer.items()}
            found = {"case": case.name, **check(out, case), "seconds": seconds}
            print(json.dumps(found | {"peak_mib": done.peak_bytes >> 20}), flush=True)
            shutil.rmtree(out)


if __name__ == "__main__":
    main()
