"""Conformance cases of PLUS, IPTC and TDMRep in XMP, by value, spelling and purpose."""

from __future__ import annotations

from collections.abc import Callable
from itertools import cycle

from pipelines.signals.file.metadata import read_metadata
from schemas.reasons import Reason
from schemas.rights import PURPOSES, Permission, Purpose
from schemas.signal import Reading
from tests.signals.case import Case
from tests.signals.file import xmp_builder as build

_ALLOW, _DENY, _CONDITIONAL, _UNKNOWN = (
    Permission.ALLOW,
    Permission.DENY,
    Permission.CONDITIONAL,
    Permission.UNKNOWN,
)
_REASONS = {_DENY: Reason.FILE_DENIED, _CONDITIONAL: Reason.FILE_CONDITIONAL}
_GEN, _NONGEN = Purpose.TRAIN_GEN, Purpose.TRAIN_NONGEN
_MINING, _INFER = Purpose.DATA_MINING, Purpose.INFERENCE
_INDEX, _SEARCH = Purpose.INDEX, Purpose.SEARCH


def _all(value: Permission) -> dict[Purpose, Permission]:
    return dict.fromkeys(PURPOSES, value)


# The answer key, written by hand from the definitions of PLUS. Purposes that are not listed are
# undecided.
DMI_KEY: dict[str, dict[Purpose, Permission]] = {
    "DMI-UNSPECIFIED": _all(_UNKNOWN),
    "DMI-ALLOWED": _all(_ALLOW),
    "DMI-PROHIBITED-AIMLTRAINING": {_GEN: _DENY, _NONGEN: _DENY},
    "DMI-PROHIBITED-GENAIMLTRAINING": {_GEN: _DENY},
    "DMI-PROHIBITED-EXCEPTSEARCHENGINEINDEXING": {
        _GEN: _DENY,
        _NONGEN: _DENY,
        _MINING: _DENY,
        _INFER: _DENY,
        _INDEX: _ALLOW,
        _SEARCH: _ALLOW,
    },
    "DMI-PROHIBITED": _all(_DENY),
    "DMI-PROHIBITED-SEECONSTRAINT": _all(_CONDITIONAL),
    "DMI-PROHIBITED-SEEEMBEDDEDRIGHTSEXPR": _all(_CONDITIONAL),
    "DMI-PROHIBITED-SEELINKEDRIGHTSEXPR": _all(_CONDITIONAL),
}


def _reader(carrier: str, raw: bytes) -> Callable[[], Reading]:
    return lambda: read_metadata(build.CARRIERS[carrier](raw))


def _case(name: str, raw: bytes, purpose: Purpose, value: Permission | None) -> Case:
    carrier = next(_carriers)
    reason = _REASONS.get(value) if value else None
    title = f"xmp {name}, {carrier}: {purpose}"
    return Case(title, _reader(carrier, raw), purpose, value, reason)


_carriers = cycle(build.CARRIERS)


def _rows(
    name: str, values: list[str], key: dict[Purpose, Permission], spellings: list[str]
) -> list[Case]:
    """Returns a property's cases: every value in every given spelling for every purpose."""
    return [
        _case(
            f"{name}={value.rpartition('/')[2] or value!r} as {spelling}",
            build.SPELLINGS[spelling](name, value),
            purpose,
            key.get(purpose),
        )
        for value in values
        for spelling in spellings
        for purpose in PURPOSES
    ]


_EVERY = list(build.SPELLINGS)
_FEW = ["attribute", "element", "rdf:resource", "Bag"]
_MINED = {_MINING: _DENY, _GEN: _DENY, _NONGEN: _DENY}
_MINED_CONDITIONAL = dict.fromkeys(_MINED, _CONDITIONAL)
_POLICY = 'tdm:policy="https://example.org/policy.json"'


def _packets(name: str, raw: bytes, key: dict[Purpose, Permission]) -> list[Case]:
    return [_case(name, raw, purpose, key.get(purpose)) for purpose in PURPOSES]


CASES: list[Case] = [
    # plus:DataMining: every value in every spelling, for every purpose.
    *(
        case
        for code, key in DMI_KEY.items()
        for case in _rows("plus:DataMining", [build.VOCABULARY + code], key, _EVERY)
    ),
    # Without the vocabulary's address, and with https in it.
    *(
        case
        for code, key in DMI_KEY.items()
        for prefix in ("", build.VOCABULARY.replace("http:", "https:"))
        for case in _packets(
            f"plus:DataMining={prefix[:5]}{code}",
            build.packet(f"<plus:DataMining>{prefix}{code}</plus:DataMining>"),
            key,
        )
    ),
    # Values that PLUS does not define.
    *_rows(
        "plus:DataMining",
        ["", "no", "DMI-NEW", "dmi-allowed", "ALLOWED", "http://example.org/other#DMI-ALLOWED"],
        _all(_DENY),
        _FEW,
    ),
    *_rows("plus:OtherConstraints", ["Ask the studio"], _all(_CONDITIONAL), _FEW),
    *_rows("plus:ImageDuplicationConstraints", ["DP-NOD"], _all(_DENY), _FEW),
    *_rows("plus:ImageDuplicationConstraints", ["DP-LIC", "DP-NDC"], {}, _FEW),
    *_rows("plus:ModelReleaseStatus", ["MR-NON"], {}, ["element"]),
    *_rows("plus:ImageAlterationConstraints", ["AL-CRP"], {}, ["Bag"]),
    *_rows("plus:ImageFileConstraints", ["IF-MFT"], {}, ["Bag"]),
    *_rows("Iptc4xmpExt:DigitalSourceType", ["trainedAlgorithmicMedia"], {}, ["element"]),
    # TDMRep.
    *_rows("tdm:reservation", ["1"], _MINED, _EVERY),
    *_rows("tdm:tdm-reservation", ["1"], _MINED, _FEW),
    *_rows("tdm:reservation", ["0"], dict.fromkeys(_MINED, _ALLOW), _FEW),
    *_rows("tdm:reservation", [""], {}, _FEW),
    *_rows("tdm:reservation", ["2", "true", "01", "yes"], _MINED_CONDITIONAL, _FEW),
    *_packets(
        "tdm:reservation=1 with a policy",
        build.packet(attributes=f'tdm:reservation="1" {_POLICY}'),
        _MINED_CONDITIONAL,
    ),
    *_packets(
        "tdm:reservation=1 with an empty policy",
        build.packet(attributes='tdm:reservation="1" tdm:policy=""'),
        _MINED,
    ),
    *_packets("tdm:policy alone", build.packet(attributes=_POLICY), {}),
    # Of two statements, the stricter counts.
    *_packets(
        "plus:DataMining=DMI-ALLOWED with tdm:reservation=1",
        build.packet(attributes='plus:DataMining="DMI-ALLOWED" tdm:reservation="1"'),
        {**_all(_ALLOW), **_MINED},
    ),
]
