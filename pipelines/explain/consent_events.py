"""Lists consent events as they are in the table, with what each rests on and when it counts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pyarrow as pa

from pipelines.catalogue.consent_basis import NEVER, SILENCE, consent_bases
from pipelines.rights.arrow import as_integers, column
from pipelines.rights.formatting import one_line
from pipelines.rights.release_traits import DAY_US
from pipelines.storage.columns import rows_of
from schemas.catalogue import BY_DEFAULT, ConsentRow
from schemas.rights import ALL_PURPOSES, Basis, Permission, Purpose

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class ConsentEvent:
    """One row of consents.

    Attributes:
        purpose: A purpose, or `all`.
        value: What was said.
        given_at: When, ISO 8601.
        narrowed: Whether it was said about this asset only.
        basis: The word of the table, or "".
        notice_at: The day of the notice, ISO 8601, or "".
        window_days: The days after it, or None.
        by_silence: Whether it is read as a yes by silence.
        counts_from: Of a yes by silence or default when it counts, ISO 8601; "" if never.
        by_default: Whether it is the mapping's default for every contributor.
        agreement: The agreement that a default names, or "".
    """

    purpose: str
    value: str
    given_at: str
    narrowed: bool
    basis: str
    notice_at: str
    window_days: int | None
    by_silence: bool
    counts_from: str
    by_default: bool = False
    agreement: str = ""

    def note(self, explicit_only: bool) -> str:
        """Returns what it rests on; "" if it does not say, unless that counts against a yes."""
        is_stated = self.basis or self.by_silence or self.by_default
        if not is_stated and not (explicit_only and self.value == Permission.ALLOW):
            return ""
        text = f"{self.value} of {self.given_at}"
        text += ", for this asset" if self.narrowed else ""
        if not is_stated:
            return f"{text}, basis not stated"
        basis = self.basis or Basis.SILENCE.value
        if self.by_silence and basis != Basis.SILENCE:
            basis += ", read as silence"
        if self.by_default:
            text += f", by default under {self.agreement}"
        text += f", basis {basis}"
        if self.by_silence:
            window = "no window" if self.window_days is None else f"{self.window_days} days"
            text += f" (notice {self.notice_at or 'not given'}, {window}: "
            text += f"counts from {self.counts_from})" if self.counts_from else "never counts)"
        return text


def consent_events(events: pa.Table, who: str | None, purpose: Purpose) -> Iterator[ConsentEvent]:
    """Yields a contributor's events about a purpose, in the order of the table.

    Args:
        events: Events about one asset and in general.
        who: The contributor.
        purpose: The purpose.
    """
    bases = consent_bases(events)
    given = as_integers(column(events, "given_at"), NEVER)
    notices = as_integers(column(events, "notice_at"), NEVER)
    names = ["contributor_id", "purpose", "value", "asset_id", "basis", "window_days"]
    names.append("agreement_ref")
    by_default = [False] * len(events)
    if BY_DEFAULT in events.schema.names:
        by_default = [bool(value) for value in column(events, BY_DEFAULT).to_pylist()]
    for i, row in enumerate(rows_of(events.select(names), ConsentRow)):
        if row["contributor_id"] != who or row["purpose"] not in (purpose, ALL_PURPOSES):
            continue
        silent = bool(bases.codes[i] == SILENCE) and row["value"] == Permission.ALLOW
        end = int(bases.window_ends[i])
        yield ConsentEvent(
            purpose=row["purpose"],
            value=one_line(row["value"]),
            given_at=iso_instant(int(given[i])),
            narrowed=row["asset_id"] is not None,
            basis="" if row["basis"] is None else one_line(row["basis"]),
            notice_at="" if notices[i] == NEVER else iso_instant(int(notices[i]) * DAY_US),
            window_days=row["window_days"],
            by_silence=silent,
            counts_from=_counts_from(int(given[i]), end if silent else None, by_default[i]),
            by_default=by_default[i],
            agreement=one_line(row["agreement_ref"] or "") if by_default[i] else "",
        )


def _counts_from(given_us: int, window_end: int | None, by_default: bool) -> str:
    """Returns when a yes by silence, whose window is given, or by default counts."""
    if window_end is not None:
        return "" if window_end == NEVER else iso_instant(max(given_us, window_end))
    return iso_instant(given_us) if by_default else ""


def undated_began(events: Sequence[ConsentEvent], narrowed: bool) -> str:
    """Returns since when a yes by silence or default holds that is about an asset, or general."""
    ends = (event.counts_from for event in events if event.narrowed == narrowed)
    return min(filter(None, ends), default="")


def iso_instant(us: int) -> str:
    """Formats an instant (µs since 1970) as ISO 8601, as a date only if it is midnight UTC."""
    try:
        when = _EPOCH + timedelta(microseconds=us)
    except OverflowError:  # a year that datetime does not support
        return f"{us} µs since 1970"
    if (when - _EPOCH) % timedelta(days=1) == timedelta(0):
        return when.date().isoformat()
    return when.isoformat().replace("+00:00", "Z")
