"""The dataset cards with their configs and the wids indexes, which make a delivery easy to open."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.media.formats import media_type_of, parse_format
from pipelines.profiles import profile_for
from pipelines.run.job import Job
from pipelines.run.receipts import ShardReceipt

DEMONSTRATION_NOTICE = (
    "Captions and embeddings were made by the demonstration model, which knows drawn scenes alone. "
    "They are not fit for training."
)


def delivered_families(receipts: Sequence[ShardReceipt]) -> list[str]:
    """Returns the families in a delivery, in order."""
    return sorted({receipt.shard.family for receipt in receipts})


def wids_index(job: Job, family: str, receipts: Sequence[ShardReceipt]) -> dict[str, object]:
    """Returns the wids index of one family; its URLs are relative to the delivery's folder."""
    return {
        "__kind__": "wids-shard-index-v1",
        "wids_version": 1,
        "name": f"{job.deal.deal_id}-{family}",
        "shardlist": [
            {
                "url": receipt.tar.path,
                "nsamples": receipt.shard.samples,
                "md5sum": receipt.md5,
                "filesize": receipt.shard.bytes,
            }
            for receipt in receipts
            if receipt.shard.family == family
        ],
    }


def delivery_card(job: Job, receipts: Sequence[ShardReceipt]) -> str:
    """Returns the delivery's README: a dataset card that `datasets.load_dataset` understands."""
    deal = job.deal
    paths = {
        family: f"shards/{deal.deal_id}-{family}-*.tar" for family in delivered_families(receipts)
    }
    lines = [*_configs(paths), "", f"# Delivery {deal.deal_id}/{job.version}", ""]
    if job.models.demonstration:
        lines += [f"> **Demonstration model.** {DEMONSTRATION_NOTICE}", ""]
    lines += [
        f"Licensed for {', '.join(deal.purposes)} in {', '.join(deal.territory)}, "
        f"{deal.starts} to {deal.ends}. Rights were judged as of {job.as_of.date()}.",
        "",
        "| family | shards | samples | bytes |",
        "| --- | ---: | ---: | ---: |",
    ]
    for family in delivered_families(receipts):
        own = [receipt.shard for receipt in receipts if receipt.shard.family == family]
        samples, size = sum(item.samples for item in own), sum(item.bytes for item in own)
        lines.append(f"| {family} | {len(own):,} | {samples:,} | {size:,} |")
    lines += [
        "",
        *_profile_notes(job, receipts),
        "A sample is `<key>.<family>`, `<key>.txt` (the recommended caption) and `<key>.json`",
        "(everything else). Beside each tar lies a Parquet table with the same facts, digests and",
        "byte ranges (`datasets.load_dataset` on the folder `shards/` opens the tables).",
        "Megatron-Energon opens `energon-<family>.yaml`, wids `wids-<family>.json`, mlcroissant",
        "`croissant.json`. `MANIFEST.json` lists every file with its sha256 and is signed;",
        "`checkpoint` and `tile/` are the ledger's transparency log. Check it all with the key",
        "that the agency gave you apart from this delivery:",
        "",
        "    fairshard verify . --vkey agency.vkey",
        "",
    ]
    return "\n".join(lines)


def _profile_notes(job: Job, receipts: Sequence[ShardReceipt]) -> list[str]:
    """Returns the notes on each profile that the samples use."""
    lines: list[str] = []
    for kind in sorted(
        {media_type_of(parse_format(name)) for name in delivered_families(receipts)}
    ):
        profile = profile_for(job.deal.profile, kind)
        if profile is not None:
            lines += [f"Profile `{profile.name}` ({kind}). {profile.card}", ""]
    return lines


def tables_card(job: Job, receipts: Sequence[ShardReceipt]) -> str:
    """Returns the card of the shards folder, by which `datasets` opens the tables.

    It is a separate card because `datasets` reads all configs of one card in one format.
    """
    deal = job.deal
    paths = {"all": "*.parquet"}
    paths |= {
        family: f"{deal.deal_id}-{family}-*.parquet" for family in delivered_families(receipts)
    }
    lines = [
        *_configs(paths, default="all"),
        "",
        f"# Tables of delivery {deal.deal_id}/{job.version}",
        "",
        "One row a sample, in the order of its tar; the columns are in the delivery's",
        "documentation. The tars are opened by the card of the folder above.",
        "",
    ]
    return "\n".join(lines)


def _configs(paths: Mapping[str, str], default: str = "") -> list[str]:
    """Returns a card's YAML header: a config for each name, with the files that it opens."""
    lines = ["---", "configs:"]
    for name, path in paths.items():
        lines += [f"- config_name: {name}", "  data_files:", "  - split: train"]
        lines.append(f'    path: "{path}"')
        if name == default:
            lines.append("  default: true")
    return [*lines, "---"]
