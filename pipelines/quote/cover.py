"""Chooses assets that cover a catalogue: its contributors, categories and keywords, or its looks.

Every label has a weight, which the first chosen asset that has it adds. The sum is submodular, so
that taking the asset that adds most, again and again, gives at least 63 % of the best choice's sum
(Nemhauser, Wolsey and Fisher 1978), and an asset that once added little need not be looked at again
until it comes first (Minoux 1978). Gains are whole numbers: the same assets give the same choice in
any order and on any machine. Under a budget, the asset that adds most for its price is taken; as
that may spend everything on cheap assets, the choice without regard to prices is made as well, and
the better one counts (Leskovec and others 2007).
"""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.quote.candidates import Candidates, in_catalogue_order
from pipelines.quote.looks import Looks, LooksReach, choose_by_looks, reach_of
from pipelines.quote.spending import Limits
from schemas.errors import InputError

LABELS = ("contributor", "category", "keyword")
_WHOLE = 1 << 40  # the sum of the weights of a kind of label, about
_FEWEST = 2  # assets with a keyword, so that misspelt ones count for nothing


@dataclass(frozen=True)
class Reach:
    """How many labels of a kind are reached.

    Attributes:
        labels: How many the candidates have; of keywords, those of several assets.
        chosen: How many the chosen assets have.
        random: How many are had by assets that are drawn by a hash of their ids instead.
        first: How many are had by the first candidates in the catalogue's order instead.
    """

    labels: int
    chosen: int
    random: int
    first: int


@dataclass(frozen=True)
class Cover:
    """A choice of assets.

    Attributes:
        assets: Ids of the chosen, in order.
        candidates: Of how many it was made.
        by_media: How many are chosen of each media type.
        cost_minor: What they cost together; None without a budget.
        reach: By kind of label.
        share: Share of the labels' weight that the chosen assets have; each kind counts the same.
        random_share: The same of assets that are drawn by a hash of their ids.
        first_share: The same of the first candidates in the catalogue's order.
        looks: How near the candidates' embeddings are to chosen ones; None if labels decided.
    """

    assets: tuple[str, ...]
    candidates: int
    by_media: dict[str, int]
    cost_minor: int | None
    reach: dict[str, Reach]
    share: float
    random_share: float
    first_share: float
    looks: LooksReach | None = None


def choose_cover(candidates: Candidates, limits: Limits, looks: Looks | None = None) -> Cover:
    """Chooses assets that cover the candidates' labels, or their looks.

    Args:
        candidates: The candidates.
        limits: How many to choose, and what they may cost.
        looks: Embeddings by which to choose; None to choose by labels.
    """
    ordered = candidates.ordered()
    if looks is not None:
        ordered = looks.known(ordered, limits.most)
    costs = limits.costs(one.media for one in ordered)
    weights = _weights([one.labels for one in ordered])
    numbers = {label: number for number, label in enumerate(weights)}
    of_asset = [_numbers(one.labels, numbers) for one in ordered]
    drawn = limits.take(range(len(ordered)), costs)
    first = limits.take(in_catalogue_order(ordered), costs)
    if looks is None:
        chosen = choose_by_labels(of_asset, list(weights.values()), limits, costs)
        near = None
    else:
        vectors = looks.vectors(ordered)
        chosen = choose_by_looks(vectors, limits, costs)
        near = reach_of(looks.model, vectors, chosen, drawn, first) if ordered else None
    keys = list(weights)
    sets = [{keys[n] for at in places for n in of_asset[at]} for places in (chosen, drawn, first)]
    whole = sum(weights.values()) or 1
    share, random_share, first_share = (
        round(sum(weights[label] for label in labels) / whole, 4) for labels in sets
    )
    return Cover(
        tuple(sorted(ordered[at].asset_id for at in chosen)),
        len(ordered),
        dict(sorted(Counter(ordered[at].media for at in chosen).items())),
        None if limits.budget_minor is None else sum(costs[at] for at in chosen),
        {kind: Reach(*(_of_kind(kind, labels) for labels in (keys, *sets))) for kind in LABELS},
        share,
        random_share,
        first_share,
        near,
    )


def _numbers(
    labels: Mapping[str, Sequence[str]], numbers: Mapping[tuple[str, str], int]
) -> list[int]:
    """Returns the numbers of an asset's labels, none twice."""
    own = ((kind, one) for kind in LABELS for one in labels[kind])
    return sorted({numbers[label] for label in own if label in numbers})


def _of_kind(kind: str, labels: Iterable[tuple[str, str]]) -> int:
    return sum(one[0] == kind for one in labels)


def choose_by_labels(
    of_asset: Sequence[Sequence[int]],
    weights: Sequence[int],
    limits: Limits,
    costs: Sequence[int],
) -> list[int]:
    """Takes, again and again, the asset that adds most for its price; of several, the first.

    Args:
        of_asset: Numbers of each asset's labels, none twice.
        weights: Weight of each label.
        limits: How many assets to take, if there are so many, and what they may cost.
        costs: What each asset costs.

    Returns:
        Their positions, in the order in which they were taken.
    """
    worth = limits.worth(costs)
    found = [_greedy(of_asset, weights, limits, costs, worth)]
    if len(set(worth)) > 1:
        found.append(_greedy(of_asset, weights, limits, costs, [1] * len(worth)))
    return max(found, key=lambda chosen: _weight_of(chosen, of_asset, weights))


def _weight_of(
    chosen: Iterable[int], of_asset: Sequence[Sequence[int]], weights: Sequence[int]
) -> int:
    return sum(weights[label] for label in {label for at in chosen for label in of_asset[at]})


def _greedy(
    of_asset: Sequence[Sequence[int]],
    weights: Sequence[int],
    limits: Limits,
    costs: Sequence[int],
    worth: Sequence[int],
) -> list[int]:
    reached = [False] * len(weights)
    left = limits.budget_minor or 0  # assets cost nothing without a budget
    # What an asset would add can only fall, so that a gain of before is never too small.
    heap = [
        (-worth[at] * sum(weights[label] for label in own), at) for at, own in enumerate(of_asset)
    ]
    heapq.heapify(heap)
    chosen: list[int] = []
    while heap and len(chosen) < limits.count:
        _, at = heap[0]
        if costs[at] > left:
            heapq.heappop(heap)
            continue
        gain = worth[at] * sum(weights[label] for label in of_asset[at] if not reached[label])
        if (-gain, at) != heap[0]:
            heapq.heapreplace(heap, (-gain, at))
            continue
        heapq.heappop(heap)
        chosen.append(at)
        left -= costs[at]
        for label in of_asset[at]:
            reached[label] = True
    return chosen


def _weights(rows: Iterable[Mapping[str, Sequence[str]]]) -> dict[tuple[str, str], int]:
    """Returns the weight of each label: it grows with the logarithm of how many assets have it."""
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in LABELS}
    for labels in rows:
        for kind in LABELS:
            counts[kind].update(set(labels[kind]))
    found = {}
    for kind in LABELS:
        few = _FEWEST if kind == "keyword" else 1
        sizes = {label: n.bit_length() for label, n in sorted(counts[kind].items()) if n >= few}
        whole = sum(sizes.values())
        found.update({(kind, label): _WHOLE * size // whole for label, size in sizes.items()})
    return found


def write_list(path: Path, assets: Sequence[str]) -> None:
    """Writes a list that `select.only` takes: an asset id on each line.

    Raises:
        InputError: If an id cannot be on a line by itself, or the file cannot be written.
    """
    for asset_id in assets:
        if not asset_id.isprintable() or asset_id != asset_id.strip():
            raise InputError(
                "A chosen asset cannot be listed",
                f"its id is {asset_id!r}",
                "Give the asset an id without blanks around it and without invisible characters.",
            )
    try:
        path.write_bytes("".join(f"{asset_id}\n" for asset_id in assets).encode())
    except OSError as error:
        raise InputError(
            "The list cannot be written", f"{path}: {error.strerror}", "Give another --list."
        ) from error
