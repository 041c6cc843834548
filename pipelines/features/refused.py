"""What copies of a refused asset's file are recognised by: its place, digest and look.

No model sees these files and nobody's web server is asked for them: only files in folders and
buckets are read. A file that cannot be read is known by its place and the catalogue's digest alone.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from pipelines.features.assets import is_settled
from pipelines.features.context import FetchContext
from pipelines.features.digest_cache import digest_cache_row, file_state
from pipelines.features.fact_rows import facts_row
from pipelines.features.prepare import prepare_media
from pipelines.features.unit_features import UnitFeatures
from pipelines.fetch.fetch import fetch
from pipelines.fetch.hosts import HttpLocation
from pipelines.fetch.http import url_of
from pipelines.fetch.locate import FileLocation, Location, resolve_media_uri
from pipelines.media.formats import media_type_of
from pipelines.media.looks import HASH_AND_COLOURS, main_look
from pipelines.media.sniff import sniff_format
from schemas.errors import BadRecord
from schemas.features import FactsRow
from schemas.file_features import DigestCacheRow
from schemas.refused import RefusedFile, RefusedRow, owners_text


@dataclass(frozen=True)
class RefusedMedia:
    """A refused asset's file.

    Attributes:
        file: What its copies are recognised by.
        facts: Its facts, if it was decoded now.
        cache_row: Its state and digest, if later runs may rely on it.
    """

    file: RefusedFile
    facts: FactsRow | None = None
    cache_row: DigestCacheRow | None = None


def place_of(media_uri: str, context: FetchContext) -> int:
    """Returns a hash of where a file lies: the same for each spelling of one address."""
    try:
        location = resolve_media_uri(media_uri, context.catalogue.uri, context.policy)
    except BadRecord:
        return _hash(f"unresolved {media_uri}")
    return _hash(_address(location))


def _address(location: Location) -> str:
    if isinstance(location, HttpLocation):
        return url_of(location)
    if isinstance(location, FileLocation):
        return f"file {location.path}"
    return f"s3 {location.bucket} {location.key}"


def _hash(text: str) -> int:
    digest = hashlib.sha256(text.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:8], "big")


def read_refused(
    row: RefusedRow,
    context: FetchContext,
    features: UnitFeatures,
    now_s: Callable[[], float],
) -> RefusedMedia:
    """Returns what copies of a refused asset's file are recognised by.

    The file is read only if the deal requires that, and decoded only if the deal's deduplication
    compares looks. What was read before and has not changed since is recalled.

    Args:
        row: The asset.
        context: The inputs by which files are fetched.
        features: Features of the unit's media.
        now_s: Returns the time before the file is read.
    """
    file = RefusedFile(
        asset_id=row["asset_id"],
        reasons=row["reasons"],
        lasting=row["lasting"],
        owners=owners_text(row["contributors"]),
        place=place_of(row["media_uri"], context),
        listed_sha256=(row["sha256"] or "").lower(),
        media_sha256="",
        phash="",
        colour="",
        look="",
    )
    # A notice holds for copies whatever the deal says.
    is_removed = "asset.removed" in row["reasons"].split(", ")
    if context.deal.rights.copies_of_refused != "refuse" and not is_removed:
        return RefusedMedia(file)
    try:
        location = resolve_media_uri(row["media_uri"], context.catalogue.uri, context.policy)
        if isinstance(location, HttpLocation):
            return RefusedMedia(file)
        return _read(file, location, context, features, now_s)
    except BadRecord:
        return RefusedMedia(file)


def _read(
    file: RefusedFile,
    location: Location,
    context: FetchContext,
    features: UnitFeatures,
    now_s: Callable[[], float],
) -> RefusedMedia:
    compares_looks = context.deal.select.compares_looks
    state = file_state(location)
    known = features.digest_cache.get(state.key) if state else None
    if known is not None and known["media_sha256"]:
        facts = features.facts.get(known["media_sha256"])
        if facts is not None or not compares_looks:
            return RefusedMedia(_with_look(file, known["media_sha256"], facts))
    settled = state is not None and is_settled(state, now_s())
    data = fetch(location, context.limits.max_bytes)
    digest, fmt = hashlib.sha256(data).hexdigest(), sniff_format(data)
    cache_row = None
    if state is not None and fmt is not None and settled and file_state(location) == state:
        cache_row = digest_cache_row(state, digest, fmt)
    facts = features.facts.get(digest)
    if facts is not None or fmt is None or not compares_looks:
        return RefusedMedia(_with_look(file, digest, facts), cache_row=cache_row)
    try:
        prepared = prepare_media(data, "", media_type_of(fmt), None, context.limits)
    except BadRecord:  # without a look, its copies are known by their bytes
        return RefusedMedia(_with_look(file, digest, None), cache_row=cache_row)
    facts = facts_row(prepared)
    return RefusedMedia(_with_look(file, digest, facts), facts, cache_row)


def _with_look(file: RefusedFile, digest: str, facts: FactsRow | None) -> RefusedFile:
    if facts is None:
        return {**file, "media_sha256": digest}
    return {
        **file,
        "media_sha256": digest,
        "phash": facts["phash"],
        "colour": facts["colour"],
        "look": main_look(facts["looks"])[:HASH_AND_COLOURS].hex(),
    }
