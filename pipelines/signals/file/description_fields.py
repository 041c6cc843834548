"""What a media file says of its content, maker and rights, by field and by where it stands."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

#: Where a description may stand, the one that counts first.
PLACES = ("XMP", "IIM", "EXIF")
#: The fields of a description; docs/scan.md says what each becomes.
FIELDS = frozenset(
    "title description keywords creators rights headline credit source instructions date_created "
    "city state country location country_code usage_terms web_statement persons model_info "
    "model_ages digital_source_type registry_ids ai_system ai_system_version ai_prompt "
    "ai_prompt_writer model_release_status model_release_ids property_release_status "
    "property_release_ids minor_age supplier_image_id data_mining other_constraints taken_at "
    "licensor_url".split()
)
_MAX_VALUES = 1_000  # of one field
_MAX_CHARS = 10_000  # of one value
_MAX_TOTAL_CHARS = 200_000
_MAX_FAULTS = 50


@dataclass
class FileDescription:
    """What a file says of itself.

    Attributes:
        said: By place and field, the values in their order.
        faults: What could not be read, for people.
    """

    said: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    _room: int = _MAX_TOTAL_CHARS

    def add(self, place: str, name: str, values: Iterable[str]) -> None:
        """Adds values that are not empty and not there yet."""
        known = self.said.setdefault(place, {}).setdefault(name, [])
        for value in values:
            text = value.strip("\0 \t\r\n")[:_MAX_CHARS]
            if text and text not in known and len(known) < _MAX_VALUES and len(text) <= self._room:
                self._room -= len(text)
                known.append(text)
        if not known:
            del self.said[place][name]

    def to_json(self) -> dict[str, object]:
        """Returns it as JSON data."""
        return {"said": self.said, "faults": self.faults[:_MAX_FAULTS]}

    @classmethod
    def from_json(cls, data: dict[str, object]) -> FileDescription:
        """Reads what `to_json` returned, in a process that nobody vouches for.

        Raises:
            ValueError: If it is anything else.
        """
        result = cls()
        said, faults = data.get("said"), data.get("faults")
        if not isinstance(said, dict) or not isinstance(faults, list):
            raise ValueError("no description")
        for place, fields in said.items():
            if place not in PLACES or not isinstance(fields, dict):
                raise ValueError("place")
            for name, values in fields.items():
                if name not in FIELDS or not isinstance(values, list):
                    raise ValueError("field")
                if not all(isinstance(value, str) for value in values):
                    raise ValueError("value")
                result.add(place, name, values)
        result.faults = [str(fault)[:300] for fault in faults[:_MAX_FAULTS]]
        return result
