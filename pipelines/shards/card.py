"""What makes a delivery easy to open: the card with its configs, and the wids indexes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.config import Job
from pipelines.shards.write import ShardReceipt

DEMONSTRATION_NOTICE = (
    "Captions and embeddings were made by the demonstration model, which knows drawn scenes alone. "
    "They are not fit for training."
)


def families(receipts: Sequence[ShardReceipt]) -> list[str]:
    """The families that a delivery has, in order."""
    return sorted({receipt.family for receipt in receipts})


def wids_index(job: Job, family: str, receipts: Sequence[ShardReceipt]) -> dict[str, Any]:
    """A wids index of one family; its urls are relative to the delivery's folder."""
    return {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": f"{job.deal.deal_id}-{family}",
        "shardlist": [
            {
                "url": f"shards/{receipt.name}.tar",
                "nsamples": receipt.samples,
                "md5sum": receipt.md5,
                "filesize": receipt.bytes,
            }
            for receipt in receipts
            if receipt.family == family
        ],
    }


def delivery_card(job: Job, receipts: Sequence[ShardReceipt]) -> str:
    """The delivery's README: a dataset card that `datasets.load_dataset` understands."""
    deal = job.deal
    lines = ["---", "configs:"]
    for family in families(receipts):
        lines += [
            f"- config_name: {family}",
            "  data_files:",
            "  - split: train",
            f"    path: shards/{deal.deal_id}-{family}-*.tar",
        ]
    lines += ["---", "", f"# Delivery {deal.deal_id}/{job.version}", ""]
    if job.models.demonstration:
        lines += [f"> **Demonstration model.** {DEMONSTRATION_NOTICE}", ""]
    lines += [
        f"Licensed for {', '.join(deal.purposes)} in {', '.join(deal.territory)}, "
        f"{deal.starts} to {deal.ends}. Rights were judged as of {job.as_of.date()}.",
        "",
        "| family | shards | samples | bytes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for family in families(receipts):
        own = [receipt for receipt in receipts if receipt.family == family]
        samples, size = sum(item.samples for item in own), sum(item.bytes for item in own)
        lines.append(f"| {family} | {len(own):,} | {samples:,} | {size:,} |")
    lines += [
        "",
        "A sample is `<key>.<family>`, `<key>.txt` (the recommended caption) and `<key>.json`",
        "(everything else). Beside each tar lies a Parquet table with the same facts, digests and",
        "byte ranges. `MANIFEST.json` lists every file with its sha256 and is signed; `checkpoint`",
        "and `tile/` are the ledger's transparency log. Check it all:",
        "",
        "    fairshard verify .",
        "",
    ]
    return "\n".join(lines)
