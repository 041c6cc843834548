"""The record of a run: how many assets each step took and left, and what the work took.

`steps`, `computed` and `delivered` follow from the inputs: a run with the same inputs has the same.
`attempt` differs from run to run, so the record lies outside the version, whose files do not.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunOutcome(StrEnum):
    """How a run ended."""

    DELIVERED = "delivered"
    UNDELIVERED = "undelivered"  # its assets were counted, but there is no delivery
    FAILED = "failed"  # before all of its assets were counted


class StepRecord(_Record):
    """What became of the assets of a step: entered = passed + refused + failed."""

    entered: int
    passed: int
    refused: int  # assets; one may have several reasons
    failed: int
    refused_by_reason: dict[str, int]
    failed_by_reason: dict[str, int]


class Delivered(_Record):
    """The size of the delivery."""

    shards: int
    samples: int
    files: int
    bytes: int


class WorkRecord(_Record):
    """What the work of a run or a step took, earlier attempts at the run included."""

    media_bytes: int  # read, whether from a folder, a bucket or a web server
    decode_s: float  # waiting for decoders, in all threads
    inference_s: float  # in models that were loaded
    model_load_s: float
    model_calls: int
    model_inputs: int  # pictures and texts in these calls
    decoder_retries: int
    fetch_retries: int
    store_retries: int


class StepTime(_Record):
    """How long a step took in this attempt, and its pieces: batches of rows, units or shards."""

    elapsed_s: float  # from its first piece to its last
    busy_s: float  # all of its pieces, earlier attempts included
    cpu_s: float | None  # of the workers' processes, without decoders; none if it is not known
    pieces: int
    after_s: float | None = None  # from the attempt's start; none if an earlier one did it all
    smallest_piece: int = 0  # its assets; 0 if that is not known
    largest_piece: int = 0
    work: WorkRecord | None = None  # none in the record of an earlier release


class AttemptRecord(_Record):
    """How the run went this time."""

    engine: str
    workers: int | None  # when it began; none if the engine does not say
    started: str  # UTC, ISO 8601
    ended: str
    elapsed_s: float
    other_s: float  # outside of all steps: preparing, starting workers, waiting
    steps: dict[str, StepTime]
    work: WorkRecord
    beam_counters: dict[str, int] | None  # none on engines without Beam's metrics


class RunRecord(_Record):
    """The record of the last attempt at a version."""

    fairshard_run: int  # the form of this record: 1
    deal_id: str
    version: str
    run_id: str
    outcome: RunOutcome
    error: str  # what went wrong, without names and addresses; "" if nothing did
    steps: dict[str, StepRecord]  # read, screen, enrich, select and write, as far as they ran
    computed: dict[str, int]  # media decoded, embedded and captioned for the first time
    delivered: Delivered | None
    attempt: AttemptRecord
