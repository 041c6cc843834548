"""Chooses the precision of a model's numbers: bf16 where it is fast and agrees with fp32."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import cast

from pipelines.vision.models import BF16, FP32, ModelRef

#: The least cosine of a vector in bf16 and the same in fp32 with which bf16 is chosen.
MIN_COSINE = 0.999
_UNITS = ("avx512_bf16", "amx_bf16")


@dataclass(frozen=True)
class ChosenPrecision:
    """A precision and why it was chosen, as a clause after a comma or colon."""

    precision: str
    reason: str


def has_bf16_units() -> bool:
    """Tells whether this machine's processor multiplies bf16 numbers by instructions of its own."""
    import torch

    capabilities = cast("dict[str, object]", torch.cpu.get_capabilities())
    return any(capabilities.get(unit) is True for unit in _UNITS)


def bf16_cosine(ref: ModelRef) -> float:
    """Loads a model and returns the least cosine of its outputs in the two precisions.

    The model is kept in bf16 for `load_network` if the cosine suffices, so it is not loaded again.

    Raises:
        InputError: The weights are unavailable or do not fit.
    """
    from pipelines.vision.agreement import least_cosine, outputs
    from pipelines.vision.loading import in_precision, keep_network, open_network

    network = open_network(replace(ref, precision=FP32))
    expected = outputs(network)
    converted = in_precision(network, BF16)
    found = least_cosine(expected, outputs(converted))
    if found >= MIN_COSINE:
        keep_network(converted)
    return found


def choose_precision(
    ref: ModelRef,
    has_units: Callable[[], bool] = has_bf16_units,
    cosine: Callable[[ModelRef], float] = bf16_cosine,
) -> ChosenPrecision:
    """Chooses the precision of a model on this machine.

    Args:
        ref: The model; its own precision is ignored.
        has_units: Tells whether the processor has units for bf16.
        cosine: Returns the least cosine of the model's outputs in the two precisions.

    Raises:
        InputError: The weights are unavailable or do not fit.
    """
    if ref.is_demo:
        return ChosenPrecision(FP32, "the demonstration model gives the same bytes everywhere")
    if not has_units():
        return ChosenPrecision(FP32, "the processor has no units for bf16")
    found = cosine(ref)
    compared = f"bf16 agrees with fp32 to a cosine of {found:.5f}, and {MIN_COSINE} is needed"
    # Written so that a cosine that is not a number is too small.
    if found >= MIN_COSINE:
        return ChosenPrecision(BF16, f"the processor has units for it; {compared}")
    return ChosenPrecision(FP32, compared)
