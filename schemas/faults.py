"""Collects faults of inputs, so that they are reported together and not one a run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import TypeVar

from schemas.errors import FairshardError, InputError, counted

MOST_OF_A_KIND = 3  # faults with the same sentence that are shown; the others are counted

_Found = TypeVar("_Found")


class FaultsError(InputError):
    """Several faults of the inputs of a run.

    Args:
        faults: The faults, in the order in which they were found.
    """

    def __init__(self, faults: Iterable[FairshardError]) -> None:
        self.faults = tuple(faults)
        number = counted(len(self.faults), "fault")
        super().__init__(f"{number}, each of which stops a run", "".join(_lines(self.faults)))

    def __reduce__(self) -> tuple[type[FaultsError], tuple[tuple[FairshardError, ...]]]:  # type: ignore[override]
        """Supports pickling, since errors are passed between processes."""
        return (type(self), (self.faults,))


def _lines(faults: Iterable[FairshardError]) -> list[str]:
    """Returns a line for each fault, and one for those of a kind that are too many."""
    kinds: Counter[str] = Counter()
    lines = []
    for fault in faults:
        kinds[fault.what] += 1
        if kinds[fault.what] <= MOST_OF_A_KIND:
            lines.append(f"\n  {str(fault).strip()}")
    more = ((what, count - MOST_OF_A_KIND) for what, count in kinds.items())
    return lines + [f"\n  {count:,} more: {what}" for what, count in more if count > 0]


def faults_of(error: FairshardError) -> tuple[FairshardError, ...]:
    """Returns the faults that an error reports: itself, if it is not of several."""
    return error.faults if isinstance(error, FaultsError) else (error,)


class Faults:
    """Faults, to be reported together."""

    def __init__(self) -> None:
        self._found: list[FairshardError] = []

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, error: FairshardError) -> None:
        """Keeps a fault, or each of several; the same one only once."""
        known = {str(fault) for fault in self._found}
        self._found += [fault for fault in faults_of(error) if str(fault) not in known]

    def attempt(self, check: Callable[[], _Found]) -> _Found | None:
        """Returns what a check returns, or None if it finds a fault, which is kept."""
        try:
            return check()
        except FairshardError as error:
            self.add(error)
            return None

    def report(self) -> None:
        """Raises what was found, if anything: one fault as it is, several together.

        Raises:
            FairshardError: The only fault.
            FaultsError: Several.
        """
        if len(self._found) == 1:
            raise self._found[0]
        if self._found:
            raise FaultsError(self._found)
