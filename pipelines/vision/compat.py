"""Lets open_clip import beside a torch that torchvision was not built for.

With a CPU build of torch and the CUDA build of torchvision that PyPI serves, `import torchvision`
fails with "operator torchvision::nms does not exist". Importing needs only the operators' schemas,
and open_clip uses torchvision's image transforms alone, so defining the schemas is enough. Where
the operators exist nothing is done.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any, Protocol, cast

# A second and a half to import, for names of types: a run with all its features needs no network.
if TYPE_CHECKING:
    from torch import Tensor

_SCHEMAS = {
    "nms": "nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
    "qnms": "qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor",
}
# Definitions last as long as the library that made them.
_libraries: list[object] = []


class ImageTower(Protocol):
    """What we use of an open_clip image tower."""

    preprocess_cfg: dict[str, object]


class Model(Protocol):
    """What we use of a loaded open_clip model; a CoCa also has `text_decoder`."""

    visual: ImageTower

    def encode_image(self, images: Tensor) -> Tensor:
        """Vectors of [n, 3, h, w]."""
        ...

    def encode_text(self, text: Tensor) -> Tensor:
        """Vectors of tokens [n, context length]."""
        ...

    def __call__(self, *inputs: Tensor | None, **options: object) -> dict[str, Tensor]:
        """All outputs of a CoCa by name."""
        ...


class Tokenizer(Protocol):
    """What we use of an open_clip tokenizer."""

    sot_token_id: int
    eot_token_id: int

    def __call__(self, texts: list[str], context_length: int | None = None) -> Tensor:
        """Tokens of each text, padded: [n, context length]."""
        ...

    def decode(self, tokens: list[int]) -> str:
        """The text of tokens."""
        ...


def import_open_clip() -> ModuleType:
    """The `open_clip` package, with torchvision's operator schemas in place."""
    define_operators()
    return importlib.import_module("open_clip")


def define_operators() -> None:
    """Imports torchvision, giving it the schema of each operator that it misses.

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
    """Drops a half-imported package, so that the next import starts anew."""
    for name in list(sys.modules):
        if name == package or name.startswith(f"{package}."):
            del sys.modules[name]
