"""Reads what one XMP packet states about rights, in the vocabularies of `xmp_vocabulary`.

A value that PLUS does not define is a denial in `plus:DataMining`, and a fault elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rdflib import Graph

from pipelines.signals.file.generators import GENERATED
from pipelines.signals.file.licence_names import licences_in_words
from pipelines.signals.file.metadata_blocks import MetadataBlock, file_fault, printable
from pipelines.signals.file.rdf_feed import BadPacketError
from pipelines.signals.file.rdf_values import PropertyValue, property_values
from pipelines.signals.file.xmp import PROHIBITED, parse_packet
from pipelines.signals.file.xmp_people import people_assertions
from pipelines.signals.file.xmp_texts import read_xmp_texts
from pipelines.signals.file.xmp_vocabulary import (
    ABSENT_TEXTS,
    AI_PROPERTIES,
    CODED_PROPERTIES,
    DATA_MINING,
    DMI_REFERENCES,
    DMI_VALUES,
    EMBEDDED_EXPRESSIONS,
    HAS_EXTENDED,
    LICENCE_PROPERTIES,
    LINKED_EXPRESSIONS,
    OTHER_CONSTRAINTS,
    PLUS,
    PLUS_VOCABULARY,
    SOURCE_TYPES,
    TDM_POLICY,
    TDM_PURPOSES,
    TDM_RESERVATION,
    TEXT_PROPERTIES,
    is_watched,
)
from schemas.rights import DIGITAL_SOURCE_TYPE_PREFIX, PURPOSES, Permission, Purpose
from schemas.signal import (
    AssertionKind,
    FileAssertion,
    Origin,
    Reading,
    ReadingFault,
    Signal,
    merge_readings,
    raw_sha256,
)

__all__ = ["DMI_VALUES", "PLUS_VOCABULARY", "PacketReading", "read_packet"]

_MAX_VALUES = 200  # of one property
_MAX_UNKNOWN = 20  # values under DataMining that PLUS does not know
_MAX_ASSERTION_CHARS = 1000  # characters of a claim
_ADDRESS = re.compile(r"[a-z][a-z0-9+.-]*:|//|www\.", re.IGNORECASE)
_TDM_VALUES = {"0": Permission.ALLOW, "1": Permission.DENY}


@dataclass(frozen=True)
class PacketReading:
    """What a packet states.

    Attributes:
        reading: Its statements about rights.
        extended: GUIDs of the extended packets that belong to it.
    """

    reading: Reading
    extended: frozenset[str] = frozenset()


def read_packet(block: MetadataBlock, phrases: Sequence[str] = ()) -> PacketReading:
    """Reads one packet; what cannot be read is a fault, never an exception.

    Args:
        block: The packet.
        phrases: The deal's own denial phrases.
    """
    try:
        packet = parse_packet(block.data, is_watched)
    except BadPacketError as error:
        fault = file_fault(f"XMP, {block.where}", str(error), block.data)
        return PacketReading(Reading(faults=(fault,)))
    texts = read_xmp_texts(packet.texts, block.where, raw_sha256(block.data), phrases)
    if packet.graph is None:
        faults = Reading(faults=_prohibition_faults(block, packet.prohibitions))
        return PacketReading(merge_readings([texts, faults]))
    reader = _PacketReader(block, packet.graph)
    reader.read()
    mining = property_values(packet.graph, [DATA_MINING])
    said = {code for item in mining for code in PROHIBITED.findall(item.text)}
    unread_prohibitions = Reading(faults=_prohibition_faults(block, packet.prohibitions - said))
    readings = [reader.reading(), texts, unread_prohibitions]
    return PacketReading(merge_readings(readings), reader.extended())


def _prohibition_faults(block: MetadataBlock, codes: frozenset[str]) -> tuple[ReadingFault, ...]:
    """Returns a fault for prohibitions that appear in no property that is read."""
    if not codes:
        return ()
    detail = f"{', '.join(sorted(codes)[:_MAX_UNKNOWN])} appears in no property that is read"
    return (file_fault(f"XMP, {block.where}", detail, block.data),)


class _PacketReader:
    """Collects what the properties of one packet state."""

    def __init__(self, block: MetadataBlock, graph: Graph) -> None:
        self._graph = graph
        self._where = block.where
        self._raw = block.data
        self._sha256 = raw_sha256(block.data)
        self._signals: list[Signal] = []
        self._assertions: list[FileAssertion] = []
        self._faults: list[ReadingFault] = []

    def read(self) -> None:
        """Reads every vocabulary, in order."""
        self._read_data_mining()
        self._read_tdm()
        for name, (kind, codes) in CODED_PROPERTIES.items():
            self._read_codes(name, kind, codes)
        for item in self._values("Iptc4xmpExt:DigitalSourceType", SOURCE_TYPES):
            term = _without_prefix(item.text, DIGITAL_SOURCE_TYPE_PREFIX)
            self._add_assertion(AssertionKind.SOURCE_TYPE, "Iptc4xmpExt:DigitalSourceType", term)
        for uri, (name, kind) in TEXT_PROPERTIES.items():
            for item in self._values(name, (uri,)):
                if kind is AssertionKind.REMOTE_MANIFEST:
                    self._read_remote_manifest(name, item.text)
                else:
                    self._add_assertion(kind, name, item.text)
        self._read_licences()
        for item in self._values("Iptc4xmpExt:AI…", AI_PROPERTIES):
            if item.text.casefold() not in ABSENT_TEXTS:
                self._add_assertion(
                    AssertionKind.SOURCE_TYPE, "Iptc4xmpExt:AISystemUsed or AIPrompt…", GENERATED
                )
        for people_kind, value, name in people_assertions(self._graph):
            self._add_assertion(people_kind, name, value)

    def _read_remote_manifest(self, name: str, text: str) -> None:
        """A manifest elsewhere is evidence that nobody read: it may deny any purpose."""
        if text.startswith("self#"):  # in the file itself
            return
        self._add_assertion(AssertionKind.REMOTE_MANIFEST, name, text)
        if _ADDRESS.match(text):
            for purpose in PURPOSES:
                self._add_signal(name, purpose, Permission.CONDITIONAL, f"not fetched: {text}")

    def _read_licences(self) -> None:
        for uri, name in LICENCE_PROPERTIES.items():
            for item in self._values(name, (uri,)):
                if item.text.casefold() not in ABSENT_TEXTS:
                    for code in licences_in_words(item.text) or [item.text]:
                        self._add_assertion(AssertionKind.LICENCE, name, code)

    def reading(self) -> Reading:
        """Returns everything that was found."""
        return Reading(tuple(self._signals), tuple(self._assertions), tuple(self._faults))

    def extended(self) -> frozenset[str]:
        """Returns the GUIDs of the extended packets that the packet refers to."""
        items = property_values(self._graph, [HAS_EXTENDED])
        return frozenset(item.text.upper() for item in items if item.text)

    def _add_fault(self, name: str, detail: str) -> None:
        """Records a property that cannot be read."""
        self._faults.append(file_fault(f"XMP {name}, {self._where}", detail, self._raw))

    def _values(self, name: str, predicates: tuple[str, ...]) -> Iterator[PropertyValue]:
        """Yields the values of a property that are not empty. Too many values are a fault."""
        items = [item for item in property_values(self._graph, predicates) if item.text]
        if len(items) > _MAX_VALUES:
            self._add_fault(name, f"{len(items)} values exceed the limit of {_MAX_VALUES}")
        yield from items[:_MAX_VALUES]

    def _add_signal(self, name: str, purpose: Purpose, value: Permission, said: str) -> None:
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

    def _add_assertion(self, kind: AssertionKind, name: str, value: str) -> None:
        text = printable(value, _MAX_ASSERTION_CHARS)
        self._assertions.append(
            FileAssertion(kind, text, f"XMP {name}, {self._where}", self._sha256)
        )

    def _read_data_mining(self) -> None:
        items = property_values(self._graph, [DATA_MINING])
        unknown = 0
        for item in items:
            code = _without_prefix(item.text, PLUS_VOCABULARY)
            meanings = None if item.nested else DMI_VALUES.get(code)
            unknown += meanings is None
            if meanings is None and unknown > _MAX_UNKNOWN:
                continue  # the earlier ones already deny everything
            said = code if meanings else f"not a value of PLUS: {item.text!r}"
            reference = self._texts(DMI_REFERENCES.get(code, ()))
            for purpose, value in (meanings or dict.fromkeys(PURPOSES, Permission.DENY)).items():
                self._add_signal(
                    "plus:DataMining", purpose, value, f"{said}: {reference}" if reference else said
                )
        if any(_without_prefix(item.text, PLUS_VOCABULARY) != "DMI-UNSPECIFIED" for item in items):
            return
        for name, predicates in (
            ("plus:OtherConstraints", OTHER_CONSTRAINTS),
            ("Iptc4xmpExt:EmbdEncRightsExpr", EMBEDDED_EXPRESSIONS),
            ("Iptc4xmpExt:LinkedEncRightsExpr", LINKED_EXPRESSIONS),
        ):
            text = self._texts(predicates)
            for purpose in PURPOSES if text else ():
                self._add_signal(name, purpose, Permission.CONDITIONAL, text)

    def _texts(self, predicates: tuple[str, ...]) -> str:
        items = property_values(self._graph, predicates)
        return printable("; ".join(item.text for item in items[:_MAX_VALUES] if item.text))

    def _read_tdm(self) -> None:
        predicates = [str(uri) for uri in self._graph.predicates(unique=True)]
        reserved = [uri for uri in predicates if uri.lower() in TDM_RESERVATION]
        policies = [uri for uri in predicates if uri.lower() in TDM_POLICY]
        policy = self._texts(tuple(sorted(policies)))
        for text in sorted({item.text for item in property_values(self._graph, reserved)}):
            value = _TDM_VALUES.get(text)
            if not text:
                continue
            if value is None:  # meant as something, and nobody knows as what
                value = Permission.CONDITIONAL
            if value is Permission.DENY and policy:
                value, text = Permission.CONDITIONAL, f"1, policy {policy}"
            for purpose in TDM_PURPOSES:
                self._add_signal("tdm:reservation", purpose, value, text)

    def _read_codes(self, name: str, kind: AssertionKind, codes: frozenset[str]) -> None:
        for item in self._values(f"plus:{name}", (f"{PLUS}{name}",)):
            code = _without_prefix(item.text, PLUS_VOCABULARY)
            if item.nested or code not in codes:
                self._add_fault(f"plus:{name}", f"not a value of PLUS: {item.text!r}")
                continue
            self._add_assertion(kind, f"plus:{name}", code)
            if code == "DP-NOD":  # training, embedding and indexing all make a copy
                for purpose in PURPOSES:
                    self._add_signal(f"plus:{name}", purpose, Permission.DENY, code)


def _without_prefix(text: str, prefix: str) -> str:
    """Returns a code without the prefix of its vocabulary, whether http or https."""
    return re.sub(f"^https?{re.escape(prefix.removeprefix('http'))}", "", text)
