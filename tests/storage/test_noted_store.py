"""A store that notes digests passes every call on, unchanged."""

from __future__ import annotations

import hashlib
import inspect
from pathlib import Path
from unittest import mock

import pytest

from pipelines.storage.local_store import LocalStore
from pipelines.storage.noted_store import NotedStore
from pipelines.storage.store import Store

_MEMBERS = sorted(name for name in vars(Store) if not name.startswith("_"))
_METHODS = [name for name in _MEMBERS if callable(getattr(Store, name))]


def test_the_store_has_members() -> None:
    assert {"list", "write_bytes", "settle_s"} <= set(_MEMBERS)
    assert set(_METHODS) < set(_MEMBERS)


@pytest.mark.parametrize("name", _METHODS)
def test_every_call_reaches_the_store(name: str) -> None:
    inner = mock.create_autospec(Store, instance=True, is_remote=False)
    parameters = inspect.signature(getattr(Store, name)).parameters.values()
    some = {"key": "a/b", "data": b"some"}
    names = [one.name for one in parameters if one.kind is one.POSITIONAL_OR_KEYWORD]
    given = [some.get(name, object()) for name in names[1:]]
    named = {one.name: object() for one in parameters if one.kind is one.KEYWORD_ONLY}
    answer = getattr(NotedStore(inner, "elsewhere"), name)(*given, **named)
    getattr(inner, name).assert_called_once_with(*given, **named)
    assert len(inner.method_calls) == 1
    if inspect.signature(getattr(Store, name)).return_annotation != "None":
        assert answer is getattr(inner, name).return_value


@pytest.mark.parametrize("name", sorted(set(_MEMBERS) - set(_METHODS)))
def test_every_property_is_the_stores(name: str) -> None:
    value = object()
    inner = mock.Mock(spec=Store, **{name: value})
    assert getattr(NotedStore(inner), name) is value


def test_defaults_are_the_stores() -> None:
    for name in _METHODS:
        ours, theirs = (inspect.signature(getattr(one, name)) for one in (NotedStore, Store))
        assert list(ours.parameters.values()) == list(theirs.parameters.values()), name


def test_what_was_written_last_is_noted_below_the_folder(tmp_path: Path) -> None:
    noted = NotedStore(LocalStore(str(tmp_path)), "a")
    for key in ("a/b", "ab", "b/a/c"):
        noted.write_bytes(key, b"first")
    noted.write_bytes("a/b", b"second")
    large = b"1" * (17 << 20)
    with noted.open_write("a/large") as sink:
        sink.write(large[: 9 << 20])
        sink.writev([large[9 << 20 :], b""])
    with pytest.raises(ZeroDivisionError), noted.open_write("a/failed") as sink:
        raise ZeroDivisionError
    assert {key: (one.size_bytes, one.sha256) for key, one in noted.written.items()} == {
        "a/b": (6, hashlib.sha256(b"second").hexdigest()),
        "a/large": (len(large), hashlib.sha256(large).hexdigest()),
    }
