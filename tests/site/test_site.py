"""The site is built strictly, has every page, and loads nothing from elsewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.shared import made_once

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
# Elements whose address the browser fetches, and the attributes that hold one.
FETCHED = {
    "audio": ("src",),
    "embed": ("src",),
    "form": ("action",),
    "iframe": ("src",),
    "img": ("src", "srcset"),
    "input": ("src",),
    "object": ("data",),
    "script": ("src",),
    "source": ("src", "srcset"),
    "track": ("src",),
    "video": ("src", "poster"),
}
# Links that say something of the page and fetch nothing.
SAID = {"canonical", "next", "prev", "author", "license"}
IN_STYLES = re.compile(r"@import|url\(\s*[\"']?\s*(?!data:|#)([^\"')\s]+)")


class Loads(HTMLParser):
    """Collects the addresses that a page makes a browser fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self.text: list[str] = []
        self._in_style = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.found += [given[name] for name in FETCHED.get(tag, ()) if name in given]
        if tag == "link" and not SAID & set(given.get("rel", "").split()):
            self.found.append(given.get("href", ""))
        if tag == "meta" and given.get("http-equiv", "").lower() == "refresh":
            self.found.append(given.get("content", ""))
        self.found += IN_STYLES.findall(given.get("style", ""))
        self._in_style = tag == "style"

    def handle_data(self, data: str) -> None:
        if self._in_style:
            self.found += IN_STYLES.findall(data)


def loads(html: str) -> list[str]:
    parser = Loads()
    parser.feed(html)
    return parser.found


def is_elsewhere(address: str) -> bool:
    return re.match(r"\s*(?:\w[\w+.-]*:|//)", address) is not None and not address.startswith(
        "data:"
    )


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Path:
    return made_once(tmp_path_factory, worker_id, "site", build)[0]


def build(folder: Path) -> None:
    """Builds the site where nothing but this machine can be reached: a proxy that is not there."""
    proxies = dict.fromkeys(("http_proxy", "https_proxy", "all_proxy"), "http://127.0.0.1:9")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=ROOT,
        env={**os.environ, **proxies, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def pages(site: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(site.rglob("*.html")):
        yield path.relative_to(site).as_posix(), path.read_text(encoding="utf-8")


def test_every_page_and_module_is_there(site: Path) -> None:
    built = {name for name, _ in pages(site)}
    sources = {path.relative_to(ROOT / "docs") for path in (ROOT / "docs").rglob("*.md")}
    assert {path.with_suffix(".html").as_posix() for path in sources} <= built
    assert {"index.html", "contributing/index.html", "security.html", "changelog.html"} <= built
    for package in ("pipelines", "schemas"):
        for path in (ROOT / package).rglob("*.py"):
            module = path.relative_to(ROOT).with_suffix(".html").as_posix()
            if not path.name.startswith("_"):
                assert f"reference/{module}" in built


def test_nothing_is_loaded_from_elsewhere(site: Path) -> None:
    for name, html in pages(site):
        assert [address for address in loads(html) if is_elsewhere(address)] == [], name
    for path in [*site.rglob("*.css"), *site.rglob("*.svg")]:
        text = path.read_text(encoding="utf-8")
        assert [found for found in IN_STYLES.findall(text) if is_elsewhere(found)] == [], path.name
        assert "@import" not in text


def test_no_page_asks_for_what_the_theme_would_fetch(site: Path) -> None:
    """The theme's script fetches from elsewhere for diagrams, and for figures of a repository."""
    for name, html in pages(site):
        assert 'class="mermaid"' not in html, name
        assert 'data-md-component="source"' not in html, name


def test_every_file_that_a_page_loads_is_there(site: Path) -> None:
    for name, html in pages(site):
        folder = site if name == "404.html" else (site / name).parent
        for address in loads(html):
            path = address.partition("#")[0].partition("?")[0]
            if path and not path.startswith("data:"):
                target = site / path[1:] if path.startswith("/") else folder / path
                assert target.exists(), (name, address)


def test_modules_are_described_and_linked(site: Path) -> None:
    screen = (site / "reference/pipelines/rights/rules/screen.html").read_text(encoding="utf-8")
    assert 'id="pipelines.rights.rules.screen.screen_batch"' in screen
    assert "before any fetch" in screen
    way = (site / "architecture.html").read_text(encoding="utf-8")
    assert (
        'href="reference/pipelines/rights/rules/screen.html'
        '#pipelines.rights.rules.screen.screen_batch"' in way
    )


def test_the_check_of_loads_notices_them() -> None:
    html = """<link rel="stylesheet" href="https://fonts.example/a.css">
    <link rel="canonical" href="https://site.example/"><a href="https://other.example/">x</a>
    <script src="//cdn.example/a.js"></script><img src="a.png" srcset="http://cdn.example/b.png">
    <style>@font-face {src: url('https://fonts.example/a.woff2')}</style>
    <p style="background: url(http://cdn.example/c.png)">x</p>"""
    assert [found for found in loads(html) if is_elsewhere(found)] == [
        "https://fonts.example/a.css",
        "//cdn.example/a.js",
        "http://cdn.example/b.png",
        "https://fonts.example/a.woff2",
        "http://cdn.example/c.png",
    ]
    assert not is_elsewhere("assets/a.css") and not is_elsewhere("data:image/png;base64,x")
