"""Reads everything a web server states about one file's rights, in headers and origin files."""

from __future__ import annotations

from urllib.parse import urljoin

from pipelines.signals.server.aipref import read_content_usage
from pipelines.signals.server.common import ServedFile, fault_reading, without_query
from pipelines.signals.server.evidence import HttpEvidence, OriginFile
from pipelines.signals.server.links import license_links
from pipelines.signals.server.robots_tag import read_robots_tag
from pipelines.signals.server.robots_txt import read_robots_txt
from pipelines.signals.server.rsl import read_rsl, read_unfetched_licenses
from pipelines.signals.server.tdmrep import TDMREP_PATH, read_tdmrep
from schemas.signal import Reading, merge_readings

ROBOTS_TXT_PATH = "/robots.txt"


def read_http(evidence: HttpEvidence) -> Reading:
    """Reads all server statements about a file.

    An origin file that could not be fetched is a fault, since it may have denied a use. A linked
    licence that does not exist or was not fetched makes everything conditional.

    Args:
        evidence: What the fetcher recorded.
    """
    served = ServedFile(evidence.url)
    robots_url, tdmrep_url = (
        safe_urljoin(served.url, ROBOTS_TXT_PATH),
        safe_urljoin(served.url, TDMREP_PATH),
    )
    files = {file.url: file for file in evidence.origin_files}
    robots, tdmrep = _body(files, robots_url), _body(files, tdmrep_url)
    readings = [
        read_robots_tag(served, _values(evidence, "x-robots-tag")),
        read_tdmrep(
            served,
            _values(evidence, "tdm-reservation"),
            _values(evidence, "tdm-policy"),
            tdmrep,
            tdmrep_url,
        ),
        read_content_usage(served, _values(evidence, "content-usage")),
    ]
    if robots is not None:
        readings.append(read_robots_txt(served, robots_url, robots))
    links = license_links(served.url, _values(evidence, "link"), robots_url, robots)
    for link in links:
        body = _body(files, link.url)
        if body is not None:
            readings.append(read_rsl(served, link.url, body))
    readings.append(
        read_unfetched_licenses(served, (link for link in links if _is_missing(files, link.url)))
    )
    readings += map(_file_fault, evidence.origin_files)
    if evidence.fault:
        readings.append(fault_reading("http headers", evidence.fault, ""))
    return merge_readings(readings)


def safe_urljoin(url: str, path: str) -> str:
    """Returns the URL of a path on a URL's origin; only the path if the URL is invalid."""
    try:
        return urljoin(url, path)
    except ValueError:
        return path


def _values(evidence: HttpEvidence, name: str) -> list[str]:
    """Returns the values of the headers with a name, ignoring case."""
    return [value for key, value in evidence.headers if key.strip().casefold() == name]


def _body(files: dict[str, OriginFile], url: str) -> bytes | None:
    file = files.get(url)
    return None if file is None or file.fault else file.body


def _is_missing(files: dict[str, OriginFile], url: str) -> bool:
    """Whether a file was not requested, or the server does not have it."""
    file = files.get(url)
    return file is None or (file.body is None and not file.fault)


def _file_fault(file: OriginFile) -> Reading:
    if not file.fault:
        return Reading()
    return fault_reading(without_query(file.url), file.fault, file.body or b"")
