"""Which models a run uses, and in which precision: decided once for an output, then recorded there.

A worker or a later run on another machine could decide otherwise, and would then compute all
features again. So the command decides, workers are told, and later runs read the record.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from pipelines.media.shot_rules import SHOTS_MODEL
from pipelines.run.job import Models
from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from pipelines.vision.captioner_http import check_endpoint, is_endpoint, parse_endpoint
from pipelines.vision.cuda import check_cuda, choose_on_cuda, cuda_available
from pipelines.vision.demo_network import TAG_VOCABULARY as DEMO_VOCABULARY
from pipelines.vision.external import is_external, load_external
from pipelines.vision.models import (
    CUDA,
    FP32,
    PRECISIONS,
    ModelRef,
    check_model,
    identity,
    parse_model,
)
from pipelines.vision.precision import ChosenPrecision, choose_precision
from pipelines.vision.vocabulary import GENERAL, Vocabulary, load_vocabulary
from schemas import layout
from schemas.deal import Deal
from schemas.errors import InputError, RunError

Choose = Callable[[ModelRef], ChosenPrecision]


def check_models(deal: Deal) -> None:
    """Checks that the models that the deal names are available, without loading weights.

    Raises:
        InputError: If a model is unknown, its weights cannot be found, or no package provides it.
    """
    check_cuda(deal.models.device)
    check_model(parse_model(deal.models.clip), "encoder")
    name = deal.models.captioner
    if is_endpoint(name):
        check_endpoint(parse_endpoint(name, deal.captions.endpoint))
    elif is_external(name):
        load_external(name, deal.captions.endpoint)
    else:
        check_model(parse_model(name), "captioner")
    read_vocabulary(deal)


def read_vocabulary(deal: Deal) -> Vocabulary:
    """Returns the vocabulary that the deal names, or the one of the package for its model.

    Raises:
        InputError: If it cannot be read or is not valid.
    """
    if deal.captions.vocabulary:
        return load_vocabulary(Path(deal.captions.vocabulary))
    # The demonstration model knows no words but those of its own pictures.
    is_demo = parse_model(deal.models.clip).is_demo
    return load_vocabulary(DEMO_VOCABULARY if is_demo else GENERAL)


def captions_model(captioner_id: str, clip_id: str) -> str:
    """Returns the identity under which captions are stored; their scores depend on both models."""
    return f"{captioner_id} scored by {clip_id} in {SHOTS_MODEL}"


def scores_model(clip_id: str) -> str:
    """Returns the identity under which texts' scores are stored, with the texts' vectors."""
    return f"{clip_id} with vectors"


def tags_model(vocabulary_id: str, clip_id: str) -> str:
    """Returns the identity under which a vocabulary's vectors, and media's tags, are stored."""
    return f"{vocabulary_id} by {clip_id}"


@dataclass(frozen=True)
class Gpu:
    """What is asked about this machine's GPU.

    Attributes:
        available: Whether there is one.
        choose: Chooses the precision of a model on it.
    """

    available: Callable[[], bool] = cuda_available
    choose: Choose = choose_on_cuda


def resolve_models(
    deal: Deal, store: Store, choose: Choose = choose_precision, gpu: Gpu | None = None
) -> Models:
    """Returns the models that the deal names, and the precision of each.

    Args:
        deal: The deal.
        store: The output store, in which the choice is recorded.
        choose: Chooses the precision of a model on this machine's processor.
        gpu: What is asked about its GPU.

    Raises:
        InputError: If a model is unknown, its weights cannot be found, or it needs a GPU that is
            not there.
        RunError: If the record of an earlier choice is damaged.
    """
    gpu = gpu or Gpu()
    clip = parse_model(deal.models.clip)
    clip_choice = _precision(deal, store, clip, choose, gpu, "embeddings", identity(clip))
    clip_id = identity(replace(clip, precision=clip_choice.precision))
    models = Models(
        clip=deal.models.clip,
        clip_id=clip_id,
        captioner=deal.models.captioner,
        captioner_id="",
        demonstration=clip.is_demo,
        clip_precision=clip_choice.precision,
        caption_language=deal.captions.language,
        vocabulary=read_vocabulary(deal),
        endpoint=deal.captions.endpoint,
    )
    choices = {deal.models.clip: clip_choice}
    if is_external(deal.models.captioner):
        captioner_id = load_external(deal.models.captioner, deal.captions.endpoint).identity
        return replace(models, captioner_id=captioner_id, precision_notes=_notes(choices))
    captioner = parse_model(deal.models.captioner)
    stored = captions_model(identity(captioner), clip_id)
    captioner_choice = (
        clip_choice
        if captioner == clip
        else _precision(deal, store, captioner, choose, gpu, "captions", stored)
    )
    choices[deal.models.captioner] = captioner_choice
    return replace(
        models,
        captioner_id=identity(replace(captioner, precision=captioner_choice.precision)),
        demonstration=clip.is_demo or captioner.is_demo,
        captioner_precision=captioner_choice.precision,
        precision_notes=_notes(choices),
    )


def _notes(choices: Mapping[str, ChosenPrecision]) -> tuple[str, ...]:
    return tuple(
        f"{name} in {choice.precision}: {choice.reason}" for name, choice in choices.items()
    )


def _precision(
    deal: Deal, store: Store, ref: ModelRef, choose: Choose, gpu: Gpu, kind: str, stored: str
) -> ChosenPrecision:
    """Returns a model's precision: the deal's, the recorded one, or else one chosen and recorded.

    Args:
        deal: The deal.
        store: The output store.
        ref: The model.
        choose: Chooses on this machine's processor.
        gpu: Likewise its GPU.
        kind: The kind of features that the model computes.
        stored: The identity under which they are stored in fp32.
    """
    asked, device = deal.models.precision, deal.models.device
    check_cuda(device, gpu.available)
    # The demonstration model gives the same bytes everywhere, unless the deal says otherwise.
    on_gpu = device == CUDA or (device == "auto" and not ref.is_demo and gpu.available())
    if asked != "auto":
        said = "the deal says so"
        return ChosenPrecision(f"{CUDA}-{asked}" if on_gpu else asked, said)
    if ref.is_demo:
        return ChosenPrecision(f"{CUDA}-{FP32}", "the deal says so") if on_gpu else choose(ref)
    key = _record_key(ref)
    if not store.exists(key):
        chosen = ChosenPrecision(FP32, "this output has features of it in fp32")
        if device == CUDA or not store.list(layout.features_prefix(kind, stored)):
            chosen = gpu.choose(ref) if on_gpu else choose(ref)
        if _record(store, key, ref, chosen):
            return chosen
    # Another run may have recorded its choice at the same time; the record counts.
    found = _recorded(store, key)
    is_of_gpu = found.precision.startswith(f"{CUDA}-")
    if device != "auto" and is_of_gpu != on_gpu:
        return _recorded_or_chosen(store, ref, gpu.choose if on_gpu else choose, device)
    if is_of_gpu and not on_gpu:
        raise InputError(
            "This output has features that were computed on a GPU, and this machine has none",
            f"{ref.name} in {found.precision}",
            'Run it on a machine with a GPU, or set models.device = "cpu": features are then '
            "computed again, and not mixed.",
        )
    return found


def _recorded_or_chosen(
    store: Store, ref: ModelRef, choose: Choose, device: str
) -> ChosenPrecision:
    """Returns the precision that is recorded for a device that the deal names, or chooses it."""
    key = _record_key(ref, device)
    if not store.exists(key):
        chosen = choose(ref)
        if _record(store, key, ref, chosen):
            return chosen
    return _recorded(store, key)


def _record_key(ref: ModelRef, device: str = "") -> str:
    model = identity(ref).removesuffix(f"@{FP32}") + (f"@{device}" if device else "")
    return f"{layout.features_prefix('precision', model)}.json"


def _record(store: Store, key: str, ref: ModelRef, chosen: ChosenPrecision) -> bool:
    """Records a choice; returns whether none was recorded before."""
    record = {"model": identity(ref), "precision": chosen.precision, "reason": chosen.reason}
    return store.write_new(key, json_bytes(record))


def _recorded(store: Store, key: str) -> ChosenPrecision:
    """Returns the precision that a run recorded.

    Raises:
        RunError: The record is damaged.
    """
    try:
        record = read_json(store, key)
        precision, why = str(record["precision"]), str(record["reason"])
        if precision not in PRECISIONS:
            raise ValueError(f"precision is {precision[:40]!r}")
    except (ValueError, KeyError, TypeError) as error:
        raise RunError(
            "The record of a model's precision is damaged",
            f"{store.uri}/{key}: {error}"[:300],
            "Remove this file, and the next run chooses again; or set models.precision, so that "
            "features that are stored in it are used.",
        ) from error
    return ChosenPrecision(precision, f"chosen by the first run in this output, since {why}")
