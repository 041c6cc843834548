"""What an earlier run of the same inputs left: a finished delivery, or work that is continued."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.ledger.ed25519 import parse_vkey
from pipelines.report.defaults import strict_defaults
from pipelines.report.summary import verify_command
from pipelines.report.versions import versions_json
from pipelines.run.job import Job
from pipelines.run.pools import PastVersion
from pipelines.run.status import RunState, read_status
from pipelines.run.step_names import STEP_NAMES
from pipelines.run.undelivered import look_back
from pipelines.storage.store import Store
from pipelines.storage.tables import read_json
from schemas import layout
from schemas.errors import counted
from schemas.manifest import Manifest


def continued_line(store: Store, job: Job) -> str:
    """Returns a line on what an earlier attempt at a run has done; "" if there was none.

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


def complete_json(
    store: Store, job: Job, history: Sequence[PastVersion], changed: Sequence[str]
) -> dict[str, object]:
    """Returns the summary of a delivery that is complete already, with the keys of a new one's.

    Values that only the run itself knew are null, unless its record in `attempt` has them.

    Args:
        store: The output.
        job: The run that made it.
        history: The published versions of the deal.
        changed: Assets whose files changed since an earlier version was made from them.
    """
    manifest = Manifest.model_validate_json(
        store.read_bytes(f"{job.delivery}/{layout.MANIFEST}"), strict=False
    )
    status = read_status(store, job.deal.deal_id, job.version)
    record, end = status.record, manifest.end
    ended = look_back(store, f"{job.agency}/decisions", status.steps)
    return {
        **_found_in_files(store, job),
        "models": {
            "clip": job.models.clip_id,
            "captioner": job.models.captioner_id,
            "vocabulary": job.models.vocabulary_id,
            "precision": list(job.models.precision_notes),
        },
        "versions": versions_json(job, history, None),
        "changed_files": list(changed),
        "strict_defaults": [item.to_json() for item in strict_defaults(job.deal, ended)],
        "made": False,
        "complete": True,
        "delivery": f"{job.output_uri}/{job.delivery}",
        "agency": f"{job.output_uri}/{job.agency}",
        "replaced_by": "".join(past.name for past in history if past.replaces == job.version),
        "replaces": job.replaces or None,
        "steps": {name: counts.to_json() for name, counts in status.steps.items()},
        **({} if record is None else {"attempt": record.attempt.model_dump()}),
        "computed": {} if record is None else record.computed,
        "shards": end.shards,
        "samples": end.samples,
        "files": end.files,
        "bytes": end.bytes,
        **_money(store, job),
        "demonstration": manifest.models.demonstration,
        "vkey": manifest.vkey,
        "fingerprint": parse_vkey(manifest.vkey).fingerprint,
        "verify": verify_command(job, manifest.vkey),
    }


def _found_in_files(store: Store, job: Job) -> dict[str, object]:
    """Returns what the run found in the catalogue and in the files, as it recorded it."""
    counts = read_json(store, f"{job.agency}/{layout.COUNTS}")
    read = read_json(store, f"{job.agency}/{layout.READING}")
    return {
        "reported_rules": read.get("reported_rules", []),
        "catalogue": read.get("catalogue"),
        "personal_data": counts.get("personal_data"),
        "sample_counts": counts.get("samples"),
        "likeness": counts.get("likeness"),
        **({"faces": counts["faces"]} if counts.get("faces") else {}),
    }


def _money(store: Store, job: Job) -> dict[str, object]:
    pool = read_json(store, f"{job.agency}/{layout.POOL}")
    rounding = pool.get("rounding_minor", 0)
    divided = pool["agency_minor"] + pool["contributors_minor"] + rounding
    return {
        "contributors_paid": pool.get("contributors"),
        "currency": pool["currency"],
        "pool": pool.get("name", job.pool),
        "pool_minor": pool["gross_minor"],
        "deductions_minor": pool["gross_minor"] - divided,
        "agency_minor": pool["agency_minor"],
        "contributors_minor": pool["contributors_minor"],
        "rounding_minor": rounding,
        "undelivered_minor": None,
        "other_currencies": None,
    }
