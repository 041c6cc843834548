"""The precision of a run's models is decided once for an output, whatever machine goes on."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipelines.features.store import open_feature_store
from pipelines.run.models import check_models, resolve_models
from pipelines.storage.local_store import LocalStore
from pipelines.vision import demo_network
from pipelines.vision.demo_network import TAG_VOCABULARY
from pipelines.vision.models import ModelRef, identity, parse_model
from pipelines.vision.precision import ChosenPrecision
from schemas.deal import Deal, parse_deal
from schemas.errors import InputError, RunError
from tests.schemas.deal_cases import LEAST

WEIGHTS = demo_network.FOLDER / demo_network.WEIGHTS_NAME


@pytest.fixture
def name(tmp_path: Path) -> str:
    """Returns the name of a model with a file of its own; it is not the demonstration model."""
    shutil.copy(WEIGHTS, tmp_path / "w.safetensors")
    return f"fairshard-demo:{tmp_path}/w.safetensors"


@pytest.fixture
def store(tmp_path: Path) -> LocalStore:
    return LocalStore(str(tmp_path / "out"))


def deal_with(**models: str) -> Deal:
    lines = "".join(f'{key} = "{value}"\n' for key, value in models.items())
    return parse_deal(f"{LEAST}\n[models]\n{lines}", "deal.toml")


def always(precision: str) -> Callable[[ModelRef], ChosenPrecision]:
    return lambda ref: ChosenPrecision("fp32" if ref.is_demo else precision, "it was so")


def only_demo(ref: ModelRef) -> ChosenPrecision:
    return always("fp32")(ref) if ref.is_demo else never(ref)


def never(ref: ModelRef) -> ChosenPrecision:
    raise AssertionError(f"{ref.name} must not be decided on")


def records(store: LocalStore) -> list[Any]:
    found = store.list("agency/features")
    return [json.loads(store.read_bytes(one.key)) for one in found if "/precision-" in one.key]


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_another_machine_keeps_what_was_decided(
    name: str, store: LocalStore, precision: str
) -> None:
    deal = deal_with(clip=name)
    first = resolve_models(deal, store, always(precision))
    assert first.clip_precision == precision
    assert first.clip_id == identity(parse_model(name, precision))
    assert f"{name} in {precision}: it was so" in first.precision_notes
    again = resolve_models(deal, store, only_demo)
    assert (again.clip_id, again.clip_precision) == (first.clip_id, precision)
    assert any("by the first run in this output" in note for note in again.precision_notes)
    (record,) = records(store)
    assert record["precision"] == precision and record["model"].endswith("@fp32")


def test_a_record_that_another_run_wrote_meanwhile_counts(name: str, store: LocalStore) -> None:
    def late(ref: ModelRef) -> ChosenPrecision:
        if not ref.is_demo:
            resolve_models(deal_with(clip=name), store, always("fp32"))
        return ChosenPrecision("fp32" if ref.is_demo else "bf16", "mine")

    assert resolve_models(deal_with(clip=name), store, late).clip_precision == "fp32"
    assert len(records(store)) == 1


@pytest.mark.parametrize(
    "damaged", [b"", b"{", b"[]", b"\xff", b"{}", b'{"precision": "fp64", "reason": "x"}']
)
def test_a_damaged_record_is_named(name: str, store: LocalStore, damaged: bytes) -> None:
    deal = deal_with(clip=name)
    resolve_models(deal, store, always("fp32"))
    (key,) = (one.key for one in store.list("agency/features") if "/precision-" in one.key)
    store.write_bytes(key, damaged)
    with pytest.raises(RunError, match="precision") as caught:
        resolve_models(deal, store, always("fp32"))
    assert key in caught.value.which


def test_features_in_fp32_are_used_further(name: str, store: LocalStore) -> None:
    """An output of an earlier release would otherwise have all its features computed again."""
    fp32 = identity(parse_model(name))
    features = open_feature_store(store, fp32, identity(parse_model("demo")), "reader")
    features.embeddings.save(0, 1, [{"media_sha256": "0" * 64, "embedding": [1.0]}])
    models = resolve_models(deal_with(clip=name), store, always("bf16"))
    assert (models.clip_id, models.clip_precision) == (fp32, "fp32")


def test_captions_in_fp32_are_used_further(name: str, store: LocalStore) -> None:
    clip, captioner = identity(parse_model("demo")), identity(parse_model(name))
    features = open_feature_store(store, clip, captioner, "reader")
    row = {"caption": "x", "text_embedding": [1.0], "clip_score": 0.5, "shots": []}
    features.captions.save(0, 1, [{"media_sha256": "0" * 64, **row}])  # type: ignore[typeddict-item]
    models = resolve_models(deal_with(captioner=name), store, always("bf16"))
    assert (models.captioner_id, models.captioner_precision) == (captioner, "fp32")


def test_other_weights_under_the_same_name_are_decided_on_anew(
    name: str, store: LocalStore
) -> None:
    deal = deal_with(clip=name)
    assert resolve_models(deal, store, always("fp32")).clip_precision == "fp32"
    path = Path(name.partition(":")[2])
    changed = bytearray(path.read_bytes())
    changed[-1] ^= 1
    path.write_bytes(changed)
    assert resolve_models(deal, store, always("bf16")).clip_precision == "bf16"


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_the_deal_decides_for_both_models(name: str, store: LocalStore, precision: str) -> None:
    models = resolve_models(deal_with(clip=name, precision=precision), store, never)
    assert (models.clip_precision, models.captioner_precision) == (precision, precision)
    assert models.captioner_id == identity(parse_model("demo", precision))
    assert records(store) == []


def test_the_demonstration_model_leaves_no_record(store: LocalStore) -> None:
    models = resolve_models(deal_with(), store)
    assert (models.clip_precision, models.captioner_precision) == ("fp32", "fp32")
    assert len(models.precision_notes) == 1
    assert store.list("agency/features") == []


def test_one_model_in_both_roles_is_decided_on_once(name: str, store: LocalStore) -> None:
    asked: list[str] = []

    def choose(ref: ModelRef) -> ChosenPrecision:
        asked.append(ref.name)
        return ChosenPrecision("bf16", "it was so")

    models = resolve_models(deal_with(clip=name, captioner=name), store, choose)
    assert asked == [name]
    assert models.clip_id == models.captioner_id


def test_other_precisions_are_refused() -> None:
    with pytest.raises(InputError) as caught:
        deal_with(precision="fp16")
    assert "models.precision" in str(caught.value) and "'bf16'" in str(caught.value)


def test_a_captioner_behind_an_address_has_no_precision(store: LocalStore, name: str) -> None:
    text = f"""{LEAST}
[models]
clip = "{name}"
captioner = "https://vlm.example/v1#m"
[captions]
language = "de"
endpoint.hosts = ["vlm.example"]
"""
    models = resolve_models(parse_deal(text, "deal.toml"), store, always("fp32"))
    assert models.captioner_id.startswith("m@-@sha256-") and models.caption_language == "de"
    assert len(models.precision_notes) == 1 and not models.demonstration


def test_the_vocabulary_is_the_deals_or_the_one_for_the_model(
    store: LocalStore, name: str, tmp_path: Path
) -> None:
    demo = resolve_models(deal_with(), store)
    other = resolve_models(deal_with(clip=name), store, always("fp32"))
    assert demo.vocabulary_id.startswith("demo@") and other.vocabulary_id.startswith("general@")
    path = tmp_path / "own.toml"
    path.write_text(TAG_VOCABULARY.read_text().replace('"demo"', '"own"'), encoding="utf-8")
    deal = parse_deal(f'{LEAST}captions.vocabulary = "{path}"\n', "deal.toml")
    assert resolve_models(deal, store).vocabulary_id.startswith("own@")
    path.write_text("nothing")
    with pytest.raises(InputError, match="The vocabulary cannot be used"):
        check_models(deal)


def test_a_captioner_that_no_package_provides_is_refused_before_a_run() -> None:
    with pytest.raises(InputError, match="No captioner is installed") as caught:
        check_models(deal_with(captioner="plugin:absent"))
    assert "plugin:absent" in str(caught.value)


def test_a_vocabulary_that_is_not_there_is_looked_for_where_the_command_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    deal = parse_deal(f'{LEAST}\n[captions]\nvocabulary = "v/none.toml"\n', "deal.toml")
    with pytest.raises(InputError) as caught:
        check_models(deal)
    assert f"v/none.toml: No such file or directory; looked for in {tmp_path}" in str(caught.value)
    assert "Errno" not in str(caught.value)
