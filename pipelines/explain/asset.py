"""One asset through the walk, alone: the same steps, each kept with what it saw.

The order, marked below: 1. find its rows in the catalogue, a batch at a time; 2. the gate; 3. the
small tables; 4. screening; 5. its file, if the catalogue alone clears it and a run would fetch it.
What depends on other assets (duplicates, the cap) is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.catalogue.mapping import load_mapping, near
from pipelines.catalogue.read import Catalogue, DeadRow, open_catalogue, read_batches
from pipelines.explain.file import FileTrace, file_trace
from pipelines.explain.trace import (
    RowTrace,
    SmallTables,
    add_file,
    trace_dead,
    trace_screened,
    verdict_of,
)
from pipelines.fetch.locate import SourcePolicy, media_limits, source_policy
from pipelines.media.limits import MediaLimits
from pipelines.rights.arrow import column, equals
from pipelines.rights.lines import one_line
from pipelines.rights.screen import build_index, screen_batch
from pipelines.rights.standing import add_standing
from pipelines.run.decisions import dead_letter
from pipelines.signals.file.trust import NO_TRUST, TrustLists, load_trust_lists
from schemas.catalogue import ASSETS_SCHEMA
from schemas.deal import Deal
from schemas.errors import InputError

_MOST_ALIKE = 2_000  # ids that are kept to guess which one was meant
_ALIKE_CHARS = 3
_MOST_ROWS = 20  # of one id that are traced


@dataclass(frozen=True)
class Inquiry:
    """What an asset is judged by: all of a run's inputs that its decision depends on.

    Attributes:
        deal: The deal.
        catalogue: The opened catalogue.
        as_of: The instant that rights are judged at, UTC.
        policy: What media URIs may reach.
        limits: What media may cost.
        trust: Whose C2PA signatures count.
    """

    deal: Deal
    catalogue: Catalogue
    as_of: datetime
    policy: SourcePolicy
    limits: MediaLimits
    trust: TrustLists = NO_TRUST

    @property
    def as_of_us(self) -> int:
        """`as_of` in µs since 1970."""
        return round(self.as_of.timestamp() * 1_000_000)


@dataclass(frozen=True)
class Explained:
    """An asset's whole trace.

    Attributes:
        asset_id: The asset.
        count: How many rows have its id.
        rows: The first of them: those that were screened, then those that could not be read.
        warnings: What keeps a run of this deal from coming as far as this asset.
        why_no_file: Why the file was not fetched; "" where it was.
    """

    asset_id: str
    count: int
    rows: tuple[RowTrace, ...]
    warnings: tuple[str, ...] = ()
    why_no_file: str = ""

    @property
    def unread(self) -> bool:
        """Whether the catalogue clears the asset and its file, which may say no, was not read."""
        return bool(self.why_no_file) and verdict_of(self.rows) == "cleared"


@dataclass
class _Found:
    """How many rows have one id, the first of them, and some ids that look like it."""

    count: int = 0
    table: pa.Table = field(default_factory=ASSETS_SCHEMA.empty_table)
    dead: list[DeadRow] = field(default_factory=list)
    alike: dict[str, None] = field(default_factory=dict)


def open_inquiry(
    catalogue: str,
    deal: Deal,
    as_of: datetime,
    mapping: str = "",
    roots: tuple[str, ...] = (),
    hosts: tuple[str, ...] = (),
) -> Inquiry:
    """Opens what an asset is judged by; nothing is written.

    Args:
        catalogue: Folder or s3:// prefix.
        deal: The deal.
        as_of: The instant that rights are judged at, UTC.
        mapping: Path of a column mapping, or "".
        roots: Further roots that media may lie under.
        hosts: Further hosts that they may come from.

    Raises:
        InputError: Naming the first input that is refused.
    """
    return Inquiry(
        deal=deal,
        catalogue=open_catalogue(catalogue, load_mapping(Path(mapping)) if mapping else None),
        as_of=as_of,
        policy=source_policy(deal, roots, hosts),
        limits=media_limits(deal),
        trust=load_trust_lists([Path(path).absolute() for path in deal.sources.trust_lists]),
    )


def read_small(inquiry: Inquiry) -> SmallTables:
    """Reads what assets are joined to.

    Raises:
        InputError: If a table breaks a rule that stops.
    """
    from pipelines.catalogue.gate import read_small_tables

    contributors, consents, releases = read_small_tables(inquiry.catalogue)
    index = build_index(contributors, consents, releases, inquiry.deal, inquiry.as_of_us)
    return SmallTables(consents, releases, index, inquiry.as_of_us)


def explain_asset(
    asset_id: str, inquiry: Inquiry, fetch: bool = True, small: SmallTables | None = None
) -> Explained:
    """Traces one asset.

    Args:
        asset_id: Its id, or the place of a row whose id cannot be read.
        inquiry: What it is judged by.
        fetch: Whether its file may be fetched.
        small: What it is joined to, where that was read before.

    Raises:
        InputError: If no row has the id, or an input is refused.
        RunError: If a store fails.
    """
    found = _find(_text(asset_id), inquiry.catalogue)  # 1
    # Imported here and in `read_small`: Great Expectations takes seconds to load, and that an id is
    # not there is told without it.
    from pipelines.catalogue.gate import gate_batch
    from pipelines.catalogue.outcome import stop_error
    from pipelines.catalogue.suite import check_divert, load_suite

    suite = load_suite("assets")
    gated = gate_batch(found.table, suite, check_divert(suite, inquiry.deal.gate.divert))  # 2
    stopped = stop_error(gated.summary, suite)
    small = small or read_small(inquiry)  # 3
    dead = [
        trace_dead(dead_letter(row.asset_id, row.reason, row.detail))
        for row in (*found.dead, *gated.dead)
    ]
    screened = list(_screen(gated.table, small, inquiry.deal, found.count))  # 4
    why = _why_no_file(screened, fetch, stopped is not None)
    if not why:
        screened = [_with_file(trace, inquiry) for trace in screened]  # 5
    warnings = () if stopped is None else (f"A run of this deal stops at the gate: {stopped}",)
    return Explained(asset_id, found.count, (*screened, *dead), warnings, why)


def _find(asset_id: str, catalogue: Catalogue) -> _Found:
    """Reads the whole table once, a batch in hand at a time."""
    found = _Found()
    for part in catalogue.parts("assets"):
        for batch in read_batches(part, catalogue.mapping):
            ids = column(batch.table, "asset_id")
            mine = batch.table.filter(pa.array(equals(ids, asset_id)))
            dead = [row for row in batch.dead if row.asset_id == asset_id]
            found.count += len(mine) + len(dead)
            room = _MOST_ROWS - len(found.table) - len(found.dead)
            found.table = pa.concat_tables([found.table, mine.slice(0, room)])
            found.dead += dead[: max(0, room - len(mine))]
            if len(found.alike) < _MOST_ALIKE:
                found.alike.update(dict.fromkeys(_alike(ids, asset_id)))
    if not found.count:
        guesses = ", ".join(one_line(name) for name in near(asset_id, found.alike))
        raise InputError(
            "The catalogue has no such asset",
            one_line(asset_id),
            f"Is it one of {guesses}?" if guesses else "Give an asset_id of the catalogue.",
        )
    return found


def _text(asset_id: str) -> str:
    """An argument as text: bytes that are no UTF-8 come as lone surrogates, which no id has."""
    return asset_id.encode("utf-8", "replace").decode()


def _alike(ids: pa.Array, asset_id: str) -> list[str]:
    """Some ids that hold the one asked for, or begin alike."""
    start = asset_id.strip()[:_ALIKE_CHARS]
    chosen = pc.starts_with(ids, start, ignore_case=True)
    if asset_id.strip():
        chosen = pc.or_(chosen, pc.match_substring(ids, asset_id.strip(), ignore_case=True))
    found: list[str] = ids.filter(chosen).slice(0, _MOST_ALIKE).to_pylist()
    return found


def _screen(table: pa.Table, small: SmallTables, deal: Deal, rows: int) -> Iterator[RowTrace]:
    mask = screen_batch(table, small.index, deal, np.full(len(table), rows > 1))
    for i, bits in enumerate(mask):
        one = table.slice(i, 1)
        if not bits:
            one = add_standing(one, small.index, deal)
        yield trace_screened(one, int(bits), small, deal, rows)


def _why_no_file(screened: list[RowTrace], fetch: bool, stopped: bool) -> str:
    if not screened:
        return "The file was not fetched: the row cannot be read."
    if any(trace.decision is not None for trace in screened):
        return "The file was not fetched: the catalogue alone refuses the asset."
    if stopped:
        return "The file was not fetched: a run would stop before."
    return "" if fetch else "The file was not fetched, as --no-fetch asks: it may say no."


def _with_file(trace: RowTrace, inquiry: Inquiry) -> RowTrace:
    # Imported here: decoders take a while to load, and most refusals need none.
    from pipelines.features.gather import Known, gather

    gathered = gather(trace.row, inquiry, Known({}, {}, {}, {}, {})).without_pixels()
    file = FileTrace(gathered.digest)
    if gathered.resolution is not None:
        file = file_trace(
            trace.row,
            gathered.digest,
            gathered.reading,
            gathered.resolution,
            inquiry.deal,
            inquiry.as_of.date(),
        )
    return add_file(trace, file, gathered.decision)
