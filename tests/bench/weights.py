"""Fixed random weights of ViT-B-32 in a file: real weights cannot be had everywhere."""

from __future__ import annotations

import logging
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import torch

from pipelines.vision.compat import import_open_clip

ARCHITECTURE = "ViT-B-32"
_SEED = 20_261


def make_weights(folder: Path) -> Path:
    """Writes the weights, or returns the file that exists; 600 MB.

    A process of its own draws them: a process in which torch has run threads must not be forked,
    since in its children they never answer.
    """
    path = folder / "vit-b-32-random.pt"
    if not path.exists():
        with ProcessPoolExecutor(1, get_context("spawn")) as pool:
            pool.submit(_write, path).result()
    return path


def _write(path: Path) -> None:
    logging.disable(logging.WARNING)  # open_clip warns of random weights, which are wanted here
    torch.manual_seed(_SEED)
    model = import_open_clip().create_model(ARCHITECTURE, pretrained=None)
    torch.save(model.state_dict(), path)
