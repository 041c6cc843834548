"""What the guarded child is asked about the metadata in files."""

from __future__ import annotations

from pipelines.features.answers import description_answer, file_answer
from pipelines.features.guarded_child import MAX_ADDED_BYTES, GuardedChild
from pipelines.features.pipe_messages import Header
from pipelines.features.reading_json import reading_from_json
from pipelines.media.formats import Format, is_film
from pipelines.media.limits import MediaLimits
from pipelines.signals.file.description_fields import FileDescription
from pipelines.signals.file.embedded import may_state_rights
from pipelines.signals.file.metadata_blocks import file_fault
from pipelines.signals.file.trust import TrustLists
from schemas.errors import BadRecord
from schemas.reasons import Reason
from schemas.signal import Reading


class MetadataGuard(GuardedChild):
    """Has the metadata in files read and removed in the child."""

    def signals(self, data: bytes, fmt: Format, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what a file says about rights; see `embedded.read_embedded`.

        Returns:
            The reading. If the child crashes on the file or exceeds its time, a reading with one
            fault, since the file may have denied a use. Files without metadata need no child.
        """
        if not may_state_rights(data, fmt):
            return Reading()
        request: Header = {"what": "signals", "format": fmt, "trust_sha256": trust.digest}
        return self._reading(request, data, "metadata", trust, limits)

    def sidecar(self, data: bytes, name: str, trust: TrustLists, limits: MediaLimits) -> Reading:
        """Reads what an `.xmp` file beside a medium says about rights.

        Returns:
            The reading, with a fault as in `signals`.
        """
        request: Header = {"what": "sidecar", "name": name, "trust_sha256": trust.digest}
        return self._reading(request, data, f"sidecar {name}", trust, limits)

    def describe(self, data: bytes, sidecar: str, limits: MediaLimits) -> FileDescription:
        """Reads what a medium, or the sidecar of that name, says of its content and maker.

        Raises:
            BadRecord: `media.undecodable` if the child dies of it or exceeds its time.
        """
        seconds = limits.signals_timeout_s
        request: Header = {"what": "describe", "name": sidecar, "timeout_s": seconds}
        return description_answer(self.ask({**request, "cpu_s": seconds}, data, limits, 0)[0])

    def strip(
        self,
        data: bytes,
        fmt: Format,
        setting: str,
        orientation: int,
        trust: TrustLists,
        limits: MediaLimits,
    ) -> bytes:
        """Removes a file's metadata; see `strip.strip_metadata`. A plain picture needs no child.

        Raises:
            BadRecord: `metadata.not_removable`, also if the child dies of it.
        """
        if not is_film(fmt) and orientation == 1 and not may_state_rights(data, fmt):
            return data
        request: Header = {
            "what": "strip",
            "format": fmt,
            "setting": setting,
            "orientation": orientation,
            "trust_sha256": trust.digest,
        }
        try:
            _, blobs = self.ask(request, data, limits, len(data) + MAX_ADDED_BYTES, trust)
            return file_answer(blobs)
        except BadRecord as bad:
            raise BadRecord(Reason.METADATA_NOT_REMOVABLE, bad.detail) from bad

    def _reading(
        self, request: Header, data: bytes, where: str, trust: TrustLists, limits: MediaLimits
    ) -> Reading:
        try:
            header, _ = self.ask(request, data, limits, 0, trust)
            return reading_from_json(header["reading"])
        except BadRecord as bad:
            detail = bad.detail
        # A compromised child may answer anything.
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            detail = f"the reader sent an invalid answer: {type(error).__name__}"
        return Reading(faults=(file_fault(where, detail, data),))
