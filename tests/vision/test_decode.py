"""Greedy decoding agrees with teacher forcing, and beam search with an exhaustive search."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from pipelines.vision.caption import load_captioner
from pipelines.vision.decode import (
    ImageTokens,
    PrefixDecoder,
    TokenLimits,
    beam,
    encode_image_tokens,
    greedy,
    next_token_logits,
)
from pipelines.vision.loading import load_network
from pipelines.vision.models import ModelRef

START, END, PAD = 5, 4, 0
LIMITS = TokenLimits(START, END, PAD, length=5)


class TableDecoder:
    """A decoder whose next token depends only on the last one and the picture, by a fixed table."""

    def __init__(self, seed: int) -> None:
        source = torch.Generator().manual_seed(seed)
        self.table = torch.randn(2, 6, 6, generator=source) * 1.5
        self.table[:, :, [PAD, START]] = -20.0

    def __call__(self, image: None, text: Tensor, **options: Tensor) -> dict[str, Tensor]:
        which = options["image_latent"][:, 0].long()
        return {"logits": self.table[which[:, None], text]}

    def score(self, row: int, tokens: list[int]) -> float:
        """Returns the mean log-probability of a caption, less a penalty if it has not ended."""
        ended = len(tokens) < LIMITS.length - 1
        path = [START, *tokens, *([END] if ended else [])]
        steps = self.table[row].log_softmax(-1)
        total = sum(float(steps[a, b]) for a, b in itertools.pairwise(path))
        return total / (len(path) - 1) - (0 if ended else 1e4)


def _image_tokens() -> ImageTokens:
    return ImageTokens(torch.tensor([[0.0], [1.0]]), torch.zeros(2, 1, 1))


def written(decoder: TableDecoder, beams: int = 1) -> list[list[int]]:
    """Returns the tokens of the two pictures, by beam search if there is more than one beam."""
    if beams == 1:
        return greedy(PrefixDecoder(decoder, _image_tokens()), 2, LIMITS)
    return beam(PrefixDecoder(decoder, _image_tokens().repeat(beams)), 2, LIMITS, beams)


@pytest.mark.parametrize("seed", range(8))
def test_wide_beam_finds_the_best_caption(seed: int) -> None:
    decoder = TableDecoder(seed)
    found = written(decoder, beams=30)
    words = [token for token in range(6) if token not in (START, END, PAD)]
    for row in range(2):
        every = [
            list(tokens)
            for length in range(LIMITS.length)
            for tokens in itertools.product(words, repeat=length)
        ]
        best = max(every, key=lambda tokens: decoder.score(row, tokens))
        assert decoder.score(row, found[row]) == pytest.approx(decoder.score(row, best), abs=1e-4)


@pytest.mark.parametrize("seed", range(8))
def test_one_beam_is_greedy(seed: int) -> None:
    decoder = PrefixDecoder(TableDecoder(seed), _image_tokens())
    assert beam(decoder, 2, LIMITS, beams=1) == written(TableDecoder(seed))


def test_endless_row_stops_at_the_maximum_length() -> None:
    decoder = TableDecoder(1)
    decoder.table[:, :, END] = -20.0
    assert [len(row) for row in written(decoder)] == [4, 4]
    assert [len(row) for row in written(decoder, beams=3)] == [4, 4]


def test_row_that_ends_at_once_is_empty() -> None:
    decoder = TableDecoder(1)
    decoder.table[0, START, END] = 20.0
    assert written(decoder)[0] == []
    assert written(decoder)[1] != []


def test_greedy_agrees_with_teacher_forcing(
    demo_model: ModelRef, pictures: list[Image.Image]
) -> None:
    """One pass over the whole caption chooses, at every step, the token that greedy() wrote."""
    network = load_network(demo_model, 1)
    limits = load_captioner(demo_model).limits
    with torch.inference_mode():
        image_tokens = encode_image_tokens(network.model, network.preprocess(pictures))
        rows = greedy(PrefixDecoder(network.model, image_tokens), len(pictures), limits)
        text = torch.full((len(rows), limits.length), limits.pad)
        for index, row in enumerate(rows):
            full = [limits.start, *row, limits.end]
            text[index, : len(full)] = torch.tensor(full)
        chosen = next_token_logits(network.model, image_tokens, text).argmax(-1)
    for index, row in enumerate(rows):
        assert len(row) > 3
        assert chosen[index, : len(row) + 1].tolist() == [*row, limits.end]


def test_captions_do_not_depend_on_their_neighbours(
    demo_model: ModelRef, pictures: list[Image.Image]
) -> None:
    captioner = load_captioner(demo_model, batch=8)
    together = captioner.caption(pictures)
    assert [captioner.caption([one])[0] for one in pictures] == together
    assert captioner.caption(pictures[::-1]) == together[::-1]
    assert captioner.caption([]) == []


@pytest.mark.parametrize("beams", [1, 3])
def test_captions_are_clean(demo_model: ModelRef, pictures: list[Image.Image], beams: int) -> None:
    captioner = load_captioner(demo_model, beams=beams)
    for text in captioner.caption([*pictures, Image.new("RGB", (64, 64), "teal")]):
        assert text == " ".join(text.split())
        assert "<" not in text
        assert text


def test_beams_are_part_of_a_captions_identity(demo_model: ModelRef) -> None:
    assert load_captioner(demo_model, beams=2).identity != load_captioner(demo_model).identity


def test_encoder_and_captioner_share_their_weights(demo_model: ModelRef) -> None:
    assert load_network(demo_model, 1) is load_network(demo_model, 1)
    assert np.isfinite(
        np.asarray(load_network(demo_model, 1).preprocess([Image.new("RGB", (5, 9))]))
    ).all()


def test_a_caption_does_not_depend_on_how_many_pictures_there_are(
    demo_model: ModelRef, pictures: list[Image.Image]
) -> None:
    """Of each number up to several passes of the decoder, also if it is no multiple of a pass."""
    captioner = load_captioner(demo_model, batch=2)
    assert captioner.decoded == 4
    captions = captioner.caption(pictures)
    assert len(captions) == len(pictures) and len(set(captions)) > 5
    for count in range(len(pictures)):
        assert captioner.caption(pictures[:count]) == captions[:count]
