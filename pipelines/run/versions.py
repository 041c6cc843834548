"""Versions of a deal's deliveries: which version a run creates, resumes or finds complete."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

from pipelines.storage.store import Store
from pipelines.storage.tables import json_bytes, read_json
from schemas import layout
from schemas.deal import Deal
from schemas.errors import InputError, RunError

# Increase it when the files that steps pass to one another, or the agency's tables, change but the
# delivery's bytes do not. A run started by an earlier version of the program is then started over.
WORK_FORMAT = 8
_VERSION = re.compile(r"v(\d{4,})")


def version_number(name: str) -> int:
    """Returns the number in a version's name; 0 if it is not a version's name."""
    match = _VERSION.fullmatch(name)
    return int(match[1]) if match else 0


@dataclass(frozen=True)
class Version:
    """The version that a run creates.

    Attributes:
        name: `v0001` and so on.
        complete: Whether the same run has already written the manifest.
    """

    name: str
    complete: bool


def find_version(store: Store, deal: Deal, run_id: str) -> Version:
    """Finds a run's version: the one it started or completed, or else the next number.

    Raises:
        InputError: If the output holds a different deal with this deal's id.
    """
    records = run_records(store, deal)
    for name, record in records.items():
        if record["deal_sha256"] != deal.identity_sha256() and is_published(store, deal, name):
            raise InputError(
                "The output already holds a different deal with this id",
                f"{store.uri}/{deal.deal_id}/{name} has another buyer, purpose, territory, term "
                f"or price ({record['deal_sha256'][:12]}…, here {deal.identity_sha256()[:12]}…)",
                "Change the deal's deal_id, or give the run another output.",
            )
    for name, record in records.items():
        if record["run_id"] == run_id:
            return Version(name, is_published(store, deal, name))
    published = [name for name in records if is_published(store, deal, name)]
    numbers = map(version_number, published)
    return Version(layout.version_name(max(numbers, default=0) + 1), False)


def is_published(store: Store, deal: Deal, version: str) -> bool:
    """Whether a version's manifest, which is written last, is there."""
    return store.exists(layout.manifest_key(deal.deal_id, version))


def versions_of(store: Store, deal: Deal, first_run_id: str) -> list[str]:
    """Returns the published versions of a run: the first, and those with retried files."""
    return [
        name
        for name, record in run_records(store, deal).items()
        if record.get("first_run_id", record["run_id"]) == first_run_id
        and is_published(store, deal, name)
    ]


def begin_version(
    store: Store,
    deal: Deal,
    version: str,
    run_id: str,
    first_run_id: str = "",
    retry: str = "",
    more: Mapping[str, str] | None = None,
) -> None:
    """Records which run a version belongs to, so that the run can be resumed.

    `first_run_id` and `retry` are those of `Job`, for a run that retries files. `more` is added to
    the record; it follows from the run and the versions that are published.

    The caller must hold the version's lease (`pipelines.run.lease`). Unpublished files that another
    run, or another version of the program, left under this number are removed, together with the
    work areas of both runs.

    Raises:
        RunError: If the version was published after the run was prepared; nothing is changed.
    """
    key = f"{layout.agency_prefix(deal.deal_id, version)}/{layout.RUN_RECORD}"
    begun = read_json(store, key) if store.exists(key) else {}
    found = begun.get("run_id")
    if is_published(store, deal, version):
        raise RunError(
            "Another run has published this version",
            f"{store.uri}/{deal.deal_id}/{version} by run {found}, this is run {run_id}",
            "Nothing was changed. Run again to create the next version.",
        )
    if found == run_id and begun.get("work_format") == WORK_FORMAT:
        return
    # Receipts go first: without them, no run resumes from what is left of the version.
    for stale_run_id in filter(None, (found, run_id)):
        store.delete_prefix(layout.work_prefix(stale_run_id))
    store.delete_prefix(layout.version_prefix(deal.deal_id, version))
    record = {
        "run_id": run_id,
        "deal_sha256": deal.identity_sha256(),
        "deal_id": deal.deal_id,
        "work_format": WORK_FORMAT,
        **{name: value for name, value in (more or {}).items() if value},
    }
    if retry:
        record |= {"first_run_id": first_run_id, "retry": retry}
    store.write_bytes(key, json_bytes(record))


def run_records(store: Store, deal: Deal) -> dict[str, dict[str, str]]:
    """Returns the records of a deal's versions, published or not, by the version's name."""
    ending = f"/{layout.AGENCY}/{layout.RUN_RECORD}"
    found = {}
    for item in store.list(deal.deal_id):
        if item.key.endswith(ending):
            # A run that is refused removes its record.
            with contextlib.suppress(FileNotFoundError):
                found[item.key.split("/")[1]] = read_json(store, item.key)
    return found
