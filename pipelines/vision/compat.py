"""Makes open_clip importable when torch and torchvision come from different builds.

With a CPU build of torch and the CUDA build of torchvision that PyPI serves, `import torchvision`
fails with "operator torchvision::nms does not exist". The import needs only the operators'
schemas, and open_clip uses only torchvision's image transforms, so it is enough to define the
schemas. Where the operators exist, nothing is changed.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

# Importing torch takes a second and a half, and here it is needed only for types. A run whose
# features are all computed already needs no model.
if TYPE_CHECKING:
    from torch import Tensor

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
# Kept alive because the definitions last only as long as the library object that made them.
_libraries: list[object] = []


class ImageTower(Protocol):
    """The part of an open_clip image tower that is used here."""

    preprocess_cfg: dict[str, object]


class Model(Protocol):
    """The part of a loaded open_clip model that is used here; a CoCa also has `text_decoder`."""

    visual: ImageTower

    def encode_image(self, images: Tensor) -> Tensor:
        """Returns the vectors of images [n, 3, h, w]."""
        ...

    def encode_text(self, text: Tensor) -> Tensor:
        """Returns the vectors of tokens [n, context length]."""
        ...

    def __call__(self, *inputs: Tensor | None, **options: object) -> dict[str, Tensor]:
        """Returns all outputs of a CoCa by name."""
        ...


class Tokenizer(Protocol):
    """The part of an open_clip tokenizer that is used here."""

    sot_token_id: int
    eot_token_id: int

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        """Returns the tokens of each text, padded: [n, context length]."""
        ...

    def decode(self, tokens: list[int]) -> str:
        """Returns the text of tokens."""
        ...


def import_open_clip() -> ModuleType:
    """Imports and returns `open_clip`, after defining torchvision's missing operator schemas."""
    define_operators()
    return importlib.import_module("open_clip")


def define_operators() -> None:
    """Imports torchvision and defines the schema of each operator that is missing.

    Raises:
        RuntimeError: torchvision fails for another reason.
    """
    for _ in range(len(_SCHEMAS) + 1):
        try:
            importlib.import_module("torchvision")
        except RuntimeError as error:
            missing = _missing_operator(str(error))
            if missing is None:
                raise
            _define(_SCHEMAS[missing])
            _unload("torchvision")
        else:
            return


def _define(schema: str) -> None:
    library_type = cast(
        "Callable[[str, str], Any]", importlib.import_module("torch.library").Library
    )
    library = library_type("torchvision", "FRAGMENT")
    library.define(schema)
    _libraries.append(library)


def _missing_operator(message: str) -> str | None:
    found = re.search(r"operator torchvision::(\w+) does not exist", message)
    name = found.group(1) if found else ""
    return name if name in _SCHEMAS else None


def _unload(package: str) -> None:
    """Removes a partly imported package, so that the next import starts from the beginning."""
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            del sys.modules[name]
