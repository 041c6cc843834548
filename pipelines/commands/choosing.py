"""The options of `fairshard quote` that choose some of the cleared assets, and the choice."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.quote.candidates import MOST_CANDIDATES, Candidates
from pipelines.quote.cover import Cover, choose_cover, write_list
from pipelines.quote.spending import Limits, read_limits
from pipelines.quote.stored_looks import read_looks
from pipelines.storage.open import open_store
from schemas.deal import Deal
from schemas.errors import InputError

_EMBEDDINGS = "embeddings"


@dataclass(frozen=True)
class Choice:
    """How assets are to be chosen.

    Attributes:
        deal: For which deal.
        limits: How many, and what they may cost.
        by_looks: Whether by stored embeddings, and not by labels.
        out: The output that has the embeddings.
        path: Where to write the list of the chosen assets, or "".
    """

    deal: Deal
    limits: Limits
    by_looks: bool
    out: str
    path: str

    @property
    def kept(self) -> int:
        """How many cleared assets to keep, of which some are chosen."""
        return max(MOST_CANDIDATES, self.limits.most)

    def choose(self, candidates: Candidates) -> Cover:
        """Chooses assets, and writes their list.

        Raises:
            InputError: If there are no embeddings to choose by, or the list cannot be written.
        """
        looks = None
        if self.by_looks and (ordered := candidates.ordered()):
            looks = read_looks(open_store(self.out), self.deal, ordered)
        cover = choose_cover(candidates, self.limits, looks)
        if cover.assets and self.path:
            write_list(Path(self.path), cover.assets)
        return cover


def add_choice_options(parser: argparse.ArgumentParser) -> None:
    """Adds the options."""
    parser.add_argument(
        "--cover",
        type=int,
        default=0,
        metavar="N",
        help="choose N cleared assets that cover contributors, categories and keywords",
    )
    parser.add_argument(
        "--budget",
        default="",
        metavar="AMOUNT",
        help="choose assets that cost no more than this together, in the deal's currency",
    )
    parser.add_argument(
        "--asset-price",
        action="append",
        default=[],
        metavar="PRICE",
        help="what an asset costs: 2.50, or image=2.50 and, given again, video=20",
    )
    parser.add_argument(
        "--by",
        choices=("labels", _EMBEDDINGS),
        default="labels",
        help="cover labels (the default), or looks by the embeddings that earlier runs stored in "
        "--out",
    )
    parser.add_argument(
        "--list",
        default="",
        metavar="FILE",
        help="where to write the chosen assets' ids, for the deal's select.only",
    )


def read_choice(options: argparse.Namespace, deals: Sequence[Deal]) -> Choice | None:
    """Returns how assets are to be chosen; None if they are not.

    Raises:
        InputError: If options contradict each other or the deal.
    """
    by_looks = options.by == _EMBEDDINGS
    if not (options.cover or options.budget):
        given = {"--list": options.list, "--asset-price": options.asset_price, "--by": by_looks}
        if named := [name for name, value in given.items() if value]:
            raise InputError(
                "This option is only for choosing assets",
                f"{named[0]} without --cover or --budget",
                "Add --cover N to choose so many assets, or --budget to choose for so much money.",
            )
        return None
    if len(deals) > 1:
        raise InputError(
            "Assets are chosen for one deal",
            "--cover" if options.cover else "--budget",
            "Give a single --deal.",
        )
    if by_looks and not options.out:
        raise InputError(
            "Embeddings are in the output of earlier runs",
            "--by embeddings without --out",
            "Add --out with that output.",
        )
    limits = read_limits(deals[0], options.cover, options.budget, options.asset_price)
    return Choice(deals[0], limits, by_looks, options.out, options.list)
