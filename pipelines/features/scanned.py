"""Turns what media say of themselves into rows of a catalogue; what they do not say stays empty."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise

from pipelines.signals.file.description_fields import PLACES, FileDescription
from pipelines.signals.file.xmp_vocabulary import ABSENT_TEXTS, DMI_VALUES, PLUS_VOCABULARY
from schemas.catalogue import grant_column
from schemas.rights import (
    DIGITAL_SOURCE_TYPE_PREFIX,
    DIGITAL_SOURCE_TYPES,
    PURPOSES,
    Permission,
)

SIDECAR = "sidecar"
#: Fields that several places may state, and that should then say the same.
_COMPARED = ("title", "description", "creators", "rights", "keywords")
_AI_FIELDS = ("ai_system", "ai_system_version", "ai_prompt", "ai_prompt_writer")
_AI_TERM = "trainedAlgorithmicMedia"
_DAY = re.compile(r"(\d{4})[-:]?(\d{2})[-:]?(\d{2})(?:\D.*)?", re.DOTALL)
_MINOR_CODES = frozenset(("AG-U14", "AG-A15", "AG-A16", "AG-A17"))
_ADULT_CODES = frozenset(f"AG-A{age}" for age in range(18, 26))
_ADULT = 18
_IIM_CHARS = 32  # the shortest length at which IIM cuts a text


@dataclass(frozen=True)
class ScannedFile:
    """A medium and what it says.

    Attributes:
        name: Its path below the folder, with slashes.
        media_type: `image` or `video`, by its ending.
        size_bytes: Its size.
        sha256: Its digest, hex; "" if it was not read.
        said: By place and field, the values.
        problems: What could not be read.
    """

    name: str
    media_type: str
    size_bytes: int = 0
    sha256: str = ""
    said: Mapping[str, Mapping[str, list[str]]] = field(default_factory=dict)
    problems: tuple[str, ...] = ()

    def values(self, name: str) -> list[str]:
        """Returns a field's values from the place that counts first, of those that state it."""
        return next((v for _, v in self.stated(name)), [])

    def stated(self, name: str) -> list[tuple[str, list[str]]]:
        """Returns the places that state a field, with its values, the first one first."""
        places = ((place, self.said.get(place, {}).get(name)) for place in (SIDECAR, *PLACES))
        return [(place, values) for place, values in places if values]

    @property
    def creator(self) -> str:
        """Who made it, as the file names them; several joined by semicolons, or ""."""
        return "; ".join(_given(self.values("creators")))

    @property
    def conflicts(self) -> list[str]:
        """What several places in it, or several fields, say otherwise."""
        found = []
        for name in _COMPARED:
            stated = self.stated(name)
            for (place, values), (other, others) in pairwise(stated):
                if not _same(values, others):
                    one, two = ("; ".join(texts)[:80] for texts in (values, others))
                    found.append(f"{name}: {one!r} in {place}, {two!r} in {other}")
        term = _source_term(self)
        if self.is_generated and term and not DIGITAL_SOURCE_TYPES.get(term, True):
            found.append(f"digital_source_type: {term}, and a field names what generated it")
        return found

    @property
    def is_generated(self) -> bool:
        """Whether a field names the system, prompt or writer of a generated picture."""
        return any(self.values(name) for name in _AI_FIELDS)


def merge_said(
    own: FileDescription, sidecar: FileDescription | None
) -> dict[str, dict[str, list[str]]]:
    """Returns what a file and its sidecar say, by place."""
    said = dict(own.said)
    if sidecar is not None and sidecar.said:
        said[SIDECAR] = sidecar.said["XMP"]
    return said


def asset_row(file: ScannedFile, contributors: Mapping[str, str]) -> dict[str, object]:
    """Returns a file's row of assets, without the columns of which it says nothing.

    Args:
        file: The file.
        contributors: By creator as the files name them, the contributor or the splits that a
            person confirmed.
    """
    releases = _given([*file.values("model_release_ids"), *file.values("property_release_ids")])
    row: dict[str, object] = {
        "asset_id": file.name,
        "media_uri": file.name,
        "media_type": file.media_type,
        "contributors": _splits(contributors.get(file.creator, "")),
        "title": _first(_given(file.values("title"))),
        "description": _first(_given(file.values("description"))),
        "keywords": _given(file.values("keywords")),
        "created_at": _created_at(file),
        "minors": _minors(file),
        "release_ids": list(dict.fromkeys(releases)),
        "digital_source_type": _AI_TERM if file.is_generated else _source_term(file),
        **_grants(file.values("data_mining")),
        "sha256": file.sha256,
        "bytes": file.size_bytes,
    }
    if file.is_generated and DIGITAL_SOURCE_TYPES.get(_source_term(file), False):
        row["digital_source_type"] = _source_term(file)
    return {name: value for name, value in row.items() if value not in (None, "", [])}


def _given(values: Iterable[str]) -> list[str]:
    """Returns the values that mean something."""
    return [text for value in values if (text := value.strip()).casefold() not in ABSENT_TEXTS]


def _first(values: list[str]) -> str:
    return values[0] if values else ""


def _splits(confirmed: str) -> str:
    """Returns one contributor as the sole one; splits as they are."""
    return f"{confirmed}:10000" if confirmed and ":" not in confirmed else confirmed


def _same(one: list[str], other: list[str]) -> bool:
    """Whether two places say the same; IIM cuts long texts."""
    texts = [[" ".join(v.split()).casefold() for v in values] for values in (one, other)]
    joined = [_in_order("; ".join(values).replace(",", ";")) for values in texts]
    if sorted(texts[0]) == sorted(texts[1]) or joined[0] == joined[1]:
        return True
    short, long = sorted(("; ".join(values) for values in texts), key=len)
    return len(short) >= _IIM_CHARS and long.startswith(short)


def _in_order(text: str) -> list[str]:
    return sorted(part.strip() for part in text.split(";"))


def _created_at(file: ScannedFile) -> str:
    """Returns the day on which it was made, if one is stated in full."""
    for name in ("date_created", "taken_at"):
        for _, values in file.stated(name):
            for value in values:
                match = _DAY.fullmatch(value)
                try:
                    if match:
                        return date(*map(int, match.groups())).isoformat()
                except ValueError:
                    continue
    return ""


def _source_term(file: ScannedFile) -> str:
    text = _first(_given(file.values("digital_source_type")))
    return re.sub(f"^{re.escape(DIGITAL_SOURCE_TYPE_PREFIX)}", "", text.replace("https:", "http:"))


def _code(text: str) -> str:
    return text.strip().removeprefix(PLUS_VOCABULARY)


def _minors(file: ScannedFile) -> str:
    """Returns whether minors are shown: yes by any statement, no only by that of the youngest."""
    codes = {_code(value) for value in file.values("minor_age")}
    ages = [int(value) for value in file.values("model_ages") if value.strip().isdecimal()]
    if codes & _MINOR_CODES or any(age < _ADULT for age in ages):
        return "yes"
    return "no" if codes and codes <= _ADULT_CODES else ""


def _grants(values: list[str]) -> dict[str, str]:
    """Returns the catalogue's grants for a data-mining property; any code but ours denies."""
    grants: dict[str, str] = {}
    for value in values:
        known = DMI_VALUES.get(_code(value), dict.fromkeys(PURPOSES, Permission.DENY))
        for purpose, permission in known.items():
            if permission is not Permission.UNKNOWN:
                column = grant_column(purpose)
                if grants.get(column) != Permission.DENY.value:
                    grants[column] = permission.value
    return grants
