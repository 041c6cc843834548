"""One asset's media: fetched, digested, prepared if it is new, and read for what it says of rights.

`recall` comes first: a local file that was read before and was not touched since is judged by what
is known of its bytes, without reading them. Where that is not enough, or anything is wrong,
`gather` reads it.

The order, marked below: 1. fetch and digest; 2. prepare (probe, decode, hash) what is not known;
3. read what the file says of rights, and its server; 4. resolve; 5. decode what is known already
only if a model is still to see it. Decoding comes before the signals
so that a damaged file is a dead letter, and no model sees a picture before they are resolved.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import lru_cache
from typing import Protocol

from pipelines.catalogue.read import Catalogue
from pipelines.features.digest_cache import RESTED_S, FileState, seen_row, state_of
from pipelines.features.guard import this_guard
from pipelines.features.prepare import Prepared, check_bytes, prepare_media
from pipelines.features.readings import reading_from_json, reading_to_json
from pipelines.features.store import Row
from pipelines.fetch.fetch import Fetched, fetch_with_evidence
from pipelines.fetch.locate import SourcePolicy, resolve_media_uri
from pipelines.media.formats import Format, as_format, check_name
from pipelines.media.limits import MediaLimits
from pipelines.rights.lines import one_line
from pipelines.rights.resolve import Resolution, resolve
from pipelines.run.decisions import Decision, dead_letter, refused
from pipelines.signals.catalogue import read_grants
from pipelines.signals.file.trust import TrustLists
from pipelines.signals.server.http import read_http
from schemas.deal import Deal
from schemas.errors import BadRecord
from schemas.reasons import Reason
from schemas.signal import Reading, merge_readings


class Terms(Protocol):
    """What an asset's media is fetched, read and judged by: a run's job has it all."""

    @property
    def deal(self) -> Deal:
        """The deal."""

    @property
    def catalogue(self) -> Catalogue:
        """The catalogue, beside which media may lie."""

    @property
    def as_of(self) -> datetime:
        """The instant that rights are judged at, UTC."""

    @property
    def policy(self) -> SourcePolicy:
        """What media URIs may reach."""

    @property
    def limits(self) -> MediaLimits:
        """What media may cost."""

    @property
    def trust(self) -> TrustLists:
        """Whose C2PA signatures count."""


@dataclass
class Known:
    """Features of the unit's media: what the store had, and what was added."""

    facts: dict[str, Row]
    embeddings: dict[str, Row]
    captions: dict[str, Row]
    scores: dict[str, Row]
    readings: dict[str, Row]
    seen: dict[str, Row] = field(default_factory=dict)
    new_facts: list[Row] = field(default_factory=list)
    new_embeddings: list[Row] = field(default_factory=list)
    new_captions: list[Row] = field(default_factory=list)
    new_scores: list[Row] = field(default_factory=list)
    new_readings: list[Row] = field(default_factory=list)
    new_seen: list[Row] = field(default_factory=list)

    def complete(self, digest: str) -> bool:
        """Whether nothing is left to compute of a medium."""
        return digest in self.facts and digest in self.embeddings and digest in self.captions


@dataclass(frozen=True)
class Gathered:
    """One asset's media.

    Attributes:
        row: The asset's row.
        digest: sha256 of the media, hex; "" where there is none.
        prepared: What was computed of it, if it was not known before.
        own_reading: What the file itself says of rights, as a row of READINGS_SCHEMA.
        reading: All that catalogue, file and server say.
        resolution: What that comes to.
        decision: Why the asset goes no further, if it does not.
        seen: What the file held, as a row of SEEN_SCHEMA, where that may be relied on later.
    """

    row: Row
    digest: str = ""
    prepared: Prepared | None = None
    own_reading: Row | None = None
    reading: Reading = field(default_factory=Reading)
    resolution: Resolution | None = None
    decision: Decision | None = None
    seen: Row | None = None

    @property
    def inference(self) -> bool:
        """Whether the asset may be embedded and captioned."""
        return self.resolution is not None and self.resolution.inference

    def without_pixels(self) -> Gathered:
        """The same without the decoded pictures."""
        return self if self.prepared is None else replace(self, prepared=None)


def recall(row: Row, terms: Terms, known: Known) -> Gathered | None:
    """Judges an asset by what is known of its file's bytes; None where the file must be read.

    Any doubt is left to `gather`, so that there is one place that says what is wrong.
    """
    try:
        location = resolve_media_uri(row["media_uri"], terms.catalogue.uri, terms.policy)
        state = state_of(location)
        seen = known.seen.get(state.key) if state else None
        if state is None or seen is None or state.size_bytes > terms.limits.max_bytes:
            return None
        digest, fmt = seen["media_sha256"], seen["format"]
        if digest not in known.facts or digest not in known.readings:
            return None
        if row["sha256"] and row["sha256"].lower() != digest:
            return None
        check_name(row["media_uri"], row["media_type"], as_format(fmt))
        _check_pixels(known.facts[digest], terms)
    except BadRecord:
        return None
    judged = _judge(Gathered(row, digest), known.readings[digest], Reading(), terms)
    awaited = judged.decision is None and judged.inference
    return None if awaited and not known.complete(digest) else judged


def gather(
    row: Row, terms: Terms, known: Known, now_s: Callable[[], float] | None = None
) -> Gathered:
    """Fetches one asset's media and reads it; what is wrong with it becomes a decision.

    Args:
        row: The asset's row.
        terms: What it is fetched, read and judged by.
        known: What is known of media.
        now_s: Tells the time before the file is read; without it no file is taken down as seen.
    """
    try:
        location = resolve_media_uri(row["media_uri"], terms.catalogue.uri, terms.policy)
        before = state_of(location)
        rested = before is not None and now_s is not None and _rested(before, now_s())
        fetched = fetch_with_evidence(location, terms.limits.max_bytes)  # 1
        claims = (row["media_uri"], row["media_type"], row["sha256"], terms.limits)
        digest, fmt = check_bytes(fetched.data, *claims)
        prepared, was_known = None, digest in known.facts
        if was_known:
            _check_pixels(known.facts[digest], terms)
        else:
            prepared = prepare_media(fetched.data, *claims)  # 2
        seen = None
        if before is not None and rested and state_of(location) == before:
            seen = seen_row(before, digest, fmt)
        served = read_http(fetched.evidence) if fetched.evidence else Reading()
        kept = _own_reading(digest, fetched, fmt, terms, known)  # 3
        judged = _judge(Gathered(row, digest, prepared, seen=seen), kept, served, terms)
        awaited = judged.decision is None and judged.inference
        if was_known and awaited and not known.complete(digest):
            judged = replace(judged, prepared=prepare_media(fetched.data, *claims))  # 5
    except BadRecord as error:
        detail = f"{one_line(row['media_uri'])}: {one_line(error.detail)}"
        return Gathered(row, decision=dead_letter(row["asset_id"], error.reason, detail))
    return judged


def _check_pixels(facts: Row, terms: Terms) -> None:
    """Another deal may have allowed more pixels than this one."""
    pixels = facts["stored_width"] * facts["stored_height"]
    if pixels > terms.limits.max_pixels:
        detail = f"{pixels} pixels; the limit is {terms.limits.max_pixels}"
        raise BadRecord(Reason.MEDIA_TOO_LARGE, detail)


def _rested(state: FileState, now_s: float) -> bool:
    return state.changed_s < now_s - RESTED_S


def _own_reading(digest: str, fetched: Fetched, fmt: Format, terms: Terms, known: Known) -> Row:
    """What the file itself says of rights, as a row of READINGS_SCHEMA."""
    if digest in known.readings:
        return known.readings[digest]
    own = this_guard().signals(fetched.data, fmt, terms.trust, terms.limits)
    text = json.dumps(reading_to_json(own), ensure_ascii=False, sort_keys=True)
    return {"media_sha256": digest, "reading": text}


@lru_cache(maxsize=256)
def _reading(text: str) -> Reading:
    """A reading that was kept; most files say the same, which is nothing."""
    return reading_from_json(json.loads(text))


def _judge(gathered: Gathered, kept: Row, served: Reading, terms: Terms) -> Gathered:
    row = gathered.row
    reading = merge_readings((read_grants(row), _reading(kept["reading"]), served))
    resolution = resolve(row, reading, terms.deal, terms.as_of.date())  # 4
    decision = None
    if resolution.reasons:
        decision = refused(row["asset_id"], resolution.reasons, resolution.detail)
    digest, prepared, seen = gathered.digest, gathered.prepared, gathered.seen
    return Gathered(row, digest, prepared, kept, reading, resolution, decision, seen)
