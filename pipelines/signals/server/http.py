"""All that a web server says about the rights in one file: headers, and the files beside it."""

from __future__ import annotations

from urllib.parse import urljoin

from pipelines.signals.server.aipref import read_content_usage
from pipelines.signals.server.evidence import HttpEvidence, SideFile
from pipelines.signals.server.links import license_links
from pipelines.signals.server.robots_tag import read_robots_tag
from pipelines.signals.server.robots_txt import read_robots_txt
from pipelines.signals.server.rsl import read_rsl, read_unfetched
from pipelines.signals.server.server import Page, faulty, without_query
from pipelines.signals.server.tdmrep import WELL_KNOWN, read_tdmrep
from schemas.signal import Reading, merge_readings

ROBOTS = "/robots.txt"


def read_http(evidence: HttpEvidence) -> Reading:
    """Reads everything that came with a file.

    A file beside it that could not be fetched is a fault, for it may have said no. A licence that
    is linked to but not there, or not fetched, makes everything conditional.

    Args:
        evidence: What the fetcher kept.
    """
    page = Page(evidence.url)
    robots_url, tdmrep_url = (
        urljoin_quietly(page.url, ROBOTS),
        urljoin_quietly(page.url, WELL_KNOWN),
    )
    files = {file.url: file for file in evidence.side_files}
    robots, tdmrep = _body(files, robots_url), _body(files, tdmrep_url)
    readings = [
        read_robots_tag(page, _values(evidence, "x-robots-tag")),
        read_tdmrep(
            page,
            _values(evidence, "tdm-reservation"),
            _values(evidence, "tdm-policy"),
            tdmrep,
            tdmrep_url,
        ),
        read_content_usage(page, _values(evidence, "content-usage")),
    ]
    if robots is not None:
        readings.append(read_robots_txt(page, robots_url, robots))
    links = license_links(page.url, _values(evidence, "link"), robots_url, robots)
    for link in links:
        body = _body(files, link.url)
        if body is not None:
            readings.append(read_rsl(page, link.url, body))
    readings.append(read_unfetched(page, (link for link in links if _lacks(files, link.url))))
    readings += map(_fault, evidence.side_files)
    if evidence.fault:
        readings.append(faulty("http headers", evidence.fault, ""))
    return merge_readings(readings)


def urljoin_quietly(url: str, path: str) -> str:
    """A path on a URL's origin; the path alone if the URL is none."""
    try:
        return urljoin(url, path)
    except ValueError:
        return path


def _values(evidence: HttpEvidence, name: str) -> list[str]:
    """The values of the headers of one name, in whatever case it is spelled."""
    return [value for key, value in evidence.headers if key.strip().casefold() == name]


def _body(files: dict[str, SideFile], url: str) -> bytes | None:
    file = files.get(url)
    return None if file is None or file.fault else file.body


def _lacks(files: dict[str, SideFile], url: str) -> bool:
    """Whether a file was not asked for, or the server has none."""
    file = files.get(url)
    return file is None or (file.body is None and not file.fault)


def _fault(file: SideFile) -> Reading:
    if not file.fault:
        return Reading()
    return faulty(without_query(file.url), file.fault, file.body or b"")
