"""Captioners that other packages provide by the entry point group `fairshard.captioners`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol

from PIL import Image

from pipelines.vision.caption_text import CaptionFailure, clean_caption
from schemas.errors import InputError, RunError

GROUP = "fairshard.captioners"
PREFIX = "plugin:"
_MAX_IDENTITY_CHARS = 200


class CaptionerPlugin(Protocol):
    """What an entry point of the group returns when it is called without arguments.

    It is called in every process. Weights are best loaded by the first call of `caption`, because a
    run that finds all captions stored never calls it.

    Attributes:
        name: The captioner's name, part of the identity under which captions are stored.
        version: Changes with everything that may change a caption: weights, prompt, settings.
    """

    name: str
    version: str

    def caption(self, images: Sequence[Image.Image]) -> Sequence[str]:
        """Returns one caption for each RGB picture, of at most 512 pixels a side; "" for none.

        The caption of a picture must not depend on the pictures beside it.
        """


class PluginCaptioner:
    """An agency's own captioner, with its results checked.

    Args:
        plugin: What the entry point returned.
    """

    def __init__(self, plugin: CaptionerPlugin) -> None:
        self._plugin = plugin
        name, version = str(plugin.name), str(plugin.version)
        parts = [safe(name), safe(version), "plugin"]
        if parts[:2] != [name, version]:
            # Captions are stored by this: two versions that are written alike must not be one.
            digest = hashlib.sha256(f"{name}\n{version}".encode("utf-8", "surrogatepass"))
            parts.append(f"sha256-{digest.hexdigest()}")
        self.identity = "@".join(parts)

    def caption(self, images: Sequence[Image.Image]) -> list[str | CaptionFailure]:
        """Returns a caption, or why there is none, for each picture.

        Raises:
            RunError: The captioner failed, or did not return one text for each picture.
        """
        if not images:
            return []
        try:
            # Copies, because the pictures are measured as well, and code of others may change them.
            found: object = self._plugin.caption([image.copy() for image in images])
            texts = (
                list(found) if isinstance(found, Iterable) and not isinstance(found, str) else []
            )
        # Code of others: whatever it raises, the person who named it in the deal is to be told.
        except Exception as error:
            raise RunError(
                "The captioner failed",
                f"{self.identity}: {type(error).__name__}: {str(error)[:200]}",
                "Correct the package that provides it; finished captions are kept.",
            ) from error
        if len(texts) != len(images) or not all(isinstance(text, str) for text in texts):
            raise RunError(
                "The captioner did not return one text for each picture",
                f"{self.identity}: {len(texts)} results for {len(images)} pictures",
                "Correct its caption method: a list of str, in the order of the pictures.",
            )
        return [clean_caption(text) for text in texts]


def safe(text: str) -> str:
    """Returns a name or version as it stands in an identity."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", text.strip())[:_MAX_IDENTITY_CHARS] or "-"


def installed_captioners() -> list[EntryPoint]:
    """Returns the entry points of the group."""
    return list(entry_points(group=GROUP))


def load_plugin(
    reference: str, installed: Callable[[], list[EntryPoint]] = installed_captioners
) -> PluginCaptioner:
    """Returns the captioner that a deal names as `plugin:NAME`.

    Raises:
        InputError: None or several are installed under this name, or it cannot be loaded.
    """
    name = reference.removeprefix(PREFIX)
    known = installed()
    found = [one for one in known if one.name == name]
    if len(found) != 1:
        names = ", ".join(sorted({one.name for one in known})) or "none"
        count = "No captioner is" if not found else f"{len(found)} captioners are"
        raise InputError(
            f"{count} installed under this name",
            reference,
            f"Install one package with an entry point in {GROUP}. Installed are: {names}",
        )
    try:
        plugin: CaptionerPlugin = found[0].load()()
        return PluginCaptioner(plugin)
    # Code of others: whatever it raises, the person who named it in the deal is to be told.
    except Exception as error:
        raise InputError(
            "The captioner cannot be loaded",
            f"{reference} ({found[0].value}): {type(error).__name__}: {str(error)[:200]}",
            "Correct or reinstall the package that provides it.",
        ) from error
