"""The sides and parts that `tests.bench.first_run` measures; each runs in processes of its own."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

from pipelines.features.prepare import PreparedMedia, prepare_media
from pipelines.media.images import decode_for_models
from pipelines.media.limits import MediaLimits
from pipelines.vision.compat import import_open_clip
from pipelines.vision.embed import load_encoder
from pipelines.vision.loading import load_network
from pipelines.vision.models import parse_model
from tests.bench.scale_watch import process_tree
from tests.bench.weights import ARCHITECTURE

BATCH = 32
_FETCHERS = 2  # as in pipelines/steps/fetch_ahead.py
_LIMITS = MediaLimits(max_bytes=2**30, max_pixels=178_956_970)
Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Part:
    """A part of the work on one worker.

    Attributes:
        processor_s: Processor time of all its processes, without starting and warming up.
        vectors: What it computed, if it embeds; else empty.
    """

    processor_s: float
    vectors: Vectors


def plain_loop(pictures: Sequence[Path], weights: Path) -> Vectors:
    """Decodes and embeds pictures as open_clip's README does, on one thread."""
    torch.set_num_threads(1)
    open_clip = import_open_clip()
    model, _, preprocess = open_clip.create_model_and_transforms(
        ARCHITECTURE, pretrained=str(weights)
    )
    model.eval()
    found = [np.empty((0, 512), np.float32)]
    with torch.inference_mode():
        for batch in _batches(pictures, BATCH):
            pixels = torch.stack([preprocess(Image.open(path)) for path in batch])
            vectors = model.encode_image(pixels)
            vectors /= vectors.norm(dim=-1, keepdim=True)
            found.append(vectors.numpy())
    return np.concatenate(found)


def decode_part(pictures: Sequence[Path]) -> Part:
    """Digests, decodes and hashes pictures in guarded processes, as a run does."""
    with ThreadPoolExecutor(_FETCHERS) as threads:
        list(threads.map(_prepare, pictures[: 2 * _FETCHERS]))

        def decode() -> Vectors:
            for _ in threads.map(_prepare, pictures):
                pass
            return _none()

        return _timed(decode)


def input_part(pictures: Sequence[Path], weights: Path, side: str) -> Part:
    """Turns files into a model's input on one thread, as open_clip's README does or as a run does.

    Ours is without what a run also learns from the pixels (hashes, looks, measures) and without
    the guarded processes, since open_clip's path has neither.
    """
    network = load_network(parse_model(f"{ARCHITECTURE}:{weights}"), 1)
    config = import_open_clip().transform.PreprocessCfg(**network.preprocess.settings)
    transform = import_open_clip().transform.image_transform_v2(config, is_train=False)

    def plain(path: Path) -> object:
        return transform(Image.open(path))

    def ours(path: Path) -> object:
        decoded = decode_for_models(path.read_bytes(), "jpg", _LIMITS.max_pixels)
        return network.preprocess([decoded.image])

    read = plain if side == "plain" else ours

    def turn() -> Vectors:
        for path in pictures:
            read(path)
        return _none()

    read(pictures[0])
    return _timed(turn)


def forward_part(count: int, weights: Path, precision: str) -> Part:
    """Runs the image tower alone on batches that are already in memory."""
    encoder = load_encoder(parse_model(f"{ARCHITECTURE}:{weights}", precision))
    size = encoder.network.preprocess
    pixels = torch.randn(encoder.batch, 3, size.height, size.width).to(encoder.network.dtype)

    def forward() -> Vectors:
        with torch.inference_mode():
            for _ in range(count // BATCH * BATCH // encoder.batch):
                encoder.encode_pixels(pixels)
        return _none()

    with torch.inference_mode():
        encoder.encode_pixels(pixels)
    return _timed(forward)


def embed_part(pictures: Sequence[Path], weights: Path, precision: str) -> Part:
    """Decodes and embeds pictures as a run does: chunks are decoded while others are embedded."""
    encoder = load_encoder(parse_model(f"{ARCHITECTURE}:{weights}", precision))
    with ThreadPoolExecutor(_FETCHERS) as threads:

        def decoded(batch: Sequence[Path]) -> Iterator[PreparedMedia]:
            return threads.map(_prepare, batch)

        def embed() -> Vectors:
            chunks = list(_batches(pictures, 2 * BATCH))
            found = []
            following = decoded(chunks[0])
            for at in range(len(chunks)):
                current = following
                following = decoded(chunks[at + 1] if at + 1 < len(chunks) else [])
                images = [prepared.frames_rgb[0] for prepared in current]
                found.append(encoder.embed_images(images))
            return np.concatenate(found)

        encoder.embed_images([next(decoded([path])).frames_rgb[0] for path in pictures[:4]])
        return _timed(embed)


def _prepare(path: Path) -> PreparedMedia:
    return prepare_media(path.read_bytes(), path.name, "image", None, _LIMITS)


def _batches(items: Sequence[Path], size: int) -> Iterator[Sequence[Path]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def _none() -> Vectors:
    return np.empty((0, 0), np.float32)


def _timed(work: Callable[[], Vectors]) -> Part:
    before = tree_processor_s()
    vectors = work()
    return Part(tree_processor_s() - before, vectors)


def tree_processor_s() -> float:
    """Returns the processor time that this process and its descendants have used."""
    # Linux's clock of another process, see clock_getcpuclockid(3); /proc counts only centiseconds.
    return sum(time.clock_gettime((~pid << 3) | 2) for pid in process_tree(os.getpid()))


def _side(side: str, precision: str, weights: Path, pictures: Sequence[Path]) -> Vectors:
    if side == "plain":
        return plain_loop(pictures, weights)
    return embed_part(pictures, weights, precision).vectors


def main() -> None:
    """Runs a side in as many processes as there are workers, as a command to be timed."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--side", choices=("plain", "ours"), default="plain")
    parser.add_argument("--precision", default="fp32", help="of our side")
    parser.add_argument("--to", type=Path, help="write the vectors here, in the files' order")
    options = parser.parse_args()
    pictures = sorted(options.folder.iterdir())
    workers = options.workers
    shares = [pictures[start::workers] for start in range(workers)]
    work = partial(_side, options.side, options.precision, options.weights)
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        parts = list(pool.map(work, shares))
    vectors = np.empty((len(pictures), parts[0].shape[1]), np.float32)
    for start, part in enumerate(parts):
        vectors[start::workers] = part
    if options.to:
        np.save(options.to, vectors)


if __name__ == "__main__":
    main()
