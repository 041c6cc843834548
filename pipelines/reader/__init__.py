"""Reads a delivery for training: checked, without what was removed, exactly once, and counted."""

from pipelines.format.exposure import merge_exposures, open_exposure, sign_exposure
from pipelines.reader.buyer_key import load_buyer_key
from pipelines.reader.checked import Sample
from pipelines.reader.delivery import Delivery, ReaderError, open_delivery
from pipelines.reader.removals import (
    WITHOUT_REMOVALS,
    Removals,
    StaleRemovalsError,
    load_removals,
)
from pipelines.reader.samples import SampleReader
from pipelines.reader.split import Split

__all__ = [
    "WITHOUT_REMOVALS",
    "Delivery",
    "ReaderError",
    "Removals",
    "Sample",
    "SampleReader",
    "Split",
    "StaleRemovalsError",
    "load_buyer_key",
    "load_removals",
    "merge_exposures",
    "open_delivery",
    "open_exposure",
    "sign_exposure",
]
