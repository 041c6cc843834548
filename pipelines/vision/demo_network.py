"""Registers the demonstration model's architecture and tokenizer with open_clip."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, cast

from pipelines.vision.compat import Tokenizer, import_open_clip

if TYPE_CHECKING:
    from torch import nn

FOLDER = Path(__file__).parent / "demo_model"
ARCHITECTURE = "fairshard-demo"
WEIGHTS_NAME = "fairshard-demo.safetensors"
CONFIG = FOLDER / f"{ARCHITECTURE}.json"
VOCABULARY = FOLDER / "fairshard-demo-bpe.txt.gz"
TAG_VOCABULARY = FOLDER / "vocabulary.toml"
# open_clip's defaults, repeated here because training does its own normalisation.
MEAN = (0.48145466, 0.4578275, 0.40821073)
STD = (0.26862954, 0.26130258, 0.27577711)


def config() -> dict[str, object]:
    """Returns the architecture's configuration, without importing open_clip."""
    return cast(dict[str, object], json.loads(CONFIG.read_text(encoding="utf-8")))


def register() -> None:
    """Registers the architecture with open_clip, unless it is registered already."""
    open_clip = import_open_clip()
    if ARCHITECTURE not in open_clip.list_models():
        open_clip.add_model_config(CONFIG)


def build() -> nn.Module:
    """Builds the network with random weights, for training only."""
    from torch import nn

    register()
    open_clip = import_open_clip()
    settings = config()
    settings.pop("custom_text")
    model = open_clip.CoCa(**settings)
    # open_clip leaves this matrix uninitialised.
    out = model.text_decoder.text_projection
    nn.init.normal_(out, std=out.shape[0] ** -0.5)
    return cast(nn.Module, model)


def tokenizer() -> Tokenizer:
    """Returns the tokenizer with the demonstration model's vocabulary."""
    register()
    return cast(Tokenizer, import_open_clip().get_tokenizer(ARCHITECTURE, bpe_path=str(VOCABULARY)))
