"""Finds out whether there is a GPU, and chooses a model's precision on it, in processes of its own.

CUDA cannot be used in a process that was forked from one that has used it. So the command that
starts workers never touches it: it asks a process that ends at once.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

from pipelines.process.isolated import python_command
from pipelines.vision.models import CUDA, FP32, ModelRef, parse_model
from pipelines.vision.precision import MIN_COSINE, ChosenPrecision
from schemas.errors import InputError, RunError

# Where there is none of these, no driver is loaded, and torch need not be asked.
_DRIVERS = ("/proc/driver/nvidia/version", "/dev/nvidiactl", "/dev/dxg")
_TIMEOUT_S = 600


@lru_cache(maxsize=1)
def cuda_available() -> bool:
    """Whether torch can compute on a GPU here; the calling process does not touch CUDA."""
    if sys.platform == "linux" and not any(Path(path).exists() for path in _DRIVERS):
        return False
    return _ask("available") == "True"


def check_cuda(device: str, available: Callable[[], bool] = cuda_available) -> None:
    """Checks that there is a GPU if a deal requires one.

    Args:
        device: The deal's `models.device`.
        available: Whether there is one.

    Raises:
        InputError: If there is none.
    """
    if device == CUDA and not available():
        raise InputError(
            "The deal requires a GPU, and torch finds none on this machine",
            'models.device = "cuda"',
            "Run it on a machine with an NVIDIA GPU, its driver and a CUDA build of torch, or use "
            '"auto" or "cpu".',
        )


def choose_on_cuda(
    ref: ModelRef, compare: Callable[[ModelRef], tuple[str, float]] | None = None
) -> ChosenPrecision:
    """Chooses the precision of a model on this machine's GPU.

    Args:
        ref: The model; its own precision is ignored.
        compare: Returns the GPU's short precision, and the least cosine of the model's outputs in
            it and in fp32.

    Raises:
        RunError: If the comparison ends with an error.
    """
    short, cosine = (compare or _compare)(ref)
    compared = f"{short} agrees with fp32 to a cosine of {cosine:.5f}, and {MIN_COSINE} is needed"
    # Written so that a cosine that is not a number is too small.
    chosen = short if cosine >= MIN_COSINE else FP32
    return ChosenPrecision(f"{CUDA}-{chosen}", f"there is a GPU; {compared}")


def _compare(ref: ModelRef) -> tuple[str, float]:
    short, cosine = json.loads(_ask("compare", ref.name))
    return str(short), float(cosine)


def _ask(*arguments: str) -> str:
    """Returns what a process of its own answers."""
    done = subprocess.run(
        python_command(__name__, *arguments),
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_S,
        check=False,
    )
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise RunError(
            "The GPU cannot be used",
            lines[-1][:300],
            'Fix the driver or the build of torch, or give models.device = "cpu".',
        )
    return done.stdout.strip().splitlines()[-1]


def main() -> None:
    """Answers one question, and ends."""
    import torch

    if sys.argv[1] == "available":
        sys.stdout.write(str(torch.cuda.is_available()))
        return
    from pipelines.vision.agreement import least_cosine, outputs
    from pipelines.vision.loading import in_precision, open_network

    short = "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    ref = parse_model(sys.argv[2], f"{CUDA}-{FP32}")
    network = open_network(ref)
    expected = outputs(network)
    found = outputs(in_precision(network, f"{CUDA}-{short}"))
    sys.stdout.write(json.dumps([short, least_cosine(expected, found)]))
