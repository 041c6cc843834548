"""Why a run that was made again came out otherwise: the assets that were decided otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.ledger.note import NoteError, open_checkpoint
from pipelines.repair.version import Published
from pipelines.run.decisions import read_decisions
from pipelines.run.job import Job
from pipelines.storage.store import Store
from pipelines.storage.tables import read_parquet
from schemas import layout

_MOST_NAMED = 5
_LEDGER = "ledger/ledger-00000.parquet"


def explain_difference(store: Store, place: Published, job: Job) -> list[str]:
    """Names assets whose decision or medium is not what the agency's tables have.

    Args:
        store: The output.
        place: The published version.
        job: The run that was made again.
    """
    published = layout.agency_prefix(place.deal_id, place.version)
    named = [*_decided(store, published, job.agency), *_media(store, published, job.agency)]
    more = len(named) - _MOST_NAMED
    return [*named[:_MOST_NAMED], *([f"and {more:,} more assets"] if more > 0 else [])]


def ledger_is_kept(store: Store, place: Published) -> bool:
    """Whether the agency's ledger of the version is there to compare with."""
    return store.exists(f"{layout.agency_prefix(place.deal_id, place.version)}/{_LEDGER}")


def published_root(store: Store, place: Published, vkey: str) -> tuple[str, int, bytes] | None:
    """Origin, size and root of the version's checkpoint, if the key has signed it."""
    key = f"{place.delivery}/{layout.CHECKPOINT}"
    try:
        text = store.read_bytes(key).decode("utf-8", "replace")
        origin, size, root = open_checkpoint(text, vkey)
    except (FileNotFoundError, NoteError):
        return None
    ours = origin.partition("/")[2] == f"{place.deal_id}/{place.version}"
    return (origin, size, root) if ours else None


def _decided(store: Store, published: str, made: str) -> Iterator[str]:
    before, after = (_decisions(store, prefix) for prefix in (published, made))
    for asset, was in sorted(before.items()):
        now = after.get(asset, ("", ""))
        if now != was:
            yield f"asset {asset!r} was {_tell(was)}, now {_tell(now)}"


def _tell(decision: tuple[str, str]) -> str:
    outcome, reasons = decision
    return f"{outcome or 'nowhere'} ({reasons})" if reasons else outcome or "nowhere"


def _decisions(store: Store, prefix: str) -> dict[str, tuple[str, str]]:
    found = {}
    for batch in read_decisions(store, f"{prefix}/decisions"):
        for row in batch.select(["asset_id", "outcome", "reasons"]).to_pylist():
            found[row["asset_id"]] = (row["outcome"], ", ".join(row["reasons"]))
    return found


def _media(store: Store, published: str, made: str) -> Iterator[str]:
    if not all(store.exists(f"{prefix}/{_LEDGER}") for prefix in (published, made)):
        return
    columns = ["asset_id", "media_sha256"]
    before, after = (
        read_parquet(store, f"{prefix}/{_LEDGER}", columns) for prefix in (published, made)
    )
    digests = dict(zip(*(after[name].to_pylist() for name in columns), strict=True))
    pairs = zip(*(before[name].to_pylist() for name in columns), strict=True)
    for asset, was in sorted(set(pairs)):
        now = digests.get(asset)
        if now is not None and now != was:
            yield f"the medium of asset {asset!r} has sha256 {now}, had {was}"
