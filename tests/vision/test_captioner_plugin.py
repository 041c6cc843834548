"""Captioners of other packages: how they are found, and what is checked."""

from __future__ import annotations

import sys
import types
from collections.abc import Sequence
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from PIL import Image

from pipelines.vision.caption_text import CaptionFailure
from pipelines.vision.captioner_plugin import GROUP, PluginCaptioner, load_plugin
from schemas.errors import InputError, RunError


class Sizes:
    """Says how large a picture is."""

    name, version = "sizes of pictures", "1.2"
    answers: Any = None

    def caption(self, images: Sequence[Image.Image]) -> Sequence[str]:
        return self.answers or [f"{image.width} x  {image.height}\n" for image in images]


def broken() -> Sizes:
    raise ValueError("no weights")


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[EntryPoint]:
    module = types.ModuleType("an_agencys_captioner")
    module.Sizes, module.broken = Sizes, broken  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    return [
        EntryPoint("sizes", f"{module.__name__}:Sizes", GROUP),
        EntryPoint("broken", f"{module.__name__}:broken", GROUP),
        EntryPoint("gone", "not_installed_here:X", GROUP),
        *(EntryPoint("twice", f"{module.__name__}:Sizes", GROUP) for _ in range(2)),
    ]


def pictures(*sizes: tuple[int, int]) -> list[Image.Image]:
    return [Image.new("RGB", size) for size in sizes]


def test_a_captioner_is_found_by_its_name(installed: list[EntryPoint]) -> None:
    captioner = load_plugin("plugin:sizes", lambda: installed)
    assert captioner.identity.startswith("sizes-of-pictures@1.2@plugin@sha256-")
    assert captioner.caption(pictures((2, 3), (4, 5))) == ["2 x 3", "4 x 5"]
    assert captioner.caption([]) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("none", "Installed are: broken, gone, sizes, twice"),
        ("twice", "2 captioners are installed under this name"),
        ("broken", "ValueError: no weights"),
        ("gone", "ModuleNotFoundError"),
        ("", "No captioner is installed"),
    ],
)
def test_a_captioner_that_cannot_be_had(installed: list[EntryPoint], name: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        load_plugin(f"plugin:{name}", lambda: installed)
    assert said in str(caught.value)


@pytest.mark.parametrize("answers", [["one"], ["a", "b", "c"], ["a", None], [1, "b"], "ab", 7])
def test_wrong_results_end_the_run(answers: Any) -> None:
    plugin = Sizes()
    plugin.answers = answers
    with pytest.raises(RunError, match="did not return one text for each picture"):
        PluginCaptioner(plugin).caption(pictures((1, 1), (2, 2)))


def test_its_captions_are_tidied() -> None:
    plugin = Sizes()
    plugin.answers = ["a\u0000b  c", "<p>x</p>"]
    found = PluginCaptioner(plugin).caption(pictures((1, 1), (2, 2)))
    assert found[0] == "a b c" and isinstance(found[1], CaptionFailure)


def test_versions_that_are_written_alike_are_told_apart() -> None:
    made = [Sizes() for _ in range(4)]
    for plugin, version in zip(made, ["1.0+a", "1.0 a", "1.0-a", "1.0-a"], strict=True):
        plugin.name, plugin.version = "sizes", version
    identities = [PluginCaptioner(plugin).identity for plugin in made]
    assert identities[3] == "sizes@1.0-a@plugin" and len(set(identities)) == 3


def test_a_captioner_that_fails_is_named() -> None:
    class Failing(Sizes):
        def caption(self, images: Sequence[Image.Image]) -> Sequence[str]:
            raise ZeroDivisionError("no pixels")

    with pytest.raises(RunError, match=r"sizes-of-pictures.*ZeroDivisionError: no pixels"):
        PluginCaptioner(Failing()).caption(pictures((1, 1)))


def test_pictures_cannot_be_changed_by_it() -> None:
    class Painting(Sizes):
        def caption(self, images: Sequence[Image.Image]) -> Sequence[str]:
            for image in images:
                image.thumbnail((1, 1))
            return super().caption(images)

    [picture] = pictures((4, 2))
    assert PluginCaptioner(Painting()).caption([picture]) == ["1 x 1"] and picture.size == (4, 2)
