"""Finds weight files: in a folder, in the caches of open_clip and the hub, or by fetching them."""

from __future__ import annotations

import hashlib
import importlib
import json
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import cast

import huggingface_hub
from huggingface_hub import constants

from pipelines.vision.compat import import_open_clip
from schemas.errors import InputError

_CONFIG = "open_clip_config.json"
_PROBE_TIMEOUT_S = 5.0
_OFFLINE_REMEDY = (
    "Fetch the weights on a machine with a network and give them as Architecture:/path/to/weights"
    " or local-dir:/path, or run once with a network so that they are cached"
)


def require_readable(path: Path) -> None:
    """Checks that `path` is a file that is not empty.

    Raises:
        InputError: The file does not exist or is empty.
    """
    if not path.is_file():
        raise InputError("No such weights file", str(path), "Give the path of an existing file")
    if path.stat().st_size == 0:
        raise InputError("The weights file is empty", str(path), "Fetch it again")


def directory_config(folder: Path) -> dict[str, object]:
    """Returns the `model_cfg` of an open_clip folder.

    Raises:
        InputError: The folder, its configuration or the `model_cfg` in it does not exist.
    """
    path = folder / _CONFIG
    if not path.is_file():
        raise InputError(
            "No open_clip model in this folder", str(folder), f"It must hold {_CONFIG} and weights"
        )
    try:
        model = json.loads(path.read_text(encoding="utf-8"))["model_cfg"]
        if not isinstance(model, dict):
            raise TypeError("model_cfg is not an object")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            "The model's configuration cannot be read", str(path), f"It needs model_cfg ({error})"
        ) from error
    return cast(dict[str, object], model)


def directory_weights(folder: Path) -> Path:
    """Returns the weights file that open_clip would load from a folder.

    Raises:
        InputError: The folder has no weights file, or the file is empty.
    """
    from open_clip.factory import _find_checkpoint_in_dir

    directory_config(folder)
    found = _find_checkpoint_in_dir(folder)
    if found is None:
        raise InputError(
            "No weights in this folder", str(folder), "Put open_clip_model.safetensors into it"
        )
    path = Path(found)
    require_readable(path)
    return path


def locate_tag_weights(name: str, tag: Mapping[str, object]) -> Path:
    """Returns the weights file of a pretrained tag, from the hub's cache or the network.

    Args:
        name: The model's name, for messages.
        tag: open_clip's record of the tag; each record names a file on the hub.

    Raises:
        InputError: The file is neither cached nor reachable; raised within seconds.
    """
    repository, files = _hub_names(str(tag["hf_hub"]))
    for file in files:
        found = huggingface_hub.try_to_load_from_cache(repository, file)
        if isinstance(found, str):
            return Path(found)
    _require_reachable(name)
    open_clip = import_open_clip()
    try:
        path = Path(open_clip.download_pretrained(dict(tag)))
    # For failed downloads open_clip and the hub raise OSError, RuntimeError or subclasses of it.
    except (OSError, RuntimeError) as error:
        raise InputError(
            "The weights could not be fetched", f"{name} ({error})", _OFFLINE_REMEDY
        ) from error
    require_readable(path)
    return path


def _hub_names(hub: str) -> tuple[str, list[str]]:
    """Returns the repository, and the file names in the order in which open_clip tries them."""
    names = importlib.import_module("open_clip.constants")  # without the rest of it
    repository, _, file = hub.rpartition("/")
    file = file or names.HF_WEIGHTS_NAME
    if file == names.HF_WEIGHTS_NAME:
        return repository, [names.HF_SAFE_WEIGHTS_NAME, file]
    if file.endswith((".bin", ".pth")):
        return repository, [f"{file[:-4]}.safetensors", file]
    return repository, [file]


def _require_reachable(name: str) -> None:
    """Sends one short request, so that a machine without a network fails at once."""
    if constants.HF_HUB_OFFLINE:
        raise InputError(
            "The weights are not cached and the hub is in offline mode", name, _OFFLINE_REMEDY
        )
    url = constants.ENDPOINT
    request = urllib.request.Request(url, method="HEAD")  # noqa: S310  (the hub's own setting)
    try:
        with urllib.request.urlopen(request, timeout=_PROBE_TIMEOUT_S):  # noqa: S310  (as above)
            return
    except urllib.error.HTTPError:
        return  # the hub answered; whether the file exists is for the fetch to find out
    except OSError as error:
        raise InputError(
            "The weights are not cached and cannot be reached",
            f"{name} ({url}: {error})",
            _OFFLINE_REMEDY,
        ) from error


# By path, size and time of the last change.
Digests = dict[tuple[Path, int, int], str]
_MOST_DIGESTS = 64
_digests: Digests = {}


def digest_files(files: Sequence[Path]) -> str:
    """Returns the SHA-256 over the digests of files, in order; for one file, its own digest."""
    parts = [_file_digest(path, path.stat().st_size, path.stat().st_mtime_ns) for path in files]
    if len(parts) == 1:
        return parts[0]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def known_digests() -> Digests:
    """Returns the digests that this process knows, for another one that reads the same files."""
    return dict(_digests)


def learn_digests(digests: Digests) -> None:
    """Takes over the digests that another process of this machine knows."""
    _digests.update(digests)


def _file_digest(path: Path, size_bytes: int, changed_ns: int) -> str:
    key = (path, size_bytes, changed_ns)
    if key not in _digests:
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        if len(_digests) >= _MOST_DIGESTS:
            del _digests[next(iter(_digests))]
        _digests[key] = digest
    return _digests[key]
