"""What the guarded child does with the metadata in files."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pipelines.features.pipe_messages import Answer, Header
from pipelines.features.reading_json import reading_to_json
from pipelines.media.formats import parse_format
from schemas.errors import BadRecord
from schemas.reasons import Reason

if TYPE_CHECKING:
    from pipelines.signals.file.trust import TrustLists
    from schemas.signal import Reading

# More statements than this suggest a hostile file; the parent accepts no longer messages.
_MAX_STATEMENTS = 5_000
_trust: dict[str, TrustLists] = {}


def _signals(request: Header, data: bytes) -> Answer:
    # Imported here because the readers' libraries take a quarter of a second to load, and decoding
    # films does not need them.
    from pipelines.signals.file.embedded import read_embedded

    reading = read_embedded(data, parse_format(request["format"]), trust_lists(request))
    return _statements(reading)


def _sidecar(request: Header, data: bytes) -> Answer:
    from pipelines.signals.file.embedded import read_sidecar

    return _statements(read_sidecar(data, str(request["name"]), trust_lists(request)))


def _describe(request: Header, data: bytes) -> Answer:
    from pipelines.signals.file.description import describe_file, describe_packet

    name = str(request["name"])
    described = describe_packet(data, name) if name else describe_file(data)
    return {"description": described.to_json()}, []


def _strip(request: Header, data: bytes) -> Answer:
    from pipelines.signals.strip.kept import CannotStripError
    from pipelines.signals.strip.strip import strip_metadata

    fmt, setting = parse_format(request["format"]), str(request["setting"])
    try:
        stripped = strip_metadata(
            data, fmt, setting, int(request["orientation"]), trust_lists(request)
        )
    except CannotStripError as error:
        raise BadRecord(Reason.METADATA_NOT_REMOVABLE, str(error)) from error
    return {}, [stripped]


def trust_lists(request: Header) -> TrustLists:
    """Returns the trust lists of a request, or the ones sent before if it names those."""
    from pipelines.signals.file.trust import TrustLists

    if "trust" in request:
        _trust.clear()
        _trust[request["trust_sha256"]] = TrustLists(**request["trust"])
    return _trust[request["trust_sha256"]]


def _statements(reading: Reading) -> Answer:
    if len(reading.signals) + len(reading.claims) + len(reading.faults) > _MAX_STATEMENTS:
        raise BadRecord(Reason.FILE_UNREADABLE, f"over {_MAX_STATEMENTS} statements about rights")
    return {"reading": reading_to_json(reading)}, []


METADATA_ANSWERS = {
    "signals": _signals,
    "sidecar": _sidecar,
    "describe": _describe,
    "strip": _strip,
}
