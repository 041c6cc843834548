"""Says what comes after a run: the report, the deal's versions, and whether buyers can pull."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from pipelines.format.signed_record import SignedRecordError, open_signed
from pipelines.run.announce import DEFAULT_DAYS, read_latest
from pipelines.run.job import Job
from pipelines.storage.store import Store
from schemas import layout
from schemas.errors import counted
from schemas.latest import Changes

_MOST_VERSIONS = 6


def expiry_line(expires_at: datetime, now: datetime) -> str:
    """Returns what is wrong with a `latest.json` that has ended; "" if it holds.

    Args:
        expires_at: When it ends.
        now: The present.
    """
    if expires_at > now:
        return ""
    return (
        f"latest.json holds for {DEFAULT_DAYS} days from --as-of, so it ended on "
        f"{expires_at.date().isoformat()}, and `fairshard pull` refuses it until you renew it."
    )


def latest_command(output: str, key: str = "") -> str:
    """Returns the command that renews the `latest.json` of an output's deals.

    Args:
        output: The output.
        key: The key that the command was given, or "".
    """
    given = ["--key", key] if key else []
    return shlex.join(["fairshard", "latest", "--out", output, *given])


def planned_expiry(as_of: datetime) -> datetime:
    """Returns when the `latest.json` of a run as of some instant ends."""
    return as_of.astimezone(UTC) + timedelta(days=DEFAULT_DAYS)


def stated_expiry(store: Store, deal_id: str) -> datetime | None:
    """Returns when a deal's `latest.json` ends; None if there is none."""
    latest = read_latest(store, deal_id)
    return None if latest is None else datetime.fromisoformat(latest.expires_at)


def report_command(job: Job) -> str:
    """Returns the command that writes the pages about a run."""
    run = job.delivery.rpartition("/")[0]
    return shlex.join(["fairshard", "report", f"{job.output_uri}/{run}"])


def version_lines(store: Store, deal_id: str, version: str, names: Sequence[str]) -> list[str]:
    """Returns which versions exist, and what one changed of the shards of the one before.

    Args:
        store: The output.
        deal_id: The deal.
        version: The version.
        names: The published versions, by number.
    """
    shown = ", ".join(names[-_MOST_VERSIONS:])
    earlier = len(names) - _MOST_VERSIONS
    lines = [f"{counted(earlier, 'earlier version')}, {shown}" if earlier > 0 else shown]
    try:
        data = store.read_bytes(layout.changes_path(deal_id, version))
        changes = open_signed(data, Changes, "changes")
    except (FileNotFoundError, SignedRecordError):
        return lines
    if changes.previous is not None:
        shards = changes.shards
        kinds = {"same": shards.same, "new": shards.new, "changed": shards.changed}
        told = [f"{len(found):,} {kind}" for kind, found in kinds.items()]
        told.append(f"{len(shards.removed):,} gone")
        removed = counted(len(changes.removed), "asset")
        taken = f"; {removed} taken out by notices" if changes.removed else ""
        lines.append(f"shards since {changes.previous.delivery}: {', '.join(told)}{taken}")
    return lines
