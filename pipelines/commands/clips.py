"""`fairshard clips`: cuts the films of a delivery at their shots."""

from __future__ import annotations

import argparse
import math

from pipelines.commands.common import (
    add_general_options,
    consoles,
    in_delivery,
    print_json,
)
from pipelines.delivery.clips import (
    TOO_LONG,
    TOO_SHORT,
    ClipCounts,
    ClipTerms,
    clips_name,
    cut_shard,
    remove_stale,
)
from pipelines.media.clip_packets import NO_KEYFRAME
from pipelines.media.limits import MediaLimits
from pipelines.storage.open import open_store
from schemas.deal_terms import LimitTerms
from schemas.errors import InputError, counted

EXAMPLES = """\
examples:
  fairshard clips out/acme-2026-01/v0001/delivery --to clips/
  fairshard clips out/acme-2026-01/v0001/delivery --to clips/ --cut exact
  fairshard clips s3://bucket/delivery --to s3://bucket/clips --max-seconds 20

Verify the delivery first. What is removed from it later must be removed from
the clips as well: run the command again on the delivery without it, into the
same folder. The key of a clip begins with its film's.
"""

_TIMEOUT_S = 3600.0  # for each clip
_WAYS = ("keyframe-copy", "exact")


# What the command would need to make these clips, too.
_REMEDIES = {
    NO_KEYFRAME: " (--cut exact needs none)",
    TOO_SHORT: " (--min-seconds)",
    TOO_LONG: " (--max-seconds)",
}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    parser.add_argument("delivery", help="the delivery: folder or s3:// prefix")
    parser.add_argument("--to", required=True, metavar="DIR", help="where the tars of clips go")
    parser.add_argument(
        "--cut",
        choices=_WAYS,
        default=_WAYS[0],
        help="keyframe-copy: copy the pictures from the shot's first keyframe on; exact: encode "
        "the shot again, as VP9 (default: %(default)s)",
    )
    parser.add_argument(
        "--min-seconds", type=float, default=1.0, metavar="S", help="default: %(default)s"
    )
    parser.add_argument(
        "--max-seconds", type=float, default=60.0, metavar="S", help="default: %(default)s"
    )
    add_general_options(parser)


def run(options: argparse.Namespace) -> int:
    """Runs the command and returns its exit code."""
    results, progress = consoles(options)
    if not 0 <= options.min_seconds <= options.max_seconds < math.inf:
        raise InputError(
            "No shot has such a length",
            f"--min-seconds {options.min_seconds:g} --max-seconds {options.max_seconds:g}",
            "Give two numbers of seconds, the least not above the greatest.",
        )
    if in_delivery(options.to):
        raise InputError(
            "Clips cannot be added to a signed delivery", options.to, "Give --to another folder."
        )
    terms = ClipTerms(
        options.cut, round(1000 * options.min_seconds), round(1000 * options.max_seconds)
    )
    source, target = open_store(options.delivery), open_store(options.to)
    own = LimitTerms()
    limits = MediaLimits(own.max_media_bytes, own.max_pixels, decode_timeout_s=_TIMEOUT_S)
    tars = [found.key for found in source.list("shards") if found.key.endswith(".tar")]
    if not tars:
        raise InputError(
            "There are no shards", f"{options.delivery}/shards", "Give the delivery's own folder."
        )
    total, written = ClipCounts(), list[str]()
    for key in tars:
        name = clips_name(key)
        counts = cut_shard(source, key, target, name, terms, limits)
        if counts.clips:
            written.append(name)
        total.films += counts.films
        total.clips += counts.clips
        for why, shots in counts.skipped.items():
            total.skip(why, shots)
        if counts.films:
            progress.print(f"{name}: {_in_words(counts)}", highlight=False)
    stale = remove_stale(target, written)
    if options.json:
        print_json({"removed": stale, "to": options.to, "cut": options.cut, **total.to_json()})
        return 0
    line = f"{options.to}: {_in_words(total)}"
    results.print(line, soft_wrap=True, highlight=False)
    for name in stale:
        results.print(f"{name}: removed, since the delivery has no films for it", highlight=False)
    for why, shots in sorted(total.skipped.items()):
        line = f"{counted(shots, 'shot')} without a clip: {why}{_REMEDIES.get(why, '')}"
        results.print(line, soft_wrap=True, highlight=False)
    return 0


def _in_words(counts: ClipCounts) -> str:
    return f"{counted(counts.clips, 'clip')} of {counted(counts.films, 'film')}"
