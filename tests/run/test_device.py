"""What computes a run's models: decided once for an output, and never mixed. There is no GPU here:
what is asked about one is put in the place of the question.
"""

from __future__ import annotations

import json

import pytest

from pipelines.run.models import Gpu, check_models, resolve_models
from pipelines.storage.local_store import LocalStore
from pipelines.vision.models import ModelRef, identity, parse_model
from pipelines.vision.precision import ChosenPrecision
from schemas.errors import InputError
from tests.run.test_models import always, deal_with, name, never, only_demo, store

__all__ = ["name", "store"]


def gpu(there: bool, precision: str = "cuda-bf16") -> Gpu:
    def choose(ref: ModelRef) -> ChosenPrecision:
        assert there, "a GPU that is not there must not be asked"
        return ChosenPrecision(precision, "there is a GPU")

    return Gpu(lambda: there, choose)


@pytest.mark.parametrize(
    ("device", "there", "expected"),
    [
        ("auto", True, "cuda-bf16"),
        ("auto", False, "bf16"),
        ("cuda", True, "cuda-bf16"),
        ("cpu", True, "bf16"),
        ("cpu", False, "bf16"),
    ],
)
def test_the_device_is_part_of_the_identity(
    name: str, store: LocalStore, device: str, there: bool, expected: str
) -> None:
    deal = deal_with(clip=name, captioner=name, device=device)
    found = resolve_models(deal, store, always("bf16"), gpu(there))
    assert (found.clip_precision, found.captioner_precision) == (expected, expected)
    assert found.clip_id == identity(parse_model(name, expected))
    assert found.clip_id.endswith(f"@{expected}") and found.captioner_id == found.clip_id
    assert any(expected in note for note in found.precision_notes)
    again = resolve_models(deal, store, never, gpu(there))
    assert (again.clip_id, again.clip_precision) == (found.clip_id, expected)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_stated_precision_holds_on_the_gpu_too(
    name: str, store: LocalStore, precision: str
) -> None:
    deal = deal_with(clip=name, captioner=name, precision=precision)
    for there, expected in ((True, f"cuda-{precision}"), (False, precision)):
        found = resolve_models(deal, store, never, gpu(there))
        assert found.clip_precision == expected


def test_the_demonstration_model_stays_on_the_processor(store: LocalStore) -> None:
    assert resolve_models(deal_with(), store, gpu=gpu(True)).clip_precision == "fp32"
    asked = resolve_models(deal_with(device="cuda"), store, never, gpu(True))
    assert asked.clip_precision == "cuda-fp32"


def test_features_of_two_devices_are_not_mixed(name: str, store: LocalStore) -> None:
    resolve_models(deal_with(clip=name), store, only_demo, gpu(True))
    with pytest.raises(InputError, match="features that were computed on a GPU") as caught:
        resolve_models(deal_with(clip=name), store, only_demo, gpu(False))
    assert 'models.device = "cpu"' in caught.value.remedy
    own = resolve_models(deal_with(clip=name, device="cpu"), store, always("bf16"), gpu(False))
    assert own.clip_precision == "bf16"
    assert (
        resolve_models(deal_with(clip=name), store, only_demo, gpu(True)).clip_precision
        == "cuda-bf16"
    )


def test_an_output_that_began_on_a_processor_goes_on_there(name: str, store: LocalStore) -> None:
    resolve_models(deal_with(clip=name), store, always("bf16"), gpu(False))
    assert (
        resolve_models(deal_with(clip=name), store, only_demo, gpu(True)).clip_precision == "bf16"
    )
    moved = resolve_models(deal_with(clip=name, device="cuda"), store, only_demo, gpu(True))
    assert moved.clip_precision == "cuda-bf16"


def test_a_gpu_that_is_not_there_is_refused_before_the_run(
    name: str, store: LocalStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    deal = deal_with(clip=name, device="cuda")
    with pytest.raises(InputError, match="requires a GPU, and torch finds none"):
        resolve_models(deal, store, never, gpu(False))
    monkeypatch.setattr("pipelines.vision.cuda._DRIVERS", ())
    with pytest.raises(InputError, match=r'models\.device = "cuda"'):
        check_models(deal)


def test_the_device_is_no_term_unless_it_is_stated() -> None:
    plain, stated = deal_with(clip="demo"), deal_with(clip="demo", device="cpu")
    assert "device" not in json.loads(plain.terms_json())["models"]
    assert json.loads(stated.terms_json())["models"]["device"] == "cpu"
    with pytest.raises(InputError, match="device"):
        deal_with(device="tpu")
