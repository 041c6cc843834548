"""Exposure: how often a buyer's training run was handed the samples of each asset.

A report counts by the commitments that the buyer's delivery has, so it has no id of the agency. A
reader that hands over samples counts them from 0; a part says which of them a report is about.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.deal_values import OneLine

#: Type of a report in a DSSE envelope.
EXPOSURE_TYPE = "application/vnd.fairshard.exposure+json"

#: More samples are not counted in one report: JSON's numbers are exact up to it.
MAX_COUNT = 2**53 - 1

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
_Count = Annotated[int, Field(ge=0, le=MAX_COUNT)]


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ExposurePart(_Record):
    """What one reader of a training run handed over: samples `first` to `end` - 1, from 0."""

    run: OneLine  # names the training run, for good
    consumer: _Count  # the reader's number among those of the run, from 0
    consumers: _Count
    first: _Count
    end: _Count


class Exposure(_Record):
    """How often samples of each asset of a delivery were handed over."""

    fairshard_exposure: Literal[1]
    deal_id: str
    delivery: str  # <deal_id>/<version>
    manifest_sha256: _Digest
    parts: Annotated[list[ExposurePart], Field(min_length=1)]  # sorted
    samples: _Count  # the sum of all counts, and of the parts' lengths
    counts: dict[_Digest, Annotated[int, Field(ge=1, le=MAX_COUNT)]]  # by asset's commitment
