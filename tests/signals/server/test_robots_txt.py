"""robots.txt: preferences for paths, and links to licences."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipelines.signals.server.common import ServedFile
from pipelines.signals.server.robots_txt import license_lines, read_robots_txt
from schemas.rights import Permission, Purpose
from schemas.signal import raw_sha256

URL = "https://media.example/robots.txt"
EXAMPLE = """\
User-Agent: *
Allow: /
Disallow: /never/
Content-Usage: train-ai=n
Content-Usage: /ai-ok/ train-ai=y
"""


def values(body: str | bytes, path: str, purpose: Purpose = Purpose.TRAIN_GEN) -> set[Permission]:
    data = body if isinstance(body, bytes) else body.encode()
    reading = read_robots_txt(ServedFile(f"https://media.example{path}"), URL, data)
    return {signal.value for signal in reading.signals if signal.purpose is purpose}


def test_the_example_in_the_draft() -> None:
    """draft-ietf-aipref-attach, section 3.4; but here preferences count under disallowed paths."""
    assert values(EXAMPLE, "/test") == {Permission.DENY}
    assert values(EXAMPLE, "/ai-ok/test") == {Permission.ALLOW}
    assert values(EXAMPLE, "/never/test") == {Permission.DENY}
    other = EXAMPLE + "\nUser-Agent: ExampleBot\nAllow: /\nContent-Usage: train-ai=y\n"
    assert values(other, "/test") == {Permission.DENY, Permission.ALLOW}


def test_a_signal_shows_the_line_and_the_digest_of_the_file() -> None:
    body = EXAMPLE.encode()
    reading = read_robots_txt(ServedFile("https://media.example/x?sig=5ec4e7"), URL, body)
    (signal,) = reading.signals
    assert (signal.where, signal.said) == (URL, "content-usage: train-ai=n")
    assert signal.sha256 == raw_sha256(body)


def test_line_ends_comments_tabs_and_other_bytes_are_accepted() -> None:
    for end in ("\n", "\r\n", "\r"):
        assert values(EXAMPLE.replace("\n", end), "/test") == {Permission.DENY}
    assert values("Content-Usage: train-ai=n#train-ai=y", "/a") == {Permission.DENY}
    assert values("#Content-Usage: train-ai=n", "/a") == set()
    assert values("Content-Usage:\t/a\ttrain-ai=n", "/a") == {Permission.DENY}
    assert values(b"\xff\xfe\nContent-Usage: /\xe9 train-ai=n", "/%E9") == {Permission.DENY}


def test_utf_16_is_a_fault() -> None:
    body = "Content-Usage: train-ai=n".encode("utf-16")
    reading = read_robots_txt(ServedFile("https://media.example/a"), URL, body)
    assert not reading.signals and len(reading.faults) == 1


def test_each_group_of_crawlers_is_read() -> None:
    body = (
        "User-agent: a\nUser-agent: b\nContent-Usage: /x train-ai=n\n"
        "User-agent: c\nContent-Usage: /x/y train-ai=y\n"
    )
    # Each group has its own longest path.
    assert values(body, "/x/y") == {Permission.DENY, Permission.ALLOW}


def test_content_signals_have_paths_too() -> None:
    body = "Content-Signal: ai-train=no\nContent-Signal: /free/ ai-train=yes, search=no\n"
    assert values(body, "/a") == {Permission.DENY}
    assert values(body, "/free/a") == {Permission.ALLOW}
    assert values(body, "/free/a", Purpose.SEARCH) == {Permission.DENY}


def test_licences_of_all_groups_are_listed_once() -> None:
    body = b"License: a#b\nUser-agent: x\nLICENSE : c\nUser-agent: y\nLicense: a\nLicense:\n"
    assert license_lines(body) == ["a", "c"]


def test_thousands_of_equal_groups_give_one_signal() -> None:
    group = "User-agent: a\nContent-Usage: /*a*b*c train-ai=n\nContent-Usage: train-ai=n\n"
    page = ServedFile("https://media.example/" + "ab" * 2_000)
    reading = read_robots_txt(page, URL, (group * 5_000).encode())
    assert len(reading.signals) == 1


@given(st.binary(max_size=300))
def test_no_bytes_make_the_reader_raise(body: bytes) -> None:
    read_robots_txt(ServedFile("https://media.example/a?b"), URL, body)
    license_lines(body)
