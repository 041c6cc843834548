"""Cards and indexes of a patched delivery, which are about the delivery as a whole."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from pipelines.delivery.card import (
    CardFacts,
    delivery_card,
    families_of,
    tables_card,
    wids_indexes,
)
from pipelines.delivery.croissant import file_object
from pipelines.format.indexes import index_files, open_samples
from pipelines.removal.croissant import Croissant, next_croissant
from pipelines.removal.output import PatchOutput
from pipelines.removal.predecessor import Predecessor
from pipelines.run.receipts import ShardReceipt
from pipelines.storage.columns import values_of
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.tables import json_bytes
from schemas import layout
from schemas.layout import ENERGON
from schemas.manifest import FileRecord, RemovalWay, ShardRecord

CARDS = ("README.md", "shards/README.md", "croissant.json")
_NOTES = {
    "patch": "Samples were removed from {before}: the shards that had them were written again, and "
    "everything else is as it was. Delete {before}, and what was made from it.",
    "tombstone": "Samples were removed from {before}: their bytes were overwritten in place, and "
    "everything else is as it was. Delete {before}, and what was made from it.",
}


def is_index(path: str) -> bool:
    """Returns whether a file of a delivery is about the delivery as a whole."""
    whole = (*CARDS, layout.SAMPLES_TABLE, layout.SIZES, *layout.ATTRIBUTION_FILES)
    return path in whole or path.startswith(("wids-", "energon-", f"{ENERGON}/"))


def tar_digests(before: Predecessor) -> dict[str, str]:
    """Returns the MD5 of each shard's tar by its path, from wids' indexes; "" if they have none."""
    return {
        item["url"]: item.get("md5sum", "")
        for path in before.listed
        if path.startswith("wids-")
        for item in json.loads(before.read(path))["shardlist"]
    }


def _films_in(samples: pa.Table) -> str:
    """Returns the deal's `render.films`, by the table of a delivery's samples."""
    found = samples["rendition"]
    films = [one for one in values_of(pc.unique(found), str) if one.startswith("films=")]
    return films[0].partition(" ")[0].removeprefix("films=") if films else "native"


def write_whole_indexes(
    output: PatchOutput,
    version: str,
    receipts: Sequence[ShardReceipt],
    way: RemovalWay,
    as_of: datetime,
) -> None:
    """Writes the cards, wids' and Energon's indexes, the table of samples and Croissant's file.

    Args:
        output: The patched delivery, in which all shards and tables are.
        version: Name of its version.
        receipts: Its shards, in order.
        way: How samples were removed.
        as_of: When the patch is made.
    """
    before, deal = output.before, output.before.manifest.deal
    table, loaders = before.table(layout.SAMPLES_TABLE), layout.SIZES in before.listed
    shards = [item.shard for item in receipts]
    facts = CardFacts(
        deal_id=deal.deal_id,
        version=version,
        profile=deal.profile,
        purposes=deal.purposes,
        territory=deal.territory,
        starts=deal.starts,
        ends=deal.ends,
        judged_on=before.manifest.as_of[:10],
        demonstration=before.manifest.models.demonstration,
        note=_NOTES[way].format(before=before.version),
        films=_films_in(table),
        loaders=loaders,
    )
    output.write("README.md", delivery_card(facts, shards).encode())
    output.write("shards/README.md", tables_card(facts, shards).encode())
    for path, index in wids_indexes(deal.deal_id, receipts).items():
        output.write(path, json_bytes(index))
    numbered = [(item.index, item.shard) for item in receipts]
    paths = frozenset(output.files)
    noted = NotedStore(output.store, output.delivery)
    with open_samples(noted, output.delivery, numbered, paths, table.schema) as samples:
        for path, chunks in index_files(output.store, output.delivery, shards, samples, loaders):
            if path not in output.files:  # the index of an unchanged tar is kept
                output.write_chunks(path, chunks)
    written = noted.written[f"{output.delivery}/{layout.SAMPLES_TABLE}"]
    output.add(
        FileRecord(path=layout.SAMPLES_TABLE, bytes=written.size_bytes, sha256=written.sha256)
    )
    description = _croissant(output, version, shards, as_of)
    output.write("croissant.json", json_bytes(description))


def _croissant(
    output: PatchOutput, version: str, shards: Sequence[ShardRecord], as_of: datetime
) -> Croissant:
    """Returns the Croissant description before, with today's version, files and families."""
    before = output.before
    node: Croissant = json.loads(before.read("croissant.json"))
    families, old = families_of(shards), families_of(before.manifest.shards)
    paths = [
        path
        for shard in shards
        for path in (layout.tar_path(shard.name), layout.shard_table_path(shard.name))
    ]
    tables = {f"tables-{family}" for family in families}
    sets = [item for item in node["distribution"] if item["@id"] in tables]
    return next_croissant(
        node,
        (layout.delivery_id(before.deal_id, before.version), old),
        (layout.delivery_id(before.deal_id, version), families),
        as_of.date().isoformat(),
        [*(file_object(output.files[path]) for path in paths), *sets],
    )
