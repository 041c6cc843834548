"""Loads each model once per process, for inference only."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pickle import UnpicklingError
from typing import Any, cast

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import init
from torch.overrides import TorchFunctionMode

from pipelines.vision import demo_network
from pipelines.vision.compat import Model, Tokenizer, import_open_clip
from pipelines.vision.models import (
    BF16,
    CUDA,
    FP16,
    FP32,
    ModelRef,
    identity,
    tag_settings,
    weights_file,
)
from pipelines.vision.preprocess import Preprocess
from schemas.errors import InputError

_DTYPES = {FP32: torch.float32, BF16: torch.bfloat16, FP16: torch.float16}
_MOST_KEPT = 4
_kept: dict[tuple[ModelRef, str], Network] = {}  # by reference and identity, oldest first
# The first three see that they are intercepted, and what they call then is not.
_RANDOM = frozenset(
    {
        init.uniform_,
        init.normal_,
        init.kaiming_uniform_,
        Tensor.uniform_,
        Tensor.normal_,
    }
)
_PREPROCESSING_KEYS = ("mean", "std", "interpolation", "resize_mode")


@dataclass(frozen=True)
class Network:
    """A loaded model with its preprocessing and tokenizer."""

    ref: ModelRef
    identity: str
    model: Model
    preprocess: Preprocess
    tokenizer: Tokenizer
    dtype: torch.dtype  # of the image tower's input
    device: torch.device

    @property
    def context_length(self) -> int:
        """The number of tokens in a text, start and end tokens included."""
        encoded: Tensor = self.tokenizer([""])
        return encoded.shape[1]


def load_network(ref: ModelRef, threads: int) -> Network:
    """Loads a model, or returns the one of the same weights that this process has loaded.

    Args:
        ref: The model; call `check_model` on it first, which gives more specific messages.
        threads: Number of torch threads, for the whole process. Results are bit-identical only
            for the same number.

    Raises:
        InputError: The weights are unavailable, damaged or of another architecture.
    """
    torch.set_num_threads(threads)
    network = _kept.get((ref, identity(ref)))
    if network is None:
        network = open_network(ref)
        keep_network(network)
    return network


def keep_network(network: Network) -> None:
    """Keeps a network for `load_network`; of more than four, the first is dropped."""
    _kept[network.ref, network.identity] = network
    if len(_kept) > _MOST_KEPT:
        del _kept[next(iter(_kept))]


def open_network(ref: ModelRef) -> Network:
    """Loads a model, without keeping it for later.

    Raises:
        InputError: The weights are unavailable, damaged or of another architecture.
    """
    model_id = identity(ref)
    if ref.device == CUDA and not torch.cuda.is_available():
        raise InputError(
            "The model must run on a GPU, and torch finds none on this machine",
            f"{ref.name} in {ref.precision}",
            'Run every worker on a machine with a GPU, or set models.device = "cpu".',
        )
    demo_network.register()
    path = str(weights_file(ref))
    try:
        model = _create(ref, path)
    # The errors that loaders raise for a file that is not a checkpoint or is another model's.
    except (
        RuntimeError,
        ValueError,
        KeyError,
        EOFError,
        AttributeError,
        UnpicklingError,
        SafetensorError,
        zipfile.BadZipFile,
    ) as error:
        raise InputError(
            "The weights do not fit the model or are damaged",
            f"{ref.name} ({_first_line(error)})",
            "Check that the file is complete and belongs to this architecture",
        ) from error
    device, preprocess = torch.device(ref.device), Preprocess(model)
    model = cast(Model, cast(nn.Module, model).to(device))
    dtype = _DTYPES[ref.numbers]
    return Network(ref, model_id, model, preprocess, _tokenizer(ref), dtype, device)


def in_precision(network: Network, precision: str) -> Network:
    """Returns a network as if it had been loaded in a precision; the given one is converted."""
    ref = replace(network.ref, precision=precision)
    dtype = _DTYPES[ref.numbers]
    model = cast(Model, cast(nn.Module, network.model).to(dtype))
    return replace(network, ref=ref, identity=identity(ref), model=model, dtype=dtype)


def _create(ref: ModelRef, path: str) -> Model:
    open_clip = import_open_clip()
    settings = tag_settings(ref)
    options: dict[str, Any] = {
        # The whole network in bf16: open_clip's "bf16" keeps some parts in fp32.
        "precision": ref.numbers if ref.numbers == FP32 else f"pure_{ref.numbers}",
        "require_pretrained": True,
        "weights_only": True,
    }
    if ref.kind == "dir":
        model = open_clip.create_model(f"local-dir:{ref.weights}", **options)
        return _for_inference(model)
    # A tag's weights are loaded from their file, so that a cached tag needs no network. The other
    # settings that open_clip would take from the tag are passed explicitly.
    if settings.get("quick_gelu"):
        options["force_quick_gelu"] = True
    options["force_preprocess_cfg"] = {k: settings[k] for k in _PREPROCESSING_KEYS if k in settings}
    with _WithoutRandomNumbers():
        model = open_clip.create_model(ref.architecture, pretrained=path, **options)
    return _for_inference(model)


class _WithoutRandomNumbers(TorchFunctionMode):
    """Leaves out the random numbers that a new network starts with: weights replace all of them.

    Drawing them takes more than half of the time that loading a model takes. open_clip refuses
    weights that do not replace each parameter.
    """

    def __torch_function__(
        self,
        function: Callable[..., object],
        types: Iterable[type],
        arguments: Sequence[object] = (),
        options: Mapping[str, object] | None = None,
    ) -> object:
        options = options or {}
        if function in _RANDOM:
            return arguments[0] if arguments else options["tensor"]
        return function(*arguments, **options)


def _for_inference(model: nn.Module) -> Model:
    """Puts a network into inference mode: no dropout, no gradients."""
    return cast(Model, model.eval().requires_grad_(False))


def _tokenizer(ref: ModelRef) -> Tokenizer:
    if ref.architecture == demo_network.ARCHITECTURE:
        return demo_network.tokenizer()
    name = f"local-dir:{ref.weights}" if ref.kind == "dir" else ref.architecture
    return cast(Tokenizer, import_open_clip().get_tokenizer(name))


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines() or [type(error).__name__]
    return lines[0][:200]
