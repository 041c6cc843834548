"""Collections as one list, and elements spread over workers, in as few steps as Beam allows.

Beam's own `ToList` and `Reshuffle` are built of eight and six steps. Each step costs the embedded
runner some milliseconds however little there is to do, which adds up to most of a small run.
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
    """All elements of a collection as one list, in any order; an empty one where there are none."""

    def expand(self, pcoll: beam.PCollection[Any]) -> beam.PCollection[list[Any]]:
        """From elements to the one list."""
        once = pcoll.pipeline | "Once" >> beam.Impulse()
        return once | "AllOf" >> beam.ParDo(_ToList(), AsIter(pcoll))


class _Values(beam.DoFn):
    def process(self, element: tuple[int, Iterable[Any]]) -> Iterator[Any]:
        yield from element[1]


@dataclass
class SpreadByKey(beam.PTransform):
    """Elements under different numbers, spread over the workers; the numbers are dropped."""

    def expand(self, pcoll: beam.PCollection[tuple[int, Any]]) -> beam.PCollection[Any]:
        """From pairs of a number and an element to the elements."""
        return pcoll | "ByNumber" >> beam.GroupByKey() | "Values" >> beam.ParDo(_Values())
