"""What a version credits after removals: its pool as divided, less what was taken back since.

A patched version has no pool of its own: the one of the version that was packaged goes on. So the
version that replaces a patched one replaces that pool, with its corrections.
"""

from __future__ import annotations

from dataclasses import replace

from pipelines.accounts.deliveries import patched_from
from pipelines.accounts.log import AgencyLog
from pipelines.accounts.pools import booked_pools, corrections_of, credits_of
from pipelines.accounts.removals import patched_deliveries, pool_holder
from pipelines.format.manifest import open_manifest
from pipelines.run.replaced import Replaced
from schemas import layout
from schemas.errors import RunError


def after_removals(log: AgencyLog, replaced: Replaced | None) -> Replaced | None:
    """Returns what a replaced version credits, with the corrections in the books.

    Args:
        log: The agency's log.
        replaced: What its files say.

    Raises:
        RunError: If the books are damaged, or a removal was not completed.
    """
    if replaced is None:
        return None
    holder, pools = pool_holder(replaced.delivery, patched_deliveries(log)), booked_pools(log)
    own = [pool for pool in pools if pool.is_price and pool.delivery == holder]
    if holder == replaced.delivery and _is_patch(log, replaced):
        raise RunError(
            "A removal was not completed",
            f"{replaced.delivery} is published and not recorded in the agency's log",
            "Nothing was changed. Run the same fairshard revoke again, then this command.",
        )
    if not own:
        return replaced  # published before there were books
    corrections = corrections_of(own[-1], pools)
    if holder == replaced.delivery and not corrections:
        return replaced
    credits = credits_of(log, [own[-1], *corrections])
    agency_minor = sum(pool.fields["agency_minor"] for pool in (own[-1], *corrections))
    return replace(
        replaced,
        delivery=holder,
        manifest_sha256=str(own[-1].record.public["manifest_sha256"]),
        agency_minor=agency_minor,
        other_minor=replaced.gross_minor - agency_minor - sum(credits.values()),
        credits=credits,
    )


def _is_patch(log: AgencyLog, replaced: Replaced) -> bool:
    deal_id, _, version = replaced.delivery.partition("/")
    key = layout.manifest_key(deal_id, version)
    return bool(patched_from(open_manifest(log.books.store.read_bytes(key))))
