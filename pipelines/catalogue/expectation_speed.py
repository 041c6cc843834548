"""Spares Great Expectations work that it repeats; the results are the same.

An expectation makes its configuration again, with a copy of all its settings, each time that one of
them is asked for: some fifty times per rule and batch, which is half of the time of a small batch.
Of what is left, a fifth is spent on the ids of metrics, digests of a few settings: each None among
them is looked up in NumPy's hierarchy of types.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from great_expectations.core.id_dict import IDDict, IDDictID
from great_expectations.expectations.expectation import Expectation
from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

_make = Expectation.configuration
_identify = IDDict.to_id
# Values that Great Expectations puts into JSON as they are.
_PLAIN = (str, int, bool, type(None))
_encode = json.JSONEncoder(sort_keys=True).encode


@contextmanager
def remembered_configurations() -> Iterator[None]:
    """Has each expectation make its configuration once while the block runs.

    Expectations must not change meanwhile, and only one thread may be in such a block.
    """
    made: dict[int, tuple[Expectation, ExpectationConfiguration]] = {}

    def remembered(expectation: Expectation) -> ExpectationConfiguration:
        # Kept with its expectation, so that no other one gets the same id.
        found = made.get(id(expectation))
        if found is None:
            found = made[id(expectation)] = (expectation, _make.__get__(expectation))
        return found[1]

    Expectation.configuration = property(remembered)  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        Expectation.configuration = _make  # type: ignore[method-assign]


@contextmanager
def quick_identities() -> Iterator[None]:
    """Has settings of plain values put into JSON at once for their id, while the block runs.

    Only one thread may be in such a block.
    """
    IDDict.to_id = _quick_identity  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        IDDict.to_id = _identify  # type: ignore[method-assign]


def _quick_identity(settings: IDDict, *chosen: object, **more: object) -> IDDictID:
    """Returns the id that `IDDict.to_id` gives."""
    is_known = not chosen and not more and not settings._id_ignore_keys and len(settings) > 1
    if not is_known or not all(type(value) in _PLAIN for value in settings.values()):
        return _identify(settings, *chosen, **more)
    data = _encode({str(name): value for name, value in settings.items()}).encode()
    return hashlib.md5(data, usedforsecurity=False).hexdigest()
