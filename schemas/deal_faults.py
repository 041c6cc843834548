"""Describes each fault of an invalid deal in one line."""

from __future__ import annotations

import difflib
import re
from datetime import date, time
from typing import get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


def _key_path(location: tuple[int | str, ...]) -> str:
    """Returns a key as TOML writes it, quoted unless it is bare, so that it stays on one line."""
    parts = [str(part) for part in location]
    return ".".join(part if _BARE_KEY.fullmatch(part) else repr(part) for part in parts)


def section_model(annotation: object) -> type[BaseModel] | None:
    """Returns the model of a section, of an optional one or of a list of sections; else None."""
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            return kind
    return None


def _allowed_keys(model: type[BaseModel], location: tuple[int | str, ...]) -> str:
    """Returns the allowed keys of a section, and the nearest one, for an unknown key."""
    for part in location[:-1]:
        if isinstance(part, int):
            continue  # of a list of sections
        section = section_model(model.model_fields[part].annotation)
        if section is None:
            break
        model = section
    allowed = ", ".join(model.model_fields)
    near = difflib.get_close_matches(str(location[-1]), model.model_fields, n=1)
    return f"{allowed} (did you mean {near[0]}?)" if near else allowed


def describe_fault(model: type[BaseModel], error: ErrorDetails) -> str:
    """Describes one pydantic error: the key, the value seen and what is allowed."""
    name = _key_path(error["loc"])
    value = error["input"]
    shown = value.isoformat() if isinstance(value, date | time) else repr(value)
    shown = shown if len(shown) <= 80 else shown[:77] + "..."
    if error["type"] == "extra_forbidden":
        return f"{name} = {shown}: unknown key; allowed here: {_allowed_keys(model, error['loc'])}"
    if error["type"] == "missing":
        return f"{name}: required, and missing"
    if error["type"] == "model_type":
        return f"{name} = {shown}: this is a section, written as [{name}]"
    if error["type"] == "string_type":
        return f"{name} = {shown}: must be text in quotes"
    message = str(error["msg"]).removeprefix("Value error, ")
    message = re.sub("^Input should be ", "must be ", message)
    if error["type"] == "literal_error" and isinstance(value, str):
        allowed = re.findall("'([^']*)'", message)
        near = difflib.get_close_matches(value, allowed, n=1)
        message += f" (did you mean {near[0]}?)" if near else ""
    return f"{name} = {shown}: {message}"
