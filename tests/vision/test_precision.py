"""Which precision is chosen: bf16 only with units for it and results that agree with fp32."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from pipelines.vision import demo_network
from pipelines.vision.agreement import least_cosine, outputs
from pipelines.vision.loading import in_precision, open_network
from pipelines.vision.models import ModelRef, parse_model
from pipelines.vision.precision import (
    MIN_COSINE,
    bf16_cosine,
    choose_precision,
    has_bf16_units,
)

WEIGHTS = demo_network.FOLDER / demo_network.WEIGHTS_NAME


@pytest.fixture
def model() -> ModelRef:
    """Returns a model that is not taken for the demonstration model, with the same weights."""
    return parse_model(f"fairshard-demo:{WEIGHTS}")


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    assert torch.get_num_threads() == 2
    torch.set_num_threads(before)


def never(*_: object) -> Any:
    raise AssertionError("this must not be asked")


def test_bf16_needs_units_and_agreement(model: ModelRef) -> None:
    chosen = choose_precision(model, lambda: True, lambda _: 0.99991)
    assert (chosen.precision, "0.99991" in chosen.reason) == ("bf16", True)
    assert choose_precision(model, lambda: True, lambda _: MIN_COSINE).precision == "bf16"


def test_without_units_no_model_is_loaded(model: ModelRef) -> None:
    chosen = choose_precision(model, lambda: False, never)
    assert (chosen.precision, "no units" in chosen.reason) == ("fp32", True)


@pytest.mark.parametrize("cosine", [0.99899, 0.0, -1.0, math.nan])
def test_a_model_that_disagrees_stays_in_fp32(model: ModelRef, cosine: float) -> None:
    chosen = choose_precision(model, lambda: True, lambda _: cosine)
    assert chosen.precision == "fp32"
    assert f"{cosine:.5f}" in chosen.reason and str(MIN_COSINE) in chosen.reason


def test_the_demonstration_model_stays_in_fp32(demo_model: ModelRef) -> None:
    chosen = choose_precision(demo_model, never, never)
    assert (chosen.precision, "same bytes" in chosen.reason) == ("fp32", True)


def test_units_are_those_that_torch_sees(monkeypatch: pytest.MonkeyPatch) -> None:
    for capabilities, expected in (
        ({"avx512_bf16": True}, True),
        ({"amx_bf16": True, "avx512_bf16": False}, True),
        ({"avx512_bf16": False, "avx512_f": True}, False),
        ({}, False),
    ):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found)
        assert has_bf16_units() is expected


def test_a_model_agrees_with_itself_and_nearly_in_bf16(model: ModelRef) -> None:
    found = outputs(open_network(model))
    assert least_cosine(found, found) == pytest.approx(1.0, abs=1e-6)
    assert 0.99 < bf16_cosine(model) < 0.9999999


@pytest.mark.parametrize("part", ["visual.proj", "text.text_projection", "text_decoder.ln_final"])
def test_each_part_of_a_model_is_compared(model: ModelRef, tmp_path: Path, part: str) -> None:
    """Pictures, texts and captions: weights that differ in one of them are noticed."""
    weights = load_file(WEIGHTS)
    names = [name for name in weights if name.startswith(part)]
    assert names
    for name in names:
        weights[name] = weights[name].flip(0)
    save_file(weights, tmp_path / "w.safetensors")
    other = parse_model(f"fairshard-demo:{tmp_path}/w.safetensors")
    assert least_cosine(outputs(open_network(model)), outputs(open_network(other))) < 0.99


def test_a_converted_model_is_the_one_that_is_loaded_in_bf16(model: ModelRef) -> None:
    loaded = open_network(parse_model(model.name, "bf16"))
    converted = in_precision(open_network(model), "bf16")
    assert converted.identity == loaded.identity
    for one, other in zip(outputs(converted), outputs(loaded), strict=True):
        assert torch.equal(one, other)
