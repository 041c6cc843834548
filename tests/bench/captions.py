"""Captioning with a cache of keys and values, and without: `python -m tests.bench.captions`.

Both sides caption the same pictures with the demonstration model, in turn, round after round. The
bare loop is the image tower and the decoding steps, without preprocessing and without text.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice

import torch
from PIL import Image

from pipelines.demo.scenes.render import draw_scene_spec, render
from pipelines.vision.cached_decoder import CachedDecoder, cacheable
from pipelines.vision.caption import load_captioner
from pipelines.vision.decode import ImageTokens, PrefixDecoder, encode_image_tokens, greedy
from pipelines.vision.embed import padded_batches
from pipelines.vision.loading import load_network
from pipelines.vision.models import parse_model
from tests.bench.rounds import median_speedup

_BATCH = 32
_FIRST_SEED = 30_000_000  # of pictures that the model was not trained on


def _timed(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def bench_captions(count: int, rounds: int) -> str:
    """Returns the speeds and their ratios, in words.

    Raises:
        RuntimeError: If the two sides write different captions.
    """
    ref = parse_model("demo")
    captioner, network = load_captioner(ref, batch=_BATCH), load_network(ref, 1)
    pictures: list[Image.Image] = [
        render(draw_scene_spec(_FIRST_SEED + number), 96, 72) for number in range(count)
    ]
    pixels = network.preprocess(pictures)
    coca = cacheable(network.model)
    if coca is None:
        raise RuntimeError("the model cannot be decoded with a cache")

    def encoded() -> Iterator[ImageTokens]:
        for chunk, _ in padded_batches(pixels, _BATCH):
            yield encode_image_tokens(network.model, chunk)

    def decode_by_prefix() -> list[list[int]]:
        """As before there was a cache: each batch by itself."""
        rows: list[list[int]] = []
        with torch.inference_mode():
            for image_tokens in encoded():
                decoder = PrefixDecoder(network.model, image_tokens)
                rows += greedy(decoder, _BATCH, captioner.limits)
        return rows

    def decode_cached() -> list[list[int]]:
        rows: list[list[int]] = []
        together = captioner.decoded // _BATCH
        with torch.inference_mode():
            batches = encoded()
            while parts := list(islice(batches, together)):
                image_tokens = ImageTokens.join(parts)
                decoder = CachedDecoder(coca, image_tokens, captioner.limits.length)
                rows += greedy(decoder, len(image_tokens.latent), captioner.limits)
        return rows

    if decode_cached() != decode_by_prefix():
        raise RuntimeError("the captions differ")
    whole, bare, prefix = [], [], []
    for _ in range(rounds):
        whole.append(_timed(lambda: captioner.caption(pictures)))
        bare.append(_timed(decode_cached))
        prefix.append(_timed(decode_by_prefix))
    return (
        f"{count / statistics.median(whole):.0f} pictures a second of processor time, "
        f"{median_speedup(bare, whole):.2f} of the bare loop with the cache; that is "
        f"{median_speedup(prefix, bare):.2f} times as fast as the loop without it"
    )


def main() -> None:
    """Runs the benchmark and prints its result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    print(bench_captions(options.pictures, options.rounds))


if __name__ == "__main__":
    main()
