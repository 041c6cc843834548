"""What a removal asked for: assets, contributors and releases, whether or not they were delivered.

A notice names the samples that a buyer has. What was asked for is kept as well, in the private part
of its record, so that nothing of it is delivered later.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import cast

from schemas.removed import RemovedKind

_FIELDS: tuple[tuple[RemovedKind, str], ...] = (
    ("asset", "assets"),
    ("contributor", "contributors"),
    ("release", "releases"),
)


@dataclass(frozen=True)
class Asked:
    """What a removal asked for.

    Attributes:
        names: Kind and id of everything that was named.
    """

    names: frozenset[tuple[RemovedKind, str]] = frozenset()

    @classmethod
    def of(
        cls, assets: Iterable[str], contributors: Iterable[str], releases: Iterable[str]
    ) -> Asked:
        """Returns it from the ids of assets, contributors and releases."""
        given = {"asset": assets, "contributor": contributors, "release": releases}
        return cls(frozenset((kind, name) for kind, _ in _FIELDS for name in given[kind]))

    @classmethod
    def from_json(cls, value: object) -> Asked:
        """Returns it from the private part of a record; nothing where that does not tell."""
        fields = cast(Mapping[str, list[str]], value)
        return cls(
            frozenset((kind, one) for kind, field in _FIELDS for one in fields.get(field, ()))
        )

    def to_json(self) -> dict[str, list[str]]:
        """Returns it as the private part of a record has it."""
        return {field: ids for kind, field in _FIELDS if (ids := sorted(self.ids(kind)))}

    def ids(self, kind: RemovedKind) -> frozenset[str]:
        """Returns the ids of one kind."""
        return frozenset(name for own, name in self.names if own == kind)

    def __iter__(self) -> Iterator[tuple[RemovedKind, str]]:
        return iter(sorted(self.names))
