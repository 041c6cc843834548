"""Filters the member index of a large delivery by keyword, date and licence, with DuckDB.

`python -m tests.bench.member_index` writes a `samples.parquet` of a million samples at metadata
scale, with the columns, row groups and settings of a real one, and asks for those with a keyword,
made since a day, under a licence. It prints the time of each round, each with a connection of its
own, and fails if the answer is not that of the generator. It needs 0.7 GB of disk.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Iterable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa

from pipelines.storage.open import open_store
from pipelines.storage.tables import open_parquet
from schemas import layout
from schemas.shard_table import SAMPLES_SCHEMA

_GROUP_ROWS = 16_384  # pipelines.format.indexes
_GROUPS = 4  # that differ; the others repeat them with other keys
_SHARD_ROWS = 4_096
_WORDS = 5_000  # keywords in use, the first more often than the last
_KEYWORDS = 25  # of a sample
_FIRST_DAY, _DAYS = date(2010, 1, 1), 6_000
_LICENCES = np.array(["RF", "RM"])
_WORD, _SINCE, _LICENCE = "word-0040", date(2022, 1, 1), "RF"
_QUERY = f"""
    SELECT key, shard, media_offset, media_length FROM '{{table}}'
    WHERE status = 'success' AND list_contains(keywords, '{_WORD}')
      AND created_at >= DATE '{_SINCE}' AND licence_model = '{_LICENCE}'
"""


def _texts(generator: np.random.Generator, rows: int, digits: int) -> pa.Array[Any]:
    """Returns random hex, as digests are."""
    text = generator.bytes(rows * digits // 2).hex()
    return pa.array([text[at : at + digits] for at in range(0, len(text), digits)], pa.string())


def _group(generator: np.random.Generator, rows: int) -> tuple[pa.Table, list[int]]:
    """Returns some samples, and the numbers of those that the query is to find."""
    words = (generator.zipf(1.2, (rows, _KEYWORDS)) - 1) % _WORDS
    keywords = [[f"word-{word:04}" for word in dict.fromkeys(own)] for own in words.tolist()]
    days = generator.integers(0, _DAYS, rows).tolist()
    created = [_FIRST_DAY + timedelta(days=day) if day % 10 else None for day in days]
    licences = _LICENCES[generator.integers(0, 2, rows)].tolist()
    captions = [
        [
            {
                "source": source,
                "text": " ".join(own[:8]),
                "model": "",
                "version": "",
                "language": "en",
                "score_bp": 2_500,
                "flags": "",
            }
            for source in ("title", "model")
        ]
        for own in keywords
    ]
    columns: dict[str, Any] = {
        "key": [""] * rows,
        "shard": [""] * rows,
        "status": ["success"] * rows,
        "split": ["train"] * rows,
        "keywords": keywords,
        "tags": [own[:5] for own in keywords],
        "tag_scores_bp": [[2_000] * len(own[:5]) for own in keywords],
        "captions": captions,
        "caption": [one[1]["text"] for one in captions],
        "title": [one[0]["text"] for one in captions],
        "created_at": created,
        "licence_model": licences,
        "media_offset": [at * 1_000_000 for at in range(rows)],
        "media_length": generator.integers(100_000, 900_000, rows),
    }
    for name in ("contributors", "consents"):
        columns[name] = [[text] for text in _texts(generator, rows, 64).to_pylist()]
    for field in SAMPLES_SCHEMA:
        if field.name in columns:
            continue
        if field.name.endswith("sha256") or field.name in ("asset", "phash", "duplicate_cluster"):
            columns[field.name] = _texts(generator, rows, 64)
        elif pa.types.is_list(field.type):
            columns[field.name] = [[]] * rows
        elif pa.types.is_string(field.type):
            columns[field.name] = [""] * rows
        else:
            columns[field.name] = pa.array([1] * rows).cast(field.type)
    found = [
        at
        for at, own, day, licence in zip(range(rows), keywords, created, licences, strict=True)
        if _WORD in own and day is not None and day >= _SINCE and licence == _LICENCE
    ]
    arrays = [pa.array(columns[field.name], field.type) for field in SAMPLES_SCHEMA]
    return pa.table(arrays, schema=SAMPLES_SCHEMA), found


def write_index(folder: Path, samples: int) -> list[str]:
    """Writes `samples.parquet`; returns the keys that the query is to find."""
    generator, expected = np.random.default_rng(7), list[str]()
    rows = min(_GROUP_ROWS, samples)
    made = [_group(generator, rows) for _ in range(min(_GROUPS, -(-samples // rows)))]
    with open_parquet(open_store(str(folder)), layout.SAMPLES_TABLE, SAMPLES_SCHEMA) as write:
        for number, start in enumerate(range(0, samples, rows)):
            group, found = made[number % len(made)]
            write(_named(group, start).slice(0, samples - start))
            expected += [key for key in _keys(start, found) if int(key, 16) < samples]
    return expected


def _keys(start: int, numbers: Iterable[int]) -> list[str]:
    return [f"{start + at:024x}" for at in numbers]


def _named(group: pa.Table, start: int) -> pa.Table:
    """Returns a group with the keys and shards of its place."""
    rows = range(len(group))
    for name, values in (
        ("key", _keys(start, rows)),
        ("shard", [f"bench-jpg-{(start + at) // _SHARD_ROWS:05}" for at in rows]),
    ):
        at = group.schema.get_field_index(name)
        group = group.set_column(at, group.schema.field(at), pa.array(values, pa.string()))
    return group


def rounds(table: Path, count: int) -> Iterator[tuple[float, float, list[str]]]:
    """Yields the seconds and processor seconds of each round, and the keys that were found."""
    for _ in range(count):
        with duckdb.connect() as connection:
            started, used = time.perf_counter(), time.process_time()
            rows = connection.execute(_QUERY.format(table=table)).fetchall()
            yield time.perf_counter() - started, time.process_time() - used, [r[0] for r in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=7)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        expected = write_index(Path(folder), asked.samples)
        table = Path(folder, layout.SAMPLES_TABLE)
        size = table.stat().st_size
        print(f"{asked.samples:,} samples, {size:,} bytes, {len(expected):,} to be found")
        took, used = [], []
        for seconds, processor_s, found in rounds(table, asked.rounds):
            if sorted(found) != sorted(expected):
                raise SystemExit(f"DuckDB found {len(found):,} samples, not {len(expected):,}")
            print(f"{seconds:.3f} s, {processor_s:.3f} s of processor time")
            took.append(seconds)
            used.append(processor_s)
        print(f"median {statistics.median(took):.3f} s, {statistics.median(used):.3f} s")


if __name__ == "__main__":
    main()
