"""Media that take almost no disk space, and their features, for the scale benchmark.

Each file is a real JPEG, followed by the asset's number in blanks and tabs, which count as padding,
and a hole up to about 100 KB. So every digest differs, every byte is read, hashed and written, and
a file takes one block of the disk. The features (facts, vectors, captions, scores, tags, readings)
are random and already in the feature store, as after an earlier deal on the same library.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from pipelines.features.compute import score_key
from pipelines.features.fact_rows import facts_row, measures_row
from pipelines.features.guard import this_guard
from pipelines.features.prepare import prepare_media
from pipelines.features.reading_json import reading_to_json
from pipelines.features.store import open_feature_store
from pipelines.media.details import DETAILS_SIDE, pack_details
from pipelines.media.limits import MediaLimits
from pipelines.media.looks import CELLS_BYTES
from pipelines.run.job import Job
from pipelines.signals.file.trust import TrustLists
from pipelines.storage.open import open_store
from schemas import layout
from schemas.features import FactsRow, TagsRow
from schemas.measures import MeasuresRow
from tests.bench.scale_library import (
    ALIKE,
    FILES_PER_FOLDER,
    MISSING,
    WITHDRAWN,
    asset_id,
    bytes_from,
    is_kind,
    keywords,
    media_uri,
    title,
)

MIN_BYTES = 96_000
_SPREAD_BYTES = 8_192
_DIMENSIONS = 512  # of a vector, as in ViT-B/32
_UNITS_AT_ONCE = 16
_PLAIN = pack_details(np.zeros((DETAILS_SIDE,) * 2))  # finer cells, all of one shade


def make_media(job: Job, folder: Path, assets: int, workers: int) -> None:
    """Makes every asset's file, and saves its features in the feature store.

    Args:
        job: The later run, whose units and models the features are for.
        folder: The catalogue's folder.
        assets: Number of assets.
        workers: Number of processes.
    """
    for number in range(0, assets, FILES_PER_FOLDER):
        (folder / media_uri(number)).parent.mkdir(parents=True)
    units: dict[int, list[int]] = {}
    for number in range(assets):
        place = layout.asset_hash(asset_id(number))
        units.setdefault(layout.unit_of(place, job.unit_bits), []).append(number)
    ordered = sorted(units.items())
    tasks = [ordered[at : at + _UNITS_AT_ONCE] for at in range(0, len(ordered), _UNITS_AT_ONCE)]
    with ProcessPoolExecutor(workers) as pool:
        for _ in pool.map(partial(_make_units, job, folder), tasks):
            pass


def _make_units(job: Job, folder: Path, units: Sequence[tuple[int, Sequence[int]]]) -> None:
    models = job.models
    store = open_store(job.output_uri)
    features = open_feature_store(
        store,
        models.clip_id,
        models.captioner_id,
        job.reader_id,
        vocabulary_id=models.vocabulary_id,
    )
    for unit, numbers in units:
        low, high = layout.unit_range(unit, job.unit_bits)
        made = {}
        for number in numbers:
            if not is_kind(WITHDRAWN, number) and not is_kind(MISSING, number):
                made[number] = _make_file(folder, number)
        features.facts.save(low, high, [_facts(job, at, *file) for at, file in made.items()])
        digests = [digest for digest, _ in made.values()]
        dice = np.random.default_rng([3, unit])
        pictures = [_picture_vector(number) for number in made]
        texts = _vectors(dice, len(made))
        features.embeddings.save(
            low,
            high,
            [
                {"media_sha256": digest, "embedding": vector.tolist()}
                for digest, vector in zip(digests, pictures, strict=True)
            ],
        )
        features.captions.save(
            low,
            high,
            [
                {
                    "media_sha256": digest,
                    "caption": title(at),
                    "text_embedding": vector.tolist(),
                    "clip_score": 0.25,
                    "shots": [],
                }
                for at, digest, vector in zip(made, digests, texts, strict=True)
            ],
        )
        features.scores.save(
            low,
            high,
            [
                {
                    "score_key": score_key(digest, text),
                    "clip_score": 0.25,
                    "text_embedding": vector.tolist(),
                }
                for (at, (digest, _)), vector in zip(made.items(), texts, strict=True)
                for text in (title(at), ", ".join(keywords(at)))
            ],
        )
        _, reading, measures = _base_features(job.limits, job.trust)
        features.measures.save(
            low, high, [{**measures, "media_sha256": digest} for digest in digests]
        )
        untagged: list[TagsRow] = [
            {"media_sha256": one, "caption": title(at), "tags": []}
            for at, one in zip(made, digests, strict=True)
        ]
        features.tags.save(low, high, untagged)
        features.readings.save(
            low, high, [{"media_sha256": digest, "reading": reading} for digest in digests]
        )


def _make_file(folder: Path, number: int) -> tuple[str, int]:
    """Makes an asset's file; returns its sha256 and size."""
    source_number = bytes_from(number)
    size = MIN_BYTES + source_number * 7_919 % _SPREAD_BYTES
    head = _picture() + _mark(source_number)
    with (folder / media_uri(number)).open("wb") as file:
        file.write(head)
        file.truncate(size)
    digest = hashlib.sha256(head)
    digest.update(_ZEROS[: size - len(head)])
    return digest.hexdigest(), size


_ZEROS = bytes(MIN_BYTES + _SPREAD_BYTES)


def _mark(number: int) -> bytes:
    """Returns a number as padding: anything else behind a picture would be refused as unjudged."""
    return f"{number:032b}".encode().translate(bytes.maketrans(b"01", b" \t"))


@lru_cache(maxsize=1)
def _picture() -> bytes:
    """Returns a smooth picture of 640 x 512 pixels, in less than 4,000 bytes."""
    pixels = np.zeros((512, 640, 3), np.uint8)
    pixels[..., 0] = np.linspace(30, 200, 640)[None, :]
    pixels[..., 1] = np.linspace(200, 30, 512)[:, None]
    sink = io.BytesIO()
    Image.fromarray(pixels).save(sink, "JPEG", quality=30, progressive=True, optimize=True)
    return sink.getvalue()


@lru_cache(maxsize=1)
def _base_features(limits: MediaLimits, trust: TrustLists) -> tuple[FactsRow, str, MeasuresRow]:
    """Returns what the program finds in such a file: facts, rights statements and measures."""
    data = (_picture() + _mark(0)).ljust(MIN_BYTES, b"\0")
    prepared = prepare_media(data, media_uri(0), "image", None, limits)
    reading = this_guard().signals(data, prepared.format, trust, limits)
    statements = json.dumps(reading_to_json(reading), sort_keys=True)
    return facts_row(prepared), statements, measures_row(prepared)


def _facts(job: Job, number: int, digest: str, size: int) -> FactsRow:
    """Returns the picture's facts, with a random look for this asset."""
    phash, colour = _perceptual_features(number)
    facts: FactsRow = {**_base_features(job.limits, job.trust)[0], "media_sha256": digest}
    search = bytes.fromhex(phash + colour) + b"\x80\xff"  # a square
    shades = np.random.default_rng([6, _like(number)]).bytes(CELLS_BYTES - 6)
    cells = b"\0\0\xff\x0f\xff\xff" + shades + _PLAIN  # in the whole range of shades
    facts = {**facts, "phash": phash, "colour": colour, "looks": [search], "cells": [cells]}
    return {**facts, "bytes": size}


def _like(number: int) -> int:
    """Returns the number of the asset whose picture an asset shows: its own or the one before."""
    return number - 1 if is_kind(ALIKE, number) else bytes_from(number)


def _perceptual_features(number: int) -> tuple[str, str]:
    """Returns hash and colours: random bits, and brightness, gradients and noise like a photo's."""
    dice = np.random.default_rng([5, _like(number)])
    bits = dice.integers(0, 256, 32, dtype=np.uint8)
    slopes = np.linspace(-1, 1, 4)
    across, down = dice.normal(0, 30, (2, 3))
    grid = dice.uniform(40, 215, 3) + slopes[None, :, None] * across + slopes[:, None, None] * down
    colours = np.clip(grid + dice.normal(0, 12, (4, 4, 3)), 0, 255).astype(np.uint8)
    if is_kind(ALIKE, number):
        bits[:2] ^= np.uint8(0x55)  # eight bits differ
        colours = np.where(colours > 128, colours - 3, colours + 3)
    return bits.tobytes().hex(), colours.astype(np.uint8).tobytes().hex()


def _picture_vector(number: int) -> npt.NDArray[np.float32]:
    [vector] = _vectors(np.random.default_rng([7, _like(number)]), 1)
    return vector


def _vectors(dice: np.random.Generator, count: int) -> list[npt.NDArray[np.float32]]:
    drawn = dice.normal(size=(count, _DIMENSIONS)).astype(np.float32)
    return list(drawn / np.linalg.norm(drawn, axis=1, keepdims=True))
