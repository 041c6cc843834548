"""Gathers a collection into one list and spreads elements over workers, in few Beam steps.

Beam's own `ToList` and `Reshuffle` consist of eight and six steps. Each step costs the embedded
runner some milliseconds even for little work, which adds up to most of a small run's time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import apache_beam as beam
from apache_beam.pvalue import AsIter


class _ToList(beam.DoFn):
    def process(self, element: bytes, items: Iterable[Any]) -> Iterator[list[Any]]:
        yield list(items)


@dataclass
class GatherAll(beam.PTransform):
    """Gathers all elements into one list, in any order; an empty collection gives an empty list."""

    def expand(self, pcoll: beam.PCollection[Any]) -> beam.PCollection[list[Any]]:
        """Turns the elements into a single list."""
        once = pcoll.pipeline | "Once" >> beam.Impulse()
        return once | "AllOf" >> beam.ParDo(_ToList(), AsIter(pcoll))


class _Values(beam.DoFn):
    def process(self, element: tuple[int, Iterable[Any]]) -> Iterator[Any]:
        yield from element[1]


@dataclass
class SpreadByKey(beam.PTransform):
    """Spreads numbered elements over the workers by number, and drops the numbers."""

    def expand(self, pcoll: beam.PCollection[tuple[int, Any]]) -> beam.PCollection[Any]:
        """Turns (number, element) pairs into elements."""
        return pcoll | "ByNumber" >> beam.GroupByKey() | "Values" >> beam.ParDo(_Values())
