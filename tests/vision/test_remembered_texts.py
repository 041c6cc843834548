"""A text is embedded once in a process, and gets the vector that it would get anyway."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from pipelines.vision.remembered_texts import RememberedTexts

Vectors = npt.NDArray[np.float32]


class Model:
    """Gives each text a vector of its own, and records what it was asked."""

    def __init__(self) -> None:
        self.asked: list[list[str]] = []

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Returns length and first character of each text."""
        self.asked.append([*texts])
        return np.array([[len(text), ord(text[0])] for text in texts], np.float32)


def test_texts_are_embedded_once_and_in_order() -> None:
    model, texts = Model(), RememberedTexts()
    first = texts.vectors(["bb", "a", "bb"], model.embed)
    assert first.tolist() == [[2, 98], [1, 97], [2, 98]]
    second = texts.vectors(["a", "ccc", "bb"], model.embed)
    assert second.tolist() == [[1, 97], [3, 99], [2, 98]]
    assert model.asked == [["bb", "a"], ["ccc"]]


def test_texts_that_were_used_last_are_kept() -> None:
    model, texts = Model(), RememberedTexts(most=2)
    texts.vectors(["a", "b"], model.embed)
    texts.vectors(["a"], model.embed)
    texts.vectors(["c"], model.embed)
    assert texts.vectors(["a", "c"], model.embed).tolist() == [[1, 97], [1, 99]]
    assert texts.vectors(["b"], model.embed).tolist() == [[1, 98]]
    assert model.asked == [["a", "b"], ["c"], ["b"]]


def test_more_texts_than_are_kept_are_all_embedded() -> None:
    model, texts = Model(), RememberedTexts(most=1)
    assert len(texts.vectors(["a", "b", "c"], model.embed)) == 3


def test_changing_a_vector_does_not_change_what_is_remembered() -> None:
    model, texts = Model(), RememberedTexts()
    texts.vectors(["a"], model.embed)[0] = 0
    assert texts.vectors(["a"], model.embed).tolist() == [[1, 97]]
