"""Conformance cases of C2PA and CAWG.

Cases whose names begin with `signed` read whole files that are signed here. The others pass an
assertion's JSON to `read_assertion`, which whole files go through as well.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from pipelines.media.formats import Format
from pipelines.signals.file.c2pa import read_c2pa
from pipelines.signals.file.c2pa_assertions import AssertionSigner, read_assertion
from pipelines.signals.file.trust import NO_TRUST, TrustLists
from schemas.reasons import Reason
from schemas.rights import Permission, Purpose
from schemas.signal import Reading
from tests.signals.case import Case
from tests.signals.file.c2pa_builder import (
    Assertion,
    allowing,
    altered,
    denying,
    every_entry,
    identity,
    mining,
    plain,
    sign,
)

TRUSTED = AssertionSigner("Photo Desk, Test Agency", "2026-03-04T05:06:07+00:00", "active", True)
UNTRUSTED = AssertionSigner("Somebody", "", "active", False)
PART = AssertionSigner("Photo Desk, Test Agency", "", "ingredient", False)

_ALLOW, _DENY, _CONDITIONAL, _UNKNOWN = (
    Permission.ALLOW,
    Permission.DENY,
    Permission.CONDITIONAL,
    Permission.UNKNOWN,
)
_REASONS = {_DENY: Reason.FILE_DENIED, _CONDITIONAL: Reason.FILE_CONDITIONAL}
_GEN, _NONGEN = Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN
_MINING, _INFER, _INDEX = Purpose.DATA_MINING, Purpose.INFERENCE, Purpose.INDEX
_CAWG, _C2PA = "cawg.training-mining", "c2pa.training-mining"
_DMI = "http://ns.useplus.org/ldf/vocab/DMI-"


def _mapped(
    name: str,
    data: object,
    purpose: Purpose,
    value: Permission | None,
    label: str = _CAWG,
    speaker: AssertionSigner = TRUSTED,
) -> Case:
    reason = _REASONS.get(value) if value else None
    return Case(name, lambda: read_assertion(label, data, speaker), purpose, value, reason)


def _entry(entry: str, use: object, **fields: object) -> dict[str, Any]:
    """Returns an assertion with one entry."""
    return {"entries": {entry: {"use": use, **fields}}}


def _signed(
    name: str,
    make: Callable[[], bytes],
    purpose: Purpose,
    value: Permission | None,
    trust: Callable[[], TrustLists] = lambda: identity().trust,
    fmt: Format = "jpg",
) -> Case:
    def read() -> Reading:
        return read_c2pa(make(), fmt, trust())

    return Case(f"signed {name}", read, purpose, value, _REASONS.get(value) if value else None)


def _file(*assertions: Assertion, ingredients: tuple[bytes, ...] = ()) -> bytes:
    return sign(plain("jpg"), "jpg", assertions, ingredients)


def _both(data: object, other: object) -> Callable[[], bytes]:
    return lambda: _file(mining(_CAWG, data), mining(_CAWG, other))


_VALUES = [
    _mapped(f"{prefix}{entry} {use}", _entry(prefix + entry, use), purpose, value, label)
    for label, prefix in ((_CAWG, "cawg."), (_C2PA, "c2pa."))
    for entry, purpose in (
        ("data_mining", _MINING),
        ("ai_inference", _INFER),
        ("ai_training", _NONGEN),
        ("ai_generative_training", _GEN),
    )
    for use, value in (("allowed", _ALLOW), ("notAllowed", _DENY), ("constrained", _CONDITIONAL))
]
_SCOPE = [
    _mapped("ai_training is not generative", _entry("cawg.ai_training", "notAllowed"), _GEN, None),
    _mapped(
        "ai_generative_training is generative only",
        _entry("cawg.ai_generative_training", "notAllowed"),
        _NONGEN,
        None,
    ),
    _mapped("data_mining is not indexing", _entry("cawg.data_mining", "notAllowed"), _INDEX, None),
    _mapped("other assertions say nothing", {"name": "notAllowed"}, _GEN, None, "stds.schema-org"),
]
_SHAPES = [
    _mapped("without entries", {"c2pa.data_mining": {"use": "notAllowed"}}, _MINING, _DENY, _C2PA),
    _mapped("without entries allowed", {"c2pa.data_mining": {"use": "allowed"}}, _MINING, _ALLOW),
    _mapped(
        "entries and metadata",
        {**_entry("cawg.data_mining", "allowed"), "metadata": {"dateTime": "2026-01-01"}},
        _MINING,
        _ALLOW,
    ),
    _mapped(
        "both shapes at once",
        {**_entry("cawg.data_mining", "allowed"), "cawg.data_mining": {"use": "notAllowed"}},
        _MINING,
        _DENY,
    ),
    _mapped(
        "list with names",
        {"entries": [{"name": "cawg.ai_inference", "use": "notAllowed"}]},
        _INFER,
        _DENY,
    ),
    _mapped(
        "list of maps", {"entries": [{"cawg.ai_inference": {"use": "allowed"}}]}, _INFER, _ALLOW
    ),
    _mapped("list without names", {"entries": [{"use": "notAllowed"}]}, _INDEX, _DENY),
    _mapped("label .v2", _entry("cawg.data_mining", "notAllowed"), _MINING, _DENY, _CAWG + ".v2"),
    _mapped("label __1", _entry("cawg.data_mining", "notAllowed"), _MINING, _DENY, _CAWG + "__1"),
    _mapped("prefix of the other", _entry("c2pa.data_mining", "notAllowed"), _MINING, _DENY),
]
_CONSTRAINED = [
    _mapped(
        f"constrained with {field}",
        _entry("cawg.ai_training", "constrained", **{field: "CC BY-NC 4.0"}),
        _NONGEN,
        _CONDITIONAL,
    )
    for field in ("constraint_info", "constraints_info")
] + [
    _mapped(
        "allowed with a constraint",
        _entry("cawg.ai_training", "allowed", constraint_info="ask us"),
        _NONGEN,
        _CONDITIONAL,
    ),
]
_DOUBTS = [
    _mapped("use in capitals denies", _entry("cawg.ai_training", "NOTALLOWED"), _NONGEN, _DENY),
    _mapped("use Allowed", _entry("cawg.ai_training", "Allowed"), _NONGEN, _DENY),
    _mapped("use unknown", _entry("cawg.ai_training", "perhaps"), _NONGEN, _DENY),
    _mapped("use empty", _entry("cawg.ai_training", ""), _NONGEN, _DENY),
    _mapped("use true", _entry("cawg.ai_training", True), _NONGEN, _DENY),
    _mapped("use a list", _entry("cawg.ai_training", ["allowed"]), _NONGEN, _DENY),
    _mapped("use missing", {"entries": {"cawg.ai_training": {}}}, _NONGEN, _DENY),
    _mapped("entry a text", {"entries": {"cawg.ai_training": "allowed"}}, _NONGEN, _DENY),
    _mapped("entry null", {"entries": {"cawg.ai_training": None}}, _NONGEN, _DENY),
    _mapped("entry of one purpose only", _entry("cawg.ai_training", "perhaps"), _GEN, None),
    _mapped("entry unknown, notAllowed", _entry("cawg.ai_agents", "notAllowed"), _GEN, _DENY),
    _mapped("entry unknown, allowed", _entry("cawg.ai_agents", "allowed"), _GEN, _UNKNOWN),
    _mapped("entry unknown, constrained", _entry("com.x.y", "constrained"), _GEN, _CONDITIONAL),
    _mapped("entry in capitals denies", _entry("CAWG.AI_TRAINING", "notAllowed"), _NONGEN, _DENY),
    _mapped("entry in capitals, allowed", _entry("CAWG.AI_TRAINING", "allowed"), _NONGEN, _UNKNOWN),
    _mapped("entry without prefix, allowed", _entry("ai_training", "allowed"), _NONGEN, _UNKNOWN),
    _mapped("entries empty", {"entries": {}}, _INDEX, _DENY),
    _mapped("entries null", {"entries": None}, _GEN, _DENY),
    _mapped("entries a text", {"entries": "allowed"}, _GEN, _DENY),
    _mapped("assertion empty", {}, _GEN, _DENY),
    _mapped("assertion a text", "allowed", _GEN, _DENY),
    _mapped("assertion null", None, _GEN, _DENY),
    _mapped(
        "too many entries",
        {"entries": {f"cawg.x{number}": {"use": "allowed"} for number in range(300)}},
        _GEN,
        _DENY,
    ),
]
_SPEAKERS = [
    _mapped(f"{who} {use}", _entry("cawg.data_mining", use), _MINING, value, _CAWG, speaker)
    for who, speaker in (("untrusted", UNTRUSTED), ("ingredient", PART))
    for use, value in (("allowed", _UNKNOWN), ("notAllowed", _DENY), ("constrained", _CONDITIONAL))
]
_METADATA = [
    _mapped(f"{label} {code} {purpose}", {"plus:DataMining": text + code}, purpose, value, label)
    for label, text, code, purpose, value in (
        ("cawg.metadata", _DMI, "PROHIBITED", _GEN, _DENY),
        ("cawg.metadata", "plus:DMI-", "PROHIBITED-GENAIMLTRAINING", _GEN, _DENY),
        ("cawg.metadata", _DMI, "PROHIBITED-GENAIMLTRAINING", _NONGEN, None),
        ("cawg.metadata", _DMI, "PROHIBITED-AIMLTRAINING", _NONGEN, _DENY),
        ("cawg.metadata", _DMI, "PROHIBITED-SEECONSTRAINT", _GEN, _CONDITIONAL),
        ("cawg.metadata", _DMI, "ALLOWED", _GEN, _ALLOW),
        ("cawg.metadata", _DMI, "UNSPECIFIED", _GEN, _UNKNOWN),
        ("cawg.metadata", _DMI, "SOMETHING", _GEN, _DENY),
        ("stds.iptc", _DMI, "PROHIBITED", _GEN, _DENY),
        ("c2pa.metadata", _DMI, "PROHIBITED", _GEN, _DENY),
    )
] + [
    _mapped(
        "cawg.metadata with @id",
        {
            "@graph": [
                {"http://ns.useplus.org/ldf/xmp/1.0/DataMining": {"@id": f"{_DMI}PROHIBITED"}}
            ]
        },
        _GEN,
        _DENY,
        "cawg.metadata",
    ),
    _mapped(
        "cawg.metadata with two values",
        {"plus:DataMining": [f"{_DMI}ALLOWED", f"{_DMI}PROHIBITED"]},
        _GEN,
        _DENY,
        "cawg.metadata",
    ),
    _mapped(
        "cawg.metadata with an alias",
        {"@context": {"mining": "plus:DataMining"}, "mining": f"{_DMI}PROHIBITED"},
        _GEN,
        _DENY,
        "cawg.metadata",
    ),
    _mapped(
        "cawg.metadata with an alias next to a permission",
        {"plus:DataMining": f"{_DMI}ALLOWED", "mining": f"{_DMI}PROHIBITED"},
        _GEN,
        _DENY,
        "cawg.metadata",
    ),
    _mapped(
        "cawg.metadata with very many values",
        {"plus:DataMining": [f"{_DMI}ALLOWED"] * 300 + [f"{_DMI}PROHIBITED"]},
        _GEN,
        _DENY,
        "cawg.metadata",
    ),
    _mapped("cawg.metadata empty list", {"plus:DataMining": []}, _GEN, _DENY, "cawg.metadata"),
]
_FORMATS: tuple[Format, ...] = ("jpg", "png", "webp", "mp4")
_FILES = [
    case
    for fmt in _FORMATS
    for case in (
        _signed(f"{fmt} denial", partial(denying, fmt), _GEN, _DENY, fmt=fmt),
        _signed(f"{fmt} permission", partial(allowing, fmt), _GEN, _ALLOW, fmt=fmt),
    )
] + [
    _signed("untrusted permission", lambda: allowing("jpg"), _GEN, _UNKNOWN, lambda: NO_TRUST),
    _signed("untrusted denial", lambda: denying("jpg"), _GEN, _DENY, lambda: NO_TRUST),
    _signed("altered permission", lambda: altered(allowing("jpg")), _GEN, _UNKNOWN),
    _signed("altered denial", lambda: altered(denying("jpg")), _GEN, _DENY),
    _signed("ingredient denies", lambda: _file(ingredients=(denying("jpg"),)), _GEN, _DENY),
    _signed("ingredient allows", lambda: _file(ingredients=(allowing("jpg"),)), _GEN, _UNKNOWN),
    _signed(
        "file allows, ingredient denies",
        lambda: _file(
            mining(_CAWG, every_entry("allowed")), ingredients=(allowing("jpg"), denying("jpg"))
        ),
        _GEN,
        _DENY,
    ),
    _signed(
        "ingredient of an ingredient denies",
        lambda: _file(ingredients=(_file(ingredients=(denying("jpg"),)),)),
        _GEN,
        _DENY,
    ),
    _signed(
        "gathered permission",
        lambda: _file(mining(_CAWG, every_entry("allowed"), vouched=False)),
        _GEN,
        _UNKNOWN,
    ),
    _signed(
        "gathered denial",
        lambda: _file(mining(_CAWG, every_entry("notAllowed"), vouched=False)),
        _GEN,
        _DENY,
    ),
    _signed(
        "c2pa json without entries",
        lambda: _file(
            mining(_C2PA, {"c2pa.ai_generative_training": {"use": "notAllowed"}}, json=True)
        ),
        _GEN,
        _DENY,
    ),
    _signed(
        "second instance denies",
        _both(every_entry("allowed"), every_entry("notAllowed")),
        _GEN,
        _DENY,
    ),
    _signed(
        "first instance denies",
        _both(every_entry("notAllowed"), every_entry("allowed")),
        _GEN,
        _DENY,
    ),
    _signed(
        "constrained",
        lambda: _file(mining(_CAWG, _entry("cawg.ai_inference", "constrained"))),
        _INFER,
        _CONDITIONAL,
    ),
    _signed(
        "metadata denies",
        lambda: _file(
            mining(
                "cawg.metadata",
                {
                    "@context": {"plus": "http://ns.useplus.org/ldf/xmp/1.0/"},
                    "plus:DataMining": f"{_DMI}PROHIBITED",
                },
                json=True,
            )
        ),
        _GEN,
        _DENY,
    ),
    _signed("no statement about uses", lambda: _file(), _GEN, None),
    _signed("no manifest", lambda: plain("jpg"), _GEN, None),
    Case(
        "signed truncated",
        lambda: read_c2pa(allowing("jpg")[:2000], "jpg", identity().trust),
        _GEN,
        None,
        Reason.FILE_UNREADABLE,
    ),
]
CASES: list[Case] = [
    *(*_VALUES, *_SCOPE, *_SHAPES, *_CONSTRAINED, *_DOUBTS, *_SPEAKERS, *_METADATA, *_FILES)
]
