"""Defines a profile: the fields of its samples, and what it requires of an asset."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, get_args

import pyarrow as pa
from pydantic import ValidationError

from schemas.profiles import COMPANION_KEYWORD
from schemas.profiles.common import CommonSample
from schemas.unit import UnitRow

# A row of a unit's table (schemas.unit.UNIT_SCHEMA).
Row = UnitRow

_SCHEMA_DIALECT = "https://json-schema.org/draft/2020-12/schema"
# How many faults of one sample a message lists.
_MAX_LISTED_FAULTS = 3
_NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True)
class UnmetRequirement:
    """A requirement of the profile that an asset does not meet.

    Attributes:
        reason: A code of `schemas.reasons.Reason`.
        detail: The values seen, in one line.
    """

    reason: str
    detail: str


class SampleError(Exception):
    """A sample does not match its profile's schema. The message names the fields at fault."""


def no_faults(sample: CommonSample, members: Mapping[str, bytes]) -> Iterator[tuple[str, str]]:
    """Finds no faults: for profiles without extra members."""
    return iter(())


@dataclass(frozen=True)
class Profile:
    """One profile.

    Attributes:
        name: The name that a deal uses.
        sample: The model of its samples, from which the JSON Schema is generated.
        find_unmet: Returns the requirement that an asset does not meet, or None.
        fields: Returns the fields of a sample that are specific to this profile; may also
            override fields that all profiles share.
        card: What a delivery's card says about training with the profile, in Markdown.
        extras: Endings of the members that every sample has besides medium, text and JSON, in the
            order of the tar, where they are between medium and text. Their bytes are made by
            `pipelines.features.extras`.
        columns: Fields of the sample's JSON that the shards' tables have as columns, too: whole
            numbers or texts, never null.
        find_extra_faults: Yields what verification finds wrong with the extra members of a sample:
            the member's ending and a description. It gets their bytes by ending.
    """

    name: str
    sample: type[CommonSample]
    find_unmet: Callable[[Row], UnmetRequirement | None]
    fields: Callable[[Row], dict[str, object]]
    card: str
    extras: tuple[str, ...] = ()
    columns: tuple[pa.Field[pa.DataType], ...] = ()
    find_extra_faults: Callable[[CommonSample, Mapping[str, bytes]], Iterator[tuple[str, str]]] = (
        no_faults
    )

    @property
    def media_type(self) -> str:
        """The media type of its samples: `image` or `video`."""
        (kind,) = get_args(self.sample.model_fields["media_type"].annotation)
        return str(kind)

    @property
    def companion_profile(self) -> str:
        """The profile of the other media type in a deal with this profile, or ""."""
        return self.sample.companion_profile

    def make_sample(
        self, common: Mapping[str, object], row: Row, drawn: Mapping[str, object] = _NOTHING
    ) -> CommonSample:
        """Returns an asset's sample for this profile.

        Args:
            common: The fields that all profiles share, without `profile`.
            row: The asset's row of its unit's table.
            drawn: Fields that override those of the profile: of the caption that was drawn.

        Raises:
            SampleError: The asset does not meet the profile; `find_unmet` would have said so.
        """
        try:
            return self.sample.model_validate(
                {**common, "profile": self.name, **self.fields(row), **drawn}
            )
        except ValidationError as error:
            raise SampleError(fault_summary(error)) from error

    def parse_sample(self, data: bytes) -> CommonSample:
        """Parses a sample's JSON member.

        Raises:
            SampleError: It is not a valid sample of this profile.
        """
        try:
            return self.sample.model_validate_json(data)
        except ValidationError as error:
            raise SampleError(fault_summary(error)) from error


def fault_summary(error: ValidationError) -> str:
    """Returns the first faults of data that do not match a model, in one line."""
    faults = [
        f"{'.'.join(map(str, fault['loc'])) or 'sample'}: {fault['msg']}"
        for fault in error.errors(include_url=False, include_input=False)
    ]
    more = len(faults) - _MAX_LISTED_FAULTS
    return "; ".join(faults[:_MAX_LISTED_FAULTS]) + (f"; and {more} more" if more > 0 else "")


def schema_text(profile: Profile) -> str:
    """Returns a profile's JSON Schema, the content of schemas/profiles/<name>.json."""
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
