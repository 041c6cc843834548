"""A delivery has the same bytes whichever engine makes it, and wherever.

The reference is the shared library's delivery, made in memory by one worker. What the agency keeps
of a deal is compared as well, since nothing in it depends on time.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from schemas.catalogue import TABLES
from tests.end_to_end.command import (
    DEALS,
    CommandResult,
    Demo,
    command,
    environment,
    fairshard,
    folders,
    kill_when,
    tree,
)
from tests.end_to_end.engines import ENGINES, engine
from tests.remembered import WITHOUT

ROOT = Path(__file__).parents[2]
CUTS = {
    "a unit is done": "agency/work/*/units/*.json",
    "a shard is half written": "*/v0001/delivery/shards/.tmp-*",
    "a shard is done": "agency/work/*/shards/*.json",
}


def whole(folder: Path) -> str:
    """Returns one sha256 over all paths and the sha256 of each file."""
    return hashlib.sha256(json.dumps(tree(folder)).encode()).hexdigest()


def same(demo: Demo, deal_id: str, out: Path, how: str) -> None:
    """Asserts that all files of a deal are the same; prints the delivery's digest."""
    print(f"{deal_id:12} {how:55} {whole(out / deal_id / 'v0001' / 'delivery')}")
    assert tree(out / deal_id) == tree(demo.out / deal_id), how
    assert folders(out / "agency") == {
        "books",
        "features",
        "log",
        "runs",
    }  # no work area, no claims, no key


def run(demo: Demo, deal_id: str, out: Path, way: str) -> Any:
    with engine(way) as chosen:
        ended = fairshard(*demo.package(deal_id, out, *chosen.options), env=WITHOUT)
    assert ended.code == 0, ended.err
    return ended.json


@pytest.mark.parametrize(
    "way", [pytest.param("two processes", marks=pytest.mark.slow), "portable, loopback"]
)
def test_other_engine_without_features_gives_the_same_bytes(
    demo: Demo, way: str, tmp_path: Path
) -> None:
    """This run computes the features that the shared library's deal found in the store."""
    summary = run(demo, "demo-strict", tmp_path, way)
    assert min(summary["computed"].values()) > 0
    same(demo, "demo-strict", tmp_path, way)


@pytest.mark.slow
@pytest.mark.parametrize("warm", [False, True], ids=["computed", "from features"])
@pytest.mark.parametrize("way", ENGINES)
@pytest.mark.parametrize("deal_id", DEALS)
def test_every_engine_gives_the_same_bytes(
    demo: Demo, deal_id: str, way: str, warm: bool, tmp_path: Path
) -> None:
    if warm:
        demo.copy_features(tmp_path)
    summary = run(demo, deal_id, tmp_path, way)
    assert summary["computed"] == dict.fromkeys(summary["computed"], 0) or not warm
    assert warm or min(summary["computed"].values()) > 0
    same(demo, deal_id, tmp_path, f"{way}, {'from features' if warm else 'computed'}")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("first", "cut", "second"),
    [
        ("in memory", "a shard is done", "portable, loopback"),
        ("two processes", "a unit is done", "in memory"),
        ("four processes", "a shard is half written", "portable, external"),
        ("portable, loopback", "a shard is done", "two processes"),
        ("portable, external", "a unit is done", "four processes"),
    ],
)
@pytest.mark.parametrize("deal_id", DEALS)
def test_run_resumed_by_another_engine_gives_the_same_bytes(
    demo: Demo, deal_id: str, first: str, cut: str, second: str, tmp_path: Path
) -> None:
    with engine(first) as chosen:
        arguments = demo.package(deal_id, tmp_path, *chosen.options)
        killed = kill_when(arguments, lambda: next(tmp_path.glob(CUTS[cut]), None) is not None)
    delivery = tmp_path / deal_id / "v0001" / "delivery"
    assert killed and not (delivery / "MANIFEST.json").exists()
    run(demo, deal_id, tmp_path, second)
    same(demo, deal_id, tmp_path, f"{first}, killed when {cut}; {second}")


@pytest.mark.slow
def test_run_whose_engine_died_is_resumed_by_another(demo: Demo, tmp_path: Path) -> None:
    """The command ends with a message, and another engine resumes the run."""
    with engine("portable, loopback") as chosen:
        arguments = demo.package("demo-strict", tmp_path, *chosen.options)
        process = subprocess.Popen(
            command(*arguments), env=environment(), stderr=subprocess.PIPE, text=True
        )
        while process.poll() is None and not list(tmp_path.glob(CUTS["a unit is done"])):
            time.sleep(0.01)
    _, stderr = process.communicate(timeout=300)
    assert process.returncode != 0 and "The connection to the engine was lost" in stderr
    run(demo, "demo-strict", tmp_path, "in memory")
    same(demo, "demo-strict", tmp_path, "portable, whose service died; in memory")


@pytest.mark.slow
def test_place_and_time_do_not_change_the_bytes(demo: Demo, tmp_path: Path) -> None:
    """Time zone, language, hash seed, umask, working folder and folder names do not matter."""
    out = tmp_path / "aus gabe \N{SNOWMAN}"
    demo.copy_features(out)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    arguments = demo.package("demo-strict", out, "--workers", 2)
    places = {demo.catalogue, demo.deal("demo-strict"), demo.signing_key, out}
    words = [os.path.relpath(word, elsewhere) if word in places else word for word in arguments]
    done = subprocess.run(
        command(*words),
        cwd=elsewhere,
        env=environment(
            {
                "PYTHONPATH": str(ROOT),
                "PYTHONHASHSEED": "4242",
                "TZ": "Pacific/Kiritimati",
                "LC_ALL": "tr_TR.ISO-8859-9",
                "LANG": "C",
                "TMPDIR": str(elsewhere),
            }
        ),
        umask=0o077,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    same(demo, "demo-strict", out, "another place and time")


def test_catalogue_order_does_not_change_the_shards(demo: Demo, tmp_path: Path) -> None:
    """Rows in another order and in several files give the same samples, bytes and shards.

    Only the decisions' digests differ, since they include the catalogue's digest.
    """
    catalogue, out = tmp_path / "catalogue", tmp_path / "out"
    shutil.copytree(demo.catalogue / "media", catalogue / "media")
    for table in TABLES:
        rows = pq.read_table(demo.catalogue / f"{table}.parquet")
        order = list(range(len(rows)))
        random.Random(7).shuffle(order)
        pieces = {f"{table}-1": order[: len(order) // 3], f"{table}-2": order[len(order) // 3 :]}
        for name, taken in pieces.items():
            pq.write_table(rows.take(taken), catalogue / f"{name}.parquet")
    demo.copy_features(out)
    arguments = demo.package("demo-strict", out, "--workers", 1)
    ended: CommandResult = fairshard(
        *[catalogue if word == demo.catalogue else word for word in arguments]
    )
    assert ended.code == 0, ended.err
    ours, theirs = out / "demo-strict" / "v0001", demo.out / "demo-strict" / "v0001"
    assert shown(ours / "delivery") == shown(theirs / "delivery")
    for name in ("img_emb", "text_emb", "metadata"):
        assert tree(ours / "delivery" / name) == tree(theirs / "delivery" / name)


def shown(delivery: Path) -> list[dict[str, Any]]:
    """Returns the rows of all shard tables without what depends on the decisions' digests."""
    rows = []
    for path in sorted((delivery / "shards").glob("*.parquet")):
        for row in pq.read_table(path).to_pylist():
            del row["decision_sha256"], row["json_sha256"]
            rows.append(row)
    return rows
