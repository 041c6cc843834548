"""The layout of the output store: pure functions from names to keys.

<output>/<deal_id>/<version>/delivery/…   what the buyer gets
<output>/<deal_id>/<version>/agency/…     what the buyer never gets
<output>/<deal_id>/<version>/CHANGES.json what it changed since the version before, for the buyer
<output>/<deal_id>/notices/<id>.json      notices of removal, for the buyer
<output>/<deal_id>/latest.json            which version is the latest, for the buyer
<output>/<deal_id>/notices/removals.json  everything that notices name, for the buyer's readers
<output>/agency/features/…                features of media, shared by all deals
<output>/agency/log/…                     the agency's log, which can be given to anyone
<output>/agency/books/…                   the records behind the log; private
<output>/agency/work/<run_id>/…           receipts and plans of a run in progress
<output>/agency/runs/<deal_id>/…          what the last run of each version did and took
"""

from __future__ import annotations

import hashlib

AGENCY = "agency"
DELIVERY = "delivery"
MANIFEST = "MANIFEST.json"
SHA256SUMS = "SHA256SUMS"
LATEST = "latest.json"
CHANGES = "CHANGES.json"
CHECKPOINT = "checkpoint"
LOG_VKEY = "log.vkey"
FEATURES = f"{AGENCY}/features"
AGENCY_LOG = f"{AGENCY}/log"
BOOKS = f"{AGENCY}/books"
RUN_RECORD = "run.json"
STARTED = "started.json"  # of a work area: the command that continues the run
TERMS = "terms.json"
READING = "reading.json"
UNDELIVERED = "undelivered.json"
COUNTS = "counts.json"
STATEMENTS = "statements"
POOL = "pool/pool.json"
POOL_LINES = "pool/pool_lines-00000.parquet"
POOL_POINTS = "pool/points-00000.parquet"  # before minimum and cap, if assets are considered
POOL_NOTE = "pool/pool.note"  # the signed digest of pool.json
ACCOUNTS = f"{AGENCY}/statements"  # statements over all deals of the output
LEDGER_TABLE = "ledger/ledger-00000.parquet"
SUMS_TABLE = "sums/sums-00000.parquet"  # the leaves of the pool's sum tree
SUM_NOTE = "sums/sum.note"  # its signed root
DIFFERENCES = "pool/differences-00000.parquet"
REPLACES = "pool/replaces.json"
HOLDS = "pool/holds.parquet"
COUNTRIES = "pool/countries.parquet"  # of contributors, as the catalogue had them
MEDIA = "media"  # a folder: the files that were read, with their digests
RENDITIONS = "renditions"  # a folder, with a table for each shard
ENERGON = ".nv-meta"  # folder of Energon's index
SAMPLES_TABLE = "samples.parquet"  # every sample of a delivery, and where it is
SIZES = "shards/sizes.json"  # how many samples each tar has
RIGHTS_TERMS = "rights/terms.json"  # its digest is the manifest's `terms_sha256`
RIGHTS_TEXT = "rights/TERMS.md"  # the same for people
RIGHTS_POLICY = "rights/deal.jsonld"  # the same in ODRL
RIGHTS_PROFILE = "rights/profile.jsonld"  # the terms of that policy that are not ODRL's own
ATTRIBUTION_TABLE = "rights/attribution.parquet"
ATTRIBUTION_CSV = "rights/attribution.csv"
ATTRIBUTION_FILES = (ATTRIBUTION_TABLE, ATTRIBUTION_CSV)
RIGHTS_FILES = (RIGHTS_TERMS, RIGHTS_TEXT, RIGHTS_POLICY, RIGHTS_PROFILE, *ATTRIBUTION_FILES)

COPY_STAGING = ".removal"  # folder in a buyer's copy, while `apply-removals` changes it
COPY_READY = "ready.json"  # in it, once the copy may be changed


# Hash of an asset id: 64 bits. The leading bits select the unit and order the shards.
HASH_BITS = 64


def features_prefix(kind: str, model: str) -> str:
    """Returns the key prefix of a table of features; a model's identity may be long."""
    return f"{FEATURES}/{kind}-{hashlib.sha256(model.encode()).hexdigest()[:12]}"


def asset_hash(asset_id: str) -> int:
    """Returns 64 bits of an asset id's sha256, which order assets into units and shards."""
    digest = hashlib.sha256(b"fairshard/asset\x00" + asset_id.encode("utf-8", "surrogatepass"))
    return int.from_bytes(digest.digest()[:8], "big")


def unit_bits(rows: int, rows_per_unit: int = 256) -> int:
    """Returns how many leading hash bits name a unit, for about `rows_per_unit` rows per unit.

    There are 4 to 16,384 units: few enough to keep their records in memory at little cost per
    unit, and small enough to redo.
    """
    return min(14, max(2, (max(rows, 1) // rows_per_unit).bit_length()))


def unit_of(hash_value: int, bits: int) -> int:
    """Returns the unit that a hash belongs to."""
    return hash_value >> (HASH_BITS - bits)


def unit_range(unit: int, bits: int) -> tuple[int, int]:
    """Returns the first and last hash of a unit."""
    width = HASH_BITS - bits
    return unit << width, ((unit + 1) << width) - 1


def version_name(number: int) -> str:
    """Returns a version's name, such as `v0001`."""
    return f"v{number:04d}"


def version_prefix(deal_id: str, version: str) -> str:
    """Returns the key prefix of one version of a deal."""
    return f"{deal_id}/{version}"


def delivery_prefix(deal_id: str, version: str) -> str:
    """Returns the key prefix of what the buyer gets."""
    return f"{version_prefix(deal_id, version)}/{DELIVERY}"


def manifest_key(deal_id: str, version: str) -> str:
    """Returns the key of a version's manifest, which exists once the version is published."""
    return f"{delivery_prefix(deal_id, version)}/{MANIFEST}"


def agency_prefix(deal_id: str, version: str) -> str:
    """Returns the key prefix of what stays with the agency."""
    return f"{version_prefix(deal_id, version)}/{AGENCY}"


def run_record_path(deal_id: str, version: str) -> str:
    """Returns the key of the record of the last run of a version (schemas.run_record)."""
    return f"{AGENCY}/runs/{deal_id}/{version}.json"


def latest_path(deal_id: str) -> str:
    """Returns the key of what says which version of a deal is the latest."""
    return f"{deal_id}/{LATEST}"


def changes_path(deal_id: str, version: str) -> str:
    """Returns the key of what a version changed since the one before."""
    return f"{version_prefix(deal_id, version)}/{CHANGES}"


def notice_path(deal_id: str, notice_id: str) -> str:
    """Returns the key of a notice of removal, as the buyer is given it."""
    return f"{deal_id}/notices/{notice_id}.json"


def removal_list_path(deal_id: str) -> str:
    """Returns the key of a deal's list of removals, as the buyer is given it."""
    return f"{deal_id}/notices/removals.json"


def work_prefix(run_id: str) -> str:
    """Returns the key prefix of a run's receipts and plans."""
    return f"{AGENCY}/work/{run_id}"


_VALIDATION = "-val"


def shard_name(deal_id: str, family: str, number: int, split: str = "train") -> str:
    """Returns a shard's base name, unique across deals because readers cache by base name.

    A shard has samples of one split (schemas.shard_table.SPLITS), and its name says which.
    """
    part = _VALIDATION if split == "validation" else ""
    return f"{deal_id}-{family}{part}-{number:05d}"


def shard_split(name: str) -> str:
    """Returns the split of a shard's samples, by its base name."""
    return "validation" if name.rpartition("-")[0].endswith(_VALIDATION) else "train"


def delivery_id(deal_id: str, version: str) -> str:
    """Returns the id of a delivery, as used in entries and checkpoints."""
    return f"{deal_id}/{version}"


def delivery_of_origin(origin: str) -> str:
    """Returns the delivery of a log, from the log's origin `<key name>/<deal_id>/<version>`.

    The key name may contain slashes.
    """
    return "/".join(origin.split("/")[-2:])


def attestation_path(delivery: str) -> str:
    """Returns the path of a delivery's attestation, relative to the agency's log."""
    return f"attestations/{delivery}.intoto.jsonl"


def tar_path(shard: str) -> str:
    """Returns the path of a shard's tar, relative to the delivery."""
    return f"shards/{shard}.tar"


def shard_table_path(shard: str) -> str:
    """Returns the path of the table beside a shard's tar."""
    return f"shards/{shard}.parquet"


def shard_stats_path(shard: str) -> str:
    """Returns the path of a shard's stats."""
    return f"shards/{shard}_stats.json"


def tar_index_path(shard: str) -> str:
    """Returns the path of Energon's index of a shard's tar."""
    return f"{tar_path(shard)}.idx"


def dali_index_path(shard: str) -> str:
    """Returns the path of DALI's index of a shard's tar."""
    return f"shards/{shard}.idx"


def image_embeddings_path(index: int) -> str:
    """Returns the path of the `index`-th shard's image embeddings, relative to the delivery."""
    return f"img_emb/img_emb_{index}.npy"


def text_embeddings_path(index: int) -> str:
    """Returns the path of the `index`-th shard's text embeddings."""
    return f"text_emb/text_emb_{index}.npy"


def metadata_path(index: int) -> str:
    """Returns the path of the metadata of the `index`-th shard's embeddings."""
    return f"metadata/metadata_{index}.parquet"


def shots_path(index: int) -> str:
    """Returns the path of the `index`-th shard's shots, for shards with films."""
    return f"shots/shots_{index}.parquet"


def shard_paths(name: str, index: int) -> list[str]:
    """Returns all possible files of a shard, relative to the delivery; embeddings are numbered.

    Args:
        name: Base name of the shard.
        index: Its position in the manifest.
    """
    named_paths = (tar_path, tar_index_path, dali_index_path, shard_table_path, shard_stats_path)
    indexed_paths = (image_embeddings_path, text_embeddings_path, metadata_path, shots_path)
    return [*(path(name) for path in named_paths), *(path(index) for path in indexed_paths)]


def unit_name(unit: int) -> str:
    """Returns the name of a unit's files."""
    return f"{unit:05d}"
