"""What can be shown of the GPU's path without one: how it is chosen, and that it leaves no tensor.

PyTorch's device `meta` computes shapes alone, and refuses tensors of another device as CUDA does.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from typing import cast

import pytest
import torch
from PIL import Image
from torch import Tensor, nn

from pipelines.vision import cuda
from pipelines.vision.cached_decoder import CachedDecoder, cacheable
from pipelines.vision.compat import Model
from pipelines.vision.cuda import choose_on_cuda, cuda_available
from pipelines.vision.decode import OffDevice, PrefixDecoder, encode_image_tokens
from pipelines.vision.embed import ImageTextEncoder
from pipelines.vision.loading import Network, open_network
from pipelines.vision.models import parse_model
from schemas.errors import InputError

_META = torch.device("meta")


@pytest.mark.parametrize(
    ("short", "cosine", "expected"),
    [
        ("bf16", 0.9999, "cuda-bf16"),
        ("fp16", 0.999, "cuda-fp16"),
        ("bf16", 0.9989, "cuda-fp32"),
        ("fp16", float("nan"), "cuda-fp32"),
    ],
)
def test_precision_is_chosen_by_the_same_cosine(short: str, cosine: float, expected: str) -> None:
    found = choose_on_cuda(parse_model("demo"), lambda _: (short, cosine))
    assert found.precision == expected
    assert f"{short} agrees with fp32 to a cosine of {cosine:.5f}" in found.reason


def test_asking_for_a_gpu_leaves_cuda_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process is asked, and this one not even imports torch for it."""
    code = (
        "import sys; from pipelines.vision import cuda; cuda._DRIVERS = ('/',);"
        "print(cuda.cuda_available(), 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(torch.cuda.is_available()), "False"]
    cuda_available.cache_clear()
    monkeypatch.setattr(cuda, "_DRIVERS", ())
    assert not cuda_available()
    cuda_available.cache_clear()


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_worker_without_a_gpu_says_so() -> None:
    with pytest.raises(InputError, match=r"must run on a GPU.*demo in cuda-bf16"):
        open_network(parse_model("demo", "cuda-bf16"))


@pytest.fixture
def network() -> Network:
    """Returns a model on a device from which nothing can be read."""
    own = open_network(parse_model("demo"))
    model = cast(Model, cast(nn.Module, own.model).to(_META))
    return replace(own, model=model, device=_META)


def test_embedding_moves_pictures_and_texts(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []

    def kept(parts: list[Tensor]) -> None:
        seen.extend(parts)

    monkeypatch.setattr("pipelines.vision.embed.join", kept)
    encoder = ImageTextEncoder(network, 4)
    encoder.embed_images([Image.new("RGB", (40, 30))] * 5)
    encoder._packable = None
    encoder.embed_texts(["a red boat"])
    assert [(len(part), part.device) for part in seen] == [(4, _META), (1, _META), (1, _META)]


@pytest.mark.parametrize("kind", ["cached", "prefix"])
def test_decoders_keep_their_state_on_the_device(
    network: Network, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    with torch.inference_mode():
        pixels = network.preprocess([Image.new("RGB", (40, 30))] * 2).to(_META)
        tokens = encode_image_tokens(network.model, pixels)
        coca = cacheable(network.model)
        assert coca is not None
        decoder = (
            CachedDecoder(coca, tokens, 9)
            if kind == "cached"
            else PrefixDecoder(network.model, tokens)
        )
        # What is hidden is asked of the values, of which this device has none.
        monkeypatch.setattr(decoder, "_has_hidden", True, raising=False)
        for _ in range(3):
            logits = decoder.next_logits(torch.zeros(2, dtype=torch.long, device=_META))
            assert logits.device == _META and logits.shape[0] == 2
            decoder.select(torch.zeros(2, dtype=torch.long, device=_META))


def test_the_search_gets_its_logits_back() -> None:
    class Decoder:
        def __init__(self) -> None:
            self.devices: list[torch.device] = []

        def next_logits(self, tokens: Tensor) -> Tensor:
            self.devices.append(tokens.device)
            return torch.ones(2, 3)

        def select(self, rows: Tensor) -> None:
            self.devices.append(rows.device)

    inner = Decoder()
    outer = OffDevice(inner, _META)
    assert outer.next_logits(torch.zeros(2, dtype=torch.long)).device.type == "cpu"
    outer.select(torch.zeros(2, dtype=torch.long))
    assert inner.devices == [_META, _META]
