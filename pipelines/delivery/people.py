"""What samples say about the people they show, and of their releases: salted commitments."""

from __future__ import annotations

from pipelines.ledger.commitments import Domain, commit, item_salt, text_value
from pipelines.run.job import Job
from schemas import layout
from schemas.profiles.common import CommonSample
from schemas.unit import UnitRow


def release_commitment(salt: bytes, delivery: str, asset_id: str, ref: str) -> str:
    """Returns the commitment to a release of an asset in a delivery."""
    value_salt = item_salt(salt, Domain.RELEASE, delivery, asset_id, ref)
    return commit(Domain.RELEASE, value_salt, text_value(ref))


def people_fields(form: type[CommonSample], row: UnitRow, job: Job) -> dict[str, object]:
    """Returns the fields about people, of profiles that have them.

    Commitments to people are the same in all samples and versions of a deal, so that samples of one
    person can be kept together; those to releases are of one asset and delivery.

    Args:
        form: The profile's model of samples.
        row: The asset's row.
        job: The run.
    """
    if "identities" not in form.model_fields:
        return {}
    delivery = layout.delivery_id(job.deal.deal_id, job.version)
    people = [
        commit(Domain.PERSON, item_salt(job.salt, Domain.PERSON, name), text_value(name))
        for name in row["people"]
    ]
    releases = [
        release_commitment(job.salt, delivery, row["asset_id"], ref)
        for ref in row["model_releases"]
    ]
    return {"identities": "; ".join(sorted(people)), "model_releases": "; ".join(sorted(releases))}
