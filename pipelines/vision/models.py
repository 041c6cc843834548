"""Parses model names, checks that the models are available, and computes their identities.

A model is always named with its weights. An architecture alone is not accepted, because open_clip
would then use random weights.
"""

from __future__ import annotations

import difflib
import importlib
import importlib.util
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from pipelines.vision import demo_network
from pipelines.vision.architectures import architecture_config, architectures
from pipelines.vision.weights import (
    digest_files,
    directory_config,
    directory_weights,
    locate_tag_weights,
    require_readable,
)
from schemas.errors import InputError

ModelRole = Literal["encoder", "captioner"]
WeightsKind = Literal["demo", "tag", "file", "dir"]
FP32, BF16, FP16 = "fp32", "bf16", "fp16"
CUDA = "cuda"
# What is computed on a GPU differs in the last bits, so that the device is part of the precision.
PRECISIONS = (FP32, BF16, *(f"{CUDA}-{one}" for one in (FP32, BF16, FP16)))
# Part of every identity; raise it when the same picture becomes another input of a model.
PIXELS_VERSION = "pixels-v2"
_LOCAL = "local-dir:"
_HUB = "hf-hub:"
_SUFFIXES = (".pt", ".pth", ".bin", ".safetensors", ".ckpt")
_NAME_SYNTAX = (
    "Give demo, Architecture:pretrained-tag, Architecture:/path/to/weights.safetensors"
    " or local-dir:/path"
)


@dataclass(frozen=True)
class ModelRef:
    """A parsed model name. It has not been checked whether the model exists.

    Args:
        name: The name as given.
        kind: Where the weights come from.
        architecture: open_clip's name; empty for `local-dir:`, whose folder contains it.
        weights: The tag, the file or the folder.
        precision: One of `PRECISIONS`: `fp32` or `bf16`, or on a GPU `cuda-fp32` and so on.
    """

    name: str
    kind: WeightsKind
    architecture: str
    weights: str
    precision: str = FP32

    @property
    def device(self) -> str:
        """What computes it: `cpu` or `cuda`."""
        return CUDA if self.precision.startswith(f"{CUDA}-") else "cpu"

    @property
    def numbers(self) -> str:
        """The form of its numbers: `fp32`, `bf16` or `fp16`."""
        return self.precision.removeprefix(f"{CUDA}-")

    @property
    def is_demo(self) -> bool:
        """Whether this is the small model that is included for the demo."""
        return self.kind == "demo"


def parse_model(name: str, precision: str = FP32) -> ModelRef:
    """Parses a model name.

    Args:
        name: `demo`, `Architecture:pretrained-tag`, `Architecture:/path/to/weights.pt` or
            `local-dir:/path`.
        precision: One of `PRECISIONS`.

    Raises:
        InputError: The name has none of these forms, or the precision is unknown.
    """
    if precision not in PRECISIONS:
        raise InputError("Unknown precision", precision, f"Use {' or '.join(PRECISIONS)}")
    text = name.strip()
    if text == "demo":
        path = demo_network.FOLDER / demo_network.WEIGHTS_NAME
        return ModelRef(text, "demo", demo_network.ARCHITECTURE, str(path), precision)
    if text.startswith(_HUB):
        raise InputError(
            "Hugging Face Hub names are not supported as model names",
            text,
            "Download the repository and give local-dir:/path",
        )
    if text.startswith(_LOCAL):
        return _parse_folder(text, precision)
    architecture, colon, weights = text.partition(":")
    if not architecture or not colon or not weights:
        raise InputError("A model needs a name and weights", repr(name), _NAME_SYNTAX)
    kind: WeightsKind = "file" if "/" in weights or weights.endswith(_SUFFIXES) else "tag"
    return ModelRef(text, kind, architecture.replace("/", "-"), weights, precision)


def _parse_folder(text: str, precision: str) -> ModelRef:
    folder = text.removeprefix(_LOCAL)
    if not folder:
        raise InputError("local-dir: without a folder", text, "Give local-dir:/path")
    return ModelRef(text, "dir", "", folder, precision)


def check_model(ref: ModelRef, role: ModelRole) -> None:
    """Checks that a model is available and suits its role, without loading it.

    Args:
        ref: The model.
        role: `captioner` needs an architecture with a text decoder.

    Raises:
        InputError: The architecture, tag, folder or file is unknown or unavailable, or the
            architecture cannot write captions.
    """
    config = _config(ref)
    if role == "captioner" and "multimodal_cfg" not in config:
        raise InputError(
            "This architecture cannot write captions",
            ref.name,
            f"Use demo or a CoCa model: {', '.join(_captioning_architectures())}",
        )
    text = config.get("text_cfg", {})
    if isinstance(text, dict) and (text.get("hf_model_name") or text.get("hf_tokenizer_name")):
        _require_transformers(ref)
    weights_file(ref)


def weights_file(ref: ModelRef) -> Path:
    """Returns the file that holds the weights; a tag's file is fetched if it is not cached.

    Raises:
        InputError: The file does not exist or cannot be fetched.
    """
    if ref.kind == "tag":
        return locate_tag_weights(ref.name, _tag_config(ref))
    if ref.kind == "dir":
        return directory_weights(Path(ref.weights))
    path = Path(ref.weights)
    require_readable(path)
    return path


def identity(ref: ModelRef) -> str:
    """Returns the id that features of this model carry: what their bits depend on.

    That is the model's name, the digest of its files, how pictures become its input, and its
    precision.

    The result is safe in file names: letters, digits, dots, hyphens, underscores and `@`.

    Raises:
        InputError: The weights are unavailable.
    """
    files = [weights_file(ref)]
    label = ref.architecture
    if ref.kind == "tag":
        label = f"{ref.architecture}.{ref.weights}"
    elif ref.kind == "dir":
        label = "local-dir"
        files.append(Path(ref.weights) / "open_clip_config.json")
    elif ref.architecture == demo_network.ARCHITECTURE:
        files += [demo_network.CONFIG, demo_network.VOCABULARY]
    safe = "".join(c if c.isalnum() or c in "._-" else "-" for c in label)
    return f"{safe}@sha256-{digest_files(files)}@{PIXELS_VERSION}@{ref.precision}"


def _config(ref: ModelRef) -> dict[str, object]:
    """Returns the architecture's configuration, after checking that its name and tag exist."""
    if ref.kind == "dir":
        return directory_config(Path(ref.weights))
    if ref.kind == "demo":
        return demo_network.config()
    known = architectures()
    if ref.architecture not in known:
        raise InputError(
            "Unknown model architecture",
            ref.architecture,
            _suggestions("Similar names", ref.architecture, known) or _NAME_SYNTAX,
        )
    if ref.kind == "tag":
        _tag_config(ref)
    return architecture_config(ref.architecture)


def _tag_config(ref: ModelRef) -> dict[str, object]:
    pretrained = importlib.import_module("open_clip.pretrained")  # without the rest of it
    found: dict[str, object] = pretrained.get_pretrained_cfg(ref.architecture, ref.weights)
    if not found:
        tags: list[str] = pretrained.list_pretrained_tags_by_model(ref.architecture)
        listed = (
            _suggestions("Similar tags", ref.weights, tags)
            or f"Its tags: {', '.join(tags) or 'none'}"
        )
        raise InputError(
            f"{ref.architecture} has no pretrained tag of this name",
            ref.weights,
            f"{listed}. For a file, give {ref.architecture}:/path/to/weights.safetensors",
        )
    return found


def tag_settings(ref: ModelRef) -> dict[str, object]:
    """Returns open_clip's settings of a tag (preprocessing, activation); else an empty dict."""
    return _tag_config(ref) if ref.kind == "tag" else {}


def _suggestions(title: str, wanted: str, known: Iterable[str]) -> str:
    by_lower = {name.lower(): name for name in known}
    near = difflib.get_close_matches(wanted.lower(), by_lower, n=4, cutoff=0.5)
    return f"{title}: {', '.join(by_lower[name] for name in near)}" if near else ""


def _captioning_architectures() -> list[str]:
    return [name for name in architectures() if name.startswith("coca_ViT")]


def _require_transformers(ref: ModelRef) -> None:
    if importlib.util.find_spec("transformers") is None:
        raise InputError(
            "This architecture's text tower needs the transformers package",
            ref.name,
            "Install transformers, or use an architecture with open_clip's own text tower",
        )
