"""The profiles' JSON Schemas: what a sample of each carries. Their names are the files'.

The schemas are written by `make schemas` from the models in pipelines/profiles; here they are only
read, since what a deal may name must be known without the pipeline.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

SCHEMA_FOLDER = Path(__file__).parent
# The schema's keyword for the profile that other media of a deal carry.
COMPANION_KEYWORD = "x-beside"


def profile_names() -> tuple[str, ...]:
    """Every profile, in order."""
    return tuple(sorted(path.stem for path in SCHEMA_FOLDER.glob("*.json")))


@lru_cache(maxsize=64)
def profile_schema(name: str) -> dict[str, Any]:
    """A profile's JSON Schema.

    Raises:
        FileNotFoundError: If there is no such profile.
    """
    loaded: dict[str, Any] = json.loads(
        (SCHEMA_FOLDER / f"{name}.json").read_text(encoding="utf-8")
    )
    return loaded


def profile_media(name: str) -> dict[str, str]:
    """Which media a deal of this profile may take: the profile that samples of each carry."""
    schema = profile_schema(name)
    media = {schema["properties"]["media_type"]["const"]: name}
    companion = schema.get(COMPANION_KEYWORD)
    return media if companion is None else {**profile_media(companion), **media}
