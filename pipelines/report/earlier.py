"""What an earlier run of the same inputs left: a finished delivery, or work that is continued."""

from __future__ import annotations

from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.funnel import STEP_NAMES
from pipelines.report.summary import verify_command
from pipelines.run.job import Job
from pipelines.run.status import RunState, read_status
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import counted
from schemas.manifest import Manifest


def continued_line(store: Store, job: Job) -> str:
    """Returns what an earlier attempt at a run has done already; "" if there was none.

    Args:
        store: The output.
        job: The run, before it begins again.
    """
    status = read_status(store, job.deal.deal_id, job.version)
    if status.run_id != job.run_id or status.state is RunState.RUNNING or status.at is None:
        return ""
    done = [STEP_NAMES[name] for name in status.steps if name != status.at.step]
    of = "" if status.at.of is None else f" of {status.at.of:,}"
    pieces = counted(status.at.done, status.at.noun.removesuffix("s"), status.at.noun)
    if of:
        pieces = f"{status.at.done:,}{of} {status.at.noun}"
    parts = [f"{', '.join(done)} done" if done else "", f"{STEP_NAMES[status.at.step]} {pieces}"]
    return f"Continuing {job.deal.deal_id}/{job.version}: {'; '.join(filter(None, parts))}"


def complete_json(store: Store, job: Job, replaced_by: str) -> dict[str, object]:
    """Returns the summary of a delivery that is there already, with the keys of a new one's.

    What only a run knows, such as its times, is in `attempt` if its record is there.

    Args:
        store: The output.
        job: The run that made it.
        replaced_by: The version that has replaced it, or "".
    """
    manifest = Manifest.model_validate_json(
        store.read_bytes(f"{job.delivery}/{layout.MANIFEST}"), strict=False
    )
    status = read_status(store, job.deal.deal_id, job.version)
    record, end = status.record, manifest.end
    pool = read_json(store, f"{job.agency}/{layout.POOL}")
    return {
        "made": False,
        "complete": True,
        "delivery": f"{job.output_uri}/{job.delivery}",
        "agency": f"{job.output_uri}/{job.agency}",
        "replaced_by": replaced_by,
        "replaces": job.replaces or None,
        "steps": {name: counts.to_json() for name, counts in status.steps.items()},
        **({} if record is None else {"attempt": record.attempt.model_dump()}),
        "computed": {} if record is None else record.computed,
        "shards": end.shards,
        "samples": end.samples,
        "files": end.files,
        "bytes": end.bytes,
        "contributors_paid": pool.get("contributors"),
        "currency": pool["currency"],
        "pool_minor": pool["gross_minor"],
        "agency_minor": pool["agency_minor"],
        "contributors_minor": pool["contributors_minor"],
        "rounding_minor": pool.get("rounding_minor", 0),
        "pool": pool.get("name", job.pool),
        "demonstration": manifest.models.demonstration,
        "vkey": manifest.vkey,
        "fingerprint": parse_vkey(manifest.vkey).fingerprint,
        "verify": verify_command(job, manifest.vkey),
    }
