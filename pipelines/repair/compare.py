"""Explains why a repeated run gave a different result, by naming the assets that differ."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.ledger.signed_note import NoteError, open_checkpoint
from pipelines.repair.version import PublishedVersion
from pipelines.run.decisions import read_decisions
from pipelines.run.job import Job
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout

_MAX_NAMED = 5
_LEDGER = "ledger/ledger-00000.parquet"


def explain_difference(store: Store, published: PublishedVersion, job: Job) -> list[str]:
    """Lists assets whose decision or medium differs from the agency's tables, one line each.

    Args:
        store: The output.
        published: The published version.
        job: The repeated run.
    """
    published_prefix = layout.agency_prefix(published.deal_id, published.version)
    named = [
        *_changed_decisions(store, published_prefix, job.agency),
        *_changed_media(store, published_prefix, job.agency),
    ]
    more = len(named) - _MAX_NAMED
    return [*named[:_MAX_NAMED], *([f"and {more:,} more assets"] if more > 0 else [])]


def has_agency_ledger(store: Store, published: PublishedVersion) -> bool:
    """Returns whether the agency's ledger of the version exists."""
    return store.exists(f"{layout.agency_prefix(published.deal_id, published.version)}/{_LEDGER}")


def published_checkpoint(
    store: Store, published: PublishedVersion, vkey: str
) -> tuple[str, int, bytes] | None:
    """Returns origin, size and root of the version's checkpoint if the key signed it, else None."""
    key = f"{published.delivery}/{layout.CHECKPOINT}"
    try:
        text = store.read_bytes(key).decode("utf-8", "replace")
        origin, size, root = open_checkpoint(text, vkey)
    except (FileNotFoundError, NoteError):
        return None
    ours = layout.delivery_of_origin(origin) == f"{published.deal_id}/{published.version}"
    return (origin, size, root) if ours else None


def _changed_decisions(store: Store, published_prefix: str, rebuilt_prefix: str) -> Iterator[str]:
    before, after = (_decisions(store, prefix) for prefix in (published_prefix, rebuilt_prefix))
    for asset, was in sorted(before.items()):
        now = after.get(asset, ("", ""))
        if now != was:
            yield f"asset {asset!r} was {_describe(was)}, now {_describe(now)}"


def _describe(decision: tuple[str, str]) -> str:
    outcome, reasons = decision
    return f"{outcome or 'absent'} ({reasons})" if reasons else outcome or "absent"


def _decisions(store: Store, prefix: str) -> dict[str, tuple[str, str]]:
    found = {}
    for batch in read_decisions(store, f"{prefix}/decisions", ("asset_id", "outcome", "reasons")):
        for row in batch.to_pylist():
            found[row["asset_id"]] = (row["outcome"], ", ".join(row["reasons"]))
    return found


def _changed_media(store: Store, published_prefix: str, rebuilt_prefix: str) -> Iterator[str]:
    if not all(
        store.exists(f"{prefix}/{_LEDGER}") for prefix in (published_prefix, rebuilt_prefix)
    ):
        return
    columns = ["asset_id", "media_sha256"]
    before, after = (
        read_parquet(store, f"{prefix}/{_LEDGER}", columns)
        for prefix in (published_prefix, rebuilt_prefix)
    )
    digests = dict(zip(*(after[name].to_pylist() for name in columns), strict=True))
    pairs = zip(*(before[name].to_pylist() for name in columns), strict=True)
    for asset, was in sorted(set(pairs)):
        now = digests.get(asset)
        if now is not None and now != was:
            yield f"the media file of asset {asset!r} now has sha256 {now}, before {was}"
