"""What one XMP packet says of rights, whoever's vocabulary it uses (see `xmp_vocabulary`).

A value that PLUS does not know is a denial under `plus:DataMining`, and a fault elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from rdflib import Graph

from pipelines.signals.file.parts import Part, file_fault, printable
from pipelines.signals.file.rdf_feed import BadPacketError
from pipelines.signals.file.rdf_values import Leaf, values_of
from pipelines.signals.file.xmp import PROHIBITED, parse_packet
from pipelines.signals.file.xmp_vocabulary import (
    CODES,
    CONSTRAINTS,
    DATA_MINING,
    DMI,
    EMBEDDED,
    HAS_EXTENDED,
    LINKED,
    MINED,
    PLUS,
    SEE,
    SOURCE_TYPES,
    TDM_POLICY,
    TDM_RESERVATION,
    TEXTS,
    VOCABULARY,
    is_watched,
)
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, PURPOSES, Purpose, Value
from schemas.signal import (
    Claim,
    ClaimKind,
    Fault,
    Origin,
    Reading,
    Signal,
    merge_readings,
    raw_sha256,
)

__all__ = ["DMI", "VOCABULARY", "PacketReading", "read_packet"]

_MOST_VALUES = 200  # of one property
_MOST_UNKNOWN = 20  # values under DataMining that PLUS does not know
_MOST_CLAIMED = 1000  # characters of a claim
_TDM_SAYS = {"0": Value.ALLOW, "1": Value.DENY}


@dataclass(frozen=True)
class PacketReading:
    """What a packet says.

    Attributes:
        reading: Of rights.
        extended: GUIDs of the extended packets that belong to it.
    """

    reading: Reading
    extended: frozenset[str] = frozenset()


def read_packet(part: Part) -> PacketReading:
    """Reads one packet; what cannot be read is a fault, never an exception."""
    try:
        packet = parse_packet(part.data, is_watched)
    except BadPacketError as error:
        fault = file_fault(f"XMP, {part.where}", str(error), part.data)
        return PacketReading(Reading(faults=(fault,)))
    if packet.graph is None:
        return PacketReading(Reading(faults=_unread(part, packet.prohibitions)))
    reader = _Reader(part, packet.graph)
    reader.read()
    mining = values_of(packet.graph, [DATA_MINING])
    said = {code for leaf in mining for code in PROHIBITED.findall(leaf.text)}
    unread = Reading(faults=_unread(part, packet.prohibitions - said))
    return PacketReading(merge_readings([reader.reading(), unread]), reader.extended())


def _unread(part: Part, codes: frozenset[str]) -> tuple[Fault, ...]:
    """A fault for prohibitions that the packet holds under no property that is read."""
    if not codes:
        return ()
    detail = f"{', '.join(sorted(codes)[:_MOST_UNKNOWN])} under no property that is read"
    return (file_fault(f"XMP, {part.where}", detail, part.data),)


class _Reader:
    """Goes through the properties of one packet, and keeps what they say."""

    def __init__(self, part: Part, graph: Graph) -> None:
        self._graph = graph
        self._where = part.where
        self._raw = part.data
        self._sha256 = raw_sha256(part.data)
        self._signals: list[Signal] = []
        self._claims: list[Claim] = []
        self._faults: list[Fault] = []

    def read(self) -> None:
        """Every vocabulary, in order."""
        self._data_mining()
        self._tdm()
        for name, (kind, codes) in CODES.items():
            self._codes(name, kind, codes)
        for leaf in self._values("Iptc4xmpExt:DigitalSourceType", SOURCE_TYPES):
            term = _bare(leaf.text, DIGITAL_SOURCE_TYPE_PREFIX)
            self._claim(ClaimKind.SOURCE_TYPE, "Iptc4xmpExt:DigitalSourceType", term)
        for uri, (name, kind) in TEXTS.items():
            for leaf in self._values(name, (uri,)):
                # A manifest in the file itself is not said to lie elsewhere.
                if kind is not ClaimKind.REMOTE_MANIFEST or not leaf.text.startswith("self#"):
                    self._claim(kind, name, leaf.text)

    def reading(self) -> Reading:
        """All that was found."""
        return Reading(tuple(self._signals), tuple(self._claims), tuple(self._faults))

    def extended(self) -> frozenset[str]:
        """GUIDs of extended packets."""
        leaves = values_of(self._graph, [HAS_EXTENDED])
        return frozenset(leaf.text.upper() for leaf in leaves if leaf.text)

    def _fault(self, name: str, detail: str) -> None:
        """Notes what cannot be read."""
        self._faults.append(file_fault(f"XMP {name}, {self._where}", detail, self._raw))

    def _values(self, name: str, predicates: tuple[str, ...]) -> Iterator[Leaf]:
        """Values of a property, but the empty ones; more than we read are a fault."""
        leaves = [leaf for leaf in values_of(self._graph, predicates) if leaf.text]
        if len(leaves) > _MOST_VALUES:
            self._fault(name, f"{len(leaves)} values are more than is read")
        yield from leaves[:_MOST_VALUES]

    def _signal(self, name: str, purpose: Purpose, value: Value, said: str) -> None:
        self._signals.append(
            Signal(
                origin=Origin.FILE,
                purpose=purpose,
                value=value,
                who="",
                where=f"XMP {name}, {self._where}",
                sha256=self._sha256,
                when="",
                said=printable(said),
            )
        )

    def _claim(self, kind: ClaimKind, name: str, value: str) -> None:
        text = printable(value, _MOST_CLAIMED)
        self._claims.append(Claim(kind, text, f"XMP {name}, {self._where}", self._sha256))

    def _data_mining(self) -> None:
        leaves = values_of(self._graph, [DATA_MINING])
        unknown = 0
        for leaf in leaves:
            code = _bare(leaf.text, VOCABULARY)
            known = None if leaf.nested else DMI.get(code)
            unknown += known is None
            if known is None and unknown > _MOST_UNKNOWN:
                continue  # the first of them deny everything already
            said = code if known else f"not a value of PLUS: {leaf.text!r}"
            more = self._texts(SEE.get(code, ()))
            for purpose, value in (known or dict.fromkeys(PURPOSES, Value.DENY)).items():
                self._signal("plus:DataMining", purpose, value, f"{said}: {more}" if more else said)
        if leaves:
            return
        for name, predicates in (
            ("plus:OtherConstraints", CONSTRAINTS),
            ("Iptc4xmpExt:EmbdEncRightsExpr", EMBEDDED),
            ("Iptc4xmpExt:LinkedEncRightsExpr", LINKED),
        ):
            text = self._texts(predicates)
            for purpose in PURPOSES if text else ():
                self._signal(name, purpose, Value.CONDITIONAL, text)

    def _texts(self, predicates: tuple[str, ...]) -> str:
        leaves = values_of(self._graph, predicates)
        return printable("; ".join(leaf.text for leaf in leaves[:_MOST_VALUES] if leaf.text))

    def _tdm(self) -> None:
        predicates = [str(uri) for uri in self._graph.predicates(unique=True)]
        reserved = [uri for uri in predicates if uri.lower() in TDM_RESERVATION]
        policies = [uri for uri in predicates if uri.lower() in TDM_POLICY]
        policy = self._texts(tuple(sorted(policies)))
        for text in sorted({leaf.text for leaf in values_of(self._graph, reserved)}):
            value = _TDM_SAYS.get(text)
            if value is None:  # TDMRep: whatever is neither 0 nor 1 says nothing
                continue
            if value is Value.DENY and policy:
                value, text = Value.CONDITIONAL, f"1, policy {policy}"
            for purpose in MINED:
                self._signal("tdm:reservation", purpose, value, text)

    def _codes(self, name: str, kind: ClaimKind, codes: frozenset[str]) -> None:
        for leaf in self._values(f"plus:{name}", (f"{PLUS}{name}",)):
            code = _bare(leaf.text, VOCABULARY)
            if leaf.nested or code not in codes:
                self._fault(f"plus:{name}", f"not a value of PLUS: {leaf.text!r}")
                continue
            self._claim(kind, f"plus:{name}", code)
            if code == "DP-NOD":  # whoever trains, embeds or indexes makes a copy
                for purpose in PURPOSES:
                    self._signal(f"plus:{name}", purpose, Value.DENY, code)


def _bare(text: str, prefix: str) -> str:
    """A code without the prefix of its vocabulary, over http or https."""
    return re.sub(f"^https?{re.escape(prefix.removeprefix('http'))}", "", text)
