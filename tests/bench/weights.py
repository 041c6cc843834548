"""Fixed random weights of ViT-B-32 in a file: real weights cannot be had everywhere."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from pipelines.vision.compat import import_open_clip

ARCHITECTURE = "ViT-B-32"
_SEED = 20_261


def make_weights(folder: Path) -> Path:
    """Writes the weights, or returns the file that exists; 600 MB."""
    path = folder / "vit-b-32-random.pt"
    if not path.exists():
        logging.disable(logging.WARNING)  # open_clip warns of random weights, which are wanted here
        torch.manual_seed(_SEED)
        model = import_open_clip().create_model(ARCHITECTURE, pretrained=None)
        logging.disable(logging.NOTSET)
        torch.save(model.state_dict(), path)
    return path
