"""Three workers on each of two ranks are killed again and again: all is trained on once."""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections import Counter
from pathlib import Path

import pytest

from pipelines.format.exposure import merge_exposures
from pipelines.reader import WITHOUT_REMOVALS, SampleReader, Split, open_delivery
from tests.reader.copies import AGENCY, asset_of, make_copy

SHARDS = (30, 7, 52, 41, 3, 66)
EPOCHS = 2
RANKS, WORKERS = 2, 3
_SAVED_EVERY = 5  # samples


def reader_of(folder: Path, consumer: int, threads: int = 0) -> SampleReader:
    """The reader of one worker, restored to its saved state."""
    own = SampleReader(
        open_delivery(folder / "copy", [AGENCY.vkey]),
        WITHOUT_REMOVALS,
        run="killed",
        split=Split(consumer // WORKERS, RANKS, consumer % WORKERS, WORKERS),
        seed=11,
        mixed_shards=2,
        threads=threads,
    )
    saved = folder / f"{consumer}.json"
    if saved.exists():
        own.restore(json.loads(saved.read_text()))
    return own


def train(folder: Path, consumer: int) -> None:
    """What a worker does: its model is a file of keys, as long as its last saved state."""
    own, model = reader_of(folder, consumer, threads=consumer % 2), folder / f"{consumer}.model"
    lines = model.read_text().splitlines()[: own.given] if model.exists() else []

    def save() -> None:
        for path, text in (
            (model, "".join(f"{line}\n" for line in lines)),
            (folder / f"{consumer}.json", json.dumps(own.state())),
        ):
            temporary = path.with_suffix(".tmp")
            temporary.write_text(text)
            temporary.replace(path)

    while own.epoch < EPOCHS:
        for sample in own:
            lines.append(str(sample["__key__"]))
            if own.given % _SAVED_EVERY == 0:
                save()
            time.sleep(0.0005)
    save()


def start(folder: Path, consumer: int) -> int:
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        train(folder, consumer)
        code = 0
    finally:
        os._exit(code)


def train_with_kills(folder: Path, kills: int, seed: int) -> int:
    """Runs all workers to their end; returns how many were killed."""
    draw, done = random.Random(seed), 0
    running = {start(folder, consumer): consumer for consumer in range(RANKS * WORKERS)}
    while running:
        if done < kills:
            time.sleep(draw.uniform(0.001, 0.012))
            os.kill(draw.choice(sorted(running)), signal.SIGKILL)
            done += 1
        child, status = os.waitpid(-1, 0 if done >= kills else os.WNOHANG)
        if not child:
            continue
        consumer = running.pop(child)
        if status:
            assert os.WIFSIGNALED(status), f"worker {consumer} failed"
            running[start(folder, consumer)] = consumer
    return done


def check(folder: Path) -> None:
    make_copy(folder / "copy", SHARDS)
    whole = open_delivery(folder / "copy", [AGENCY.vkey])
    keys = {row.key for shard in whole.manifest.shards for row in whole.rows(shard).rows}
    assert train_with_kills(folder, 25, len(SHARDS)) == 25
    consumers = range(RANKS * WORKERS)
    trained = [(folder / f"{consumer}.model").read_text().split() for consumer in consumers]
    assert Counter(key for part in trained for key in part) == Counter(dict.fromkeys(keys, EPOCHS))
    readers = [reader_of(folder, consumer) for consumer in consumers]
    first = [part[: len(own)] for part, own in zip(trained, readers, strict=True)]
    assert sorted(key for part in first for key in part) == sorted(keys)  # once in each epoch
    report = merge_exposures(own.exposure() for own in readers)
    assert report.counts == {asset_of(key): EPOCHS for key in sorted(keys)}
    assert [part.end - part.first for part in report.parts] == list(map(len, trained))


def test_every_sample_is_trained_on_once_in_each_epoch(tmp_path: Path) -> None:
    check(tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(1, 9))
def test_again_and_again(tmp_path: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.reader.test_kills.SHARDS", (number, *SHARDS, 17 * number))
    check(tmp_path)
