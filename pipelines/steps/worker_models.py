"""What is done once for all workers, in the process that they are forked from.

The command asks for it. With one worker, which is the command's own process, it is done there.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from pipelines.features.vision_models import LazyVisionModels
from pipelines.process.fork_server import ForkServer
from pipelines.run.job import Models
from pipelines.run.prepare import PreparedJob
from pipelines.vision.models import CUDA, ModelRef
from pipelines.vision.precision import ChosenPrecision, choose_precision
from pipelines.vision.weights import Digests, known_digests, learn_digests
from schemas import layout

# What a worker imports otherwise, when it gets the graph.
_STEPS = (
    "pipelines.steps.package",
    "pipelines.storage.local_store",
    "pyarrow.dataset",
)
_CHECKS = ("pipelines.catalogue.expectations", "pipelines.catalogue.data_docs")


@dataclass(frozen=True)
class ChoosePrecision:
    """Asks for the precision of a model on this machine; see `choose_precision`.

    Attributes:
        ref: The model.
        digests: What the command knows of the files, so that they are not read once more.
    """

    ref: ModelRef
    digests: Digests


@dataclass(frozen=True)
class LoadModels:
    """Asks to load the models of a run, and to embed the texts that every worker needs."""

    models: Models


@dataclass(frozen=True)
class ImportChecks:
    """Asks to import what checks rows that no earlier run has checked."""


def answer(question: object) -> object:
    """Answers a question; what was loaded for it stays in memory for the workers.

    Raises:
        InputError: A model's weights are unavailable or do not fit.
        RunError: A model's weights are not those that the run was started with.
    """
    if isinstance(question, ChoosePrecision):
        learn_digests(question.digests)
        return choose_precision(question.ref)
    if isinstance(question, LoadModels):
        LazyVisionModels(question.models).load()
        return None
    if isinstance(question, ImportChecks):
        import_checks()
        return None
    raise TypeError(f"no answer to {question!r}")


def choose_by(origin: ForkServer | None) -> Callable[[ModelRef], ChosenPrecision]:
    """Returns what chooses a model's precision: the process that workers are forked from, if any.

    It keeps the model that it loads for that.
    """
    if origin is None:
        return choose_precision

    def choose(ref: ModelRef) -> ChosenPrecision:
        if ref.is_demo:  # which needs neither torch nor weights
            return choose_precision(ref)
        return cast(ChosenPrecision, origin.ask(ChoosePrecision(ref, known_digests())).result())

    return choose


def load_if_new(prepared: PreparedJob, origin: ForkServer | None) -> None:
    """Has the models loaded before workers are forked, if the output has no features of them.

    Otherwise each worker loads them when it first meets a medium without features. An error is
    left to the workers, which meet it again.

    What checks rows is imported as well, if the command needed it for the small tables; if it did
    not, the assets are hardly new either.
    """
    if origin is not None and _CHECKS[0] in sys.modules:
        origin.ask(ImportChecks())
    models = prepared.job.models
    if any(CUDA in one for one in (models.clip_precision, models.captioner_precision)):
        return  # CUDA cannot be used in forks of a process that has used it
    stored = layout.features_prefix("embeddings", models.clip_id)
    if origin is not None and not prepared.store.list(stored):
        origin.ask(LoadModels(models))


def import_steps() -> None:
    """Imports what the steps of a run need, except models."""
    for name in _STEPS:
        importlib.import_module(name)


def import_checks() -> None:
    """Imports what checks rows that no earlier run has checked."""
    for name in _CHECKS:
        importlib.import_module(name)
