"""What a profile is: the fields of its samples, and what it needs of an asset."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import ValidationError

from schemas.profiles import COMPANION_KEYWORD
from schemas.profiles.common import CommonSample
from schemas.unit import UnitRow

# A row of a unit's table (schemas.unit.UNIT_SCHEMA).
Row = UnitRow

_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Faults that are named of one sample.
_MAX_LISTED_FAULTS = 3


@dataclass(frozen=True)
class UnmetRequirement:
    """What an asset cannot give its profile.

    Attributes:
        reason: A code of `schemas.reasons.Reason`.
        detail: What was seen, in a line.
    """

    reason: str
    detail: str


class SampleError(Exception):
    """A sample is not what its profile's schema says. The text names its fields."""


@dataclass(frozen=True)
class Profile:
    """One profile.

    Attributes:
        name: As a deal names it.
        sample: Its fields; the JSON Schema is made of it.
        find_unmet: Tells what an asset cannot give, if there is anything.
        fields: The fields that its samples have besides those of every profile; may also give
            another value to one of these.
        card: What a delivery's card says of training with it, in Markdown.
    """

    name: str
    sample: type[CommonSample]
    find_unmet: Callable[[Row], UnmetRequirement | None]
    fields: Callable[[Row], dict[str, object]]
    card: str

    @property
    def media_type(self) -> str:
        """The kind of media that it takes."""
        (kind,) = get_args(self.sample.model_fields["media_type"].annotation)
        return str(kind)

    @property
    def companion_profile(self) -> str:
        """The profile that other media of such a deal carry; "" where there are none."""
        return self.sample.companion_profile

    def make_sample(self, common: Mapping[str, object], row: Row) -> CommonSample:
        """A sample of this profile.

        Args:
            common: The fields of every profile, but `profile`.
            row: The asset's row.

        Raises:
            SampleError: If the asset does not meet the profile; `find_unmet` would have said so.
        """
        try:
            return self.sample.model_validate({**common, "profile": self.name, **self.fields(row)})
        except ValidationError as error:
            raise SampleError(_fault_summary(error)) from error

    def parse_sample(self, data: bytes) -> CommonSample:
        """A sample of its JSON member.

        Raises:
            SampleError: If it is none of this profile.
        """
        try:
            return self.sample.model_validate_json(data)
        except ValidationError as error:
            raise SampleError(_fault_summary(error)) from error


def _fault_summary(error: ValidationError) -> str:
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'sample'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
    more = len(faults) - _MAX_LISTED_FAULTS
    return "; ".join(faults[:_MAX_LISTED_FAULTS]) + (f"; and {more} more" if more > 0 else "")


def schema_text(profile: Profile) -> str:
    """A profile's JSON Schema, as schemas/profiles/<name>.json has it."""
    model_schema = profile.sample.model_json_schema(mode="serialization")
    schema: dict[str, Any] = {
        "$schema": _SCHEMA_DIALECT,
        "title": profile.name,
        "description": model_schema.pop("description", "").strip(),
    }
    if profile.companion_profile:
        schema[COMPANION_KEYWORD] = profile.companion_profile
    del model_schema["title"]
    schema |= model_schema
    for part in (schema, *schema.get("$defs", {}).values()):
        part["required"] = list(part["properties"])
        for field in part["properties"].values():
            field.pop("title", None)
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"
