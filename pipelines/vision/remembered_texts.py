"""Remembers the vectors of texts in a process: titles, keywords and tags occur again and again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]

# Vectors of 512 numbers: 32 MiB.
_MOST_TEXTS = 16_384


class RememberedTexts:
    """The vectors of one model's texts; those that were used last are kept.

    Args:
        most: How many texts are remembered.
    """

    def __init__(self, most: int = _MOST_TEXTS) -> None:
        self._most = most
        self._known: OrderedDict[str, npt.NDArray[np.float32]] = OrderedDict()

    def vectors(self, texts: Sequence[str], embed: Callable[[Sequence[str]], Vectors]) -> Vectors:
        """Returns the vectors of texts: [n, d].

        Args:
            texts: At least one text.
            embed: Embeds texts; called once, with each text that is not known once.
        """
        wanted = dict.fromkeys(texts)
        found = {text: self._known[text] for text in wanted if text in self._known}
        new = [text for text in wanted if text not in found]
        if new:
            # Copied, since a view would keep all vectors of its batch in memory.
            for text, vector in zip(new, embed(new), strict=True):
                found[text] = vector.copy()
        for text in wanted:
            self._known[text] = found[text]
            self._known.move_to_end(text)
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return np.stack([found[text] for text in texts])


@lru_cache(maxsize=4)
def remembered_texts(model_id: str) -> RememberedTexts:
    """Returns what this process remembers of a model's texts.

    Args:
        model_id: The model's identity, with its precision.
    """
    return RememberedTexts()
