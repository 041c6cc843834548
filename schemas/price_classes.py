"""Levels of contributors and assets, and the agency's share of the classes that name them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from schemas.deal_terms import DealSection
from schemas.deal_values import CalendarDate, ExactShare, OneLine, refuse_repeats

OTHER_LEVEL = "other"  # of contributors and assets that no level lists


class Level(DealSection):
    """A level of contributors or assets, such as exclusive ones, which classes may name."""

    name: OneLine
    contributors: list[OneLine] = Field(default=[])
    assets: list[OneLine] = Field(default=[])
    starts: CalendarDate | None = None
    ends: CalendarDate | None = None

    @field_validator("name")
    @classmethod
    def _check_name(cls, value: str) -> str:
        if value == OTHER_LEVEL:
            raise ValueError("is the level of everything that no level lists")
        return value

    @field_validator("contributors", "assets")
    @classmethod
    def _check_repeats(cls, values: list[str]) -> list[str]:
        return refuse_repeats(values)

    @field_validator("ends")
    @classmethod
    def _check_ends(cls, value: date | None, info: ValidationInfo) -> date | None:
        return None if value is None else check_order(value, info)

    def applies(self, day: date) -> bool:
        """Returns whether the level applies on a day."""
        return (self.starts or day) <= day <= (self.ends or day)


class AgencyClass(DealSection):
    """The agency's share of one class; a key that is not given matches everything."""

    media: Literal["image", "video"] | None = None
    level: OneLine | None = None
    agency_share: ExactShare


def refuse_overlaps(levels: Sequence[Level]) -> None:
    """Refuses levels that list the same contributor or asset on the same day.

    Raises:
        ValueError: If two do.
    """
    for at, level in enumerate(levels):
        for other in levels[:at]:
            same_day = (other.starts or date.min) <= (level.ends or date.max) and (
                level.starts or date.min
            ) <= (other.ends or date.max)
            both = set(level.contributors) & set(other.contributors)
            both |= set(level.assets) & set(other.assets)
            if same_day and both:
                raise ValueError(
                    f"{min(both)!r} is in two levels on the same day: "
                    f"{other.name!r} and {level.name!r}"
                )


def check_order(ends: date, info: ValidationInfo) -> date:
    """Checks that a last day does not come before the section's first day.

    Raises:
        ValueError: If it does.
    """
    starts = info.data.get("starts")
    if starts is not None and ends < starts:
        raise ValueError(f"must not come before starts ({starts})")
    return ends
