"""MkDocs hooks: add the root's pages and a page per module to the site, and link to them.

`make docs` runs MkDocs, which calls the functions whose names start with `on_`; see mkdocs.yml.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("pipelines", "schemas")
# Pages outside docs/: their path in the repository, and their path in the site.
OUTSIDE = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing/index.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "pipelines/vision/demo_model/MODEL_CARD.md": "model-card.md",
}
_INSIDE = {site: repository for repository, site in OUTSIDE.items()}
_LINK = re.compile(r"(?<!!)\[(?P<text>[^\]\n]*)\]\((?P<target>[^)\s#:]+)(?P<anchor>#[^)\s]*)?\)")
_FENCED = re.compile(r"(^```.*?^```$)", re.MULTILINE | re.DOTALL)
# A module, or a name in it, that is not inside a link; headings are skipped by the caller.
_NAMED = re.compile(r"(?<!\[)`(?P<module>(?:pipelines|schemas)/[\w/]+\.py)(?::(?P<name>[\w.]+))?`")


def modules() -> Iterator[str]:
    """Yields the paths of the repository's modules, except modules with a private name."""
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            if path.name == "__init__.py" or not path.name.startswith("_"):
                yield path.relative_to(ROOT).as_posix()


def reference_page(module: str) -> str:
    """Returns the site path of a module's page; for a package, the index of its folder."""
    path = module.removesuffix(".py")
    folder, _, name = path.rpartition("/")
    return f"reference/{folder}/index.md" if name == "__init__" else f"reference/{path}.md"


def dotted(module: str) -> str:
    """Returns the name by which a module is imported."""
    return module.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def site_path(repository_path: str) -> str | None:
    """Returns the site path of a file of the repository; None if the site does not contain it.

    Args:
        repository_path: Path relative to the root.
    """
    if repository_path in OUTSIDE:
        return OUTSIDE[repository_path]
    if repository_path.startswith("docs/"):
        return repository_path.removeprefix("docs/")
    if repository_path.startswith(PACKAGES) and repository_path.endswith(".py"):
        return reference_page(repository_path)
    return f"files/{repository_path}" if (ROOT / repository_path).is_file() else None


def linked(source: str, target: str) -> str:
    """Returns the repository path that a link on a page points to.

    Args:
        source: Repository path of the page.
        target: The link, relative to the page.
    """
    return posixpath.normpath(posixpath.join(posixpath.dirname(source), target))


def rewrite(markdown: str, source: str, page: str) -> str:
    """Returns the text of a page with its links changed to fit the site.

    Fenced blocks stay as they are. A link to a folder of the repository becomes plain text, since
    the site has no page for it. The name of a module, or of a function in it, becomes a link to the
    module's page.

    Args:
        markdown: The text.
        source: Repository path of the page.
        page: Path of the page in the site.
    """

    def to(there: str) -> str:
        return posixpath.relpath(there, posixpath.dirname(page) or ".")

    def relink(found: re.Match[str]) -> str:
        text, anchor = found["text"], found["anchor"] or ""
        path = linked(source, found["target"])
        if (ROOT / path).is_dir():
            return text
        there = site_path(path)
        # A broken link is kept, so that a strict build reports it.
        return found[0] if there is None else f"[{text}]({to(there)}{anchor})"

    def name(found: re.Match[str]) -> str:
        module, part = found["module"], found["name"] or ""
        if not (ROOT / module).is_file():
            return found[0]
        # Constants have no anchor on the page.
        anchor = f"#{dotted(module)}.{part}" if part and not part.isupper() else ""
        return f"[{found[0]}]({to(reference_page(module))}{anchor})"

    def line(text: str) -> str:
        text = _LINK.sub(relink, text)
        return text if text.startswith("#") else _NAMED.sub(name, text)

    parts = _FENCED.split(markdown)
    return "".join(
        part if number % 2 else "".join(map(line, part.splitlines(keepends=True)))
        for number, part in enumerate(parts)
    )


def _reference_nav() -> list[object]:
    """Returns the modules as nested sections, one per folder, in the form of mkdocs.yml."""
    every = list(modules())

    def section(folder: str) -> list[object]:
        below = [path.removeprefix(f"{folder}/") for path in every if path.startswith(f"{folder}/")]
        inner = sorted({path.partition("/")[0] for path in below if "/" in path})
        here = [path for path in below if "/" not in path and path != "__init__.py"]
        return [
            reference_page(f"{folder}/__init__.py"),
            *({name: section(f"{folder}/{name}")} for name in inner),
            *({path.removesuffix(".py"): reference_page(f"{folder}/{path}")} for path in here),
        ]

    return [{package: section(package)} for package in PACKAGES]


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Adds the modules to the navigation."""
    if config.nav is not None:
        config.nav.append({"Code": _reference_nav()})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Adds what is outside docs/: pages of the root, modules, and files that pages link to."""
    for repository, page in OUTSIDE.items():
        text = (ROOT / repository).read_text(encoding="utf-8")
        # The home page has no sibling pages, so its navigation column would be empty.
        start = "---\nhide: [navigation]\n---\n\n" if page == "index.md" else ""
        files.append(File.generated(config, page, content=start + text))
    for module in modules():
        text = f"---\ntitle: {dotted(module)}\n---\n\n::: {dotted(module)}\n"
        files.append(File.generated(config, reference_page(module), content=text))
    known = {file.src_uri for file in files}
    for file in list(files.documentation_pages()):
        source = _INSIDE.get(file.src_uri, f"docs/{file.src_uri}")
        for found in _LINK.finditer(file.content_string):
            path = linked(source, found["target"])
            there = site_path(path)
            if there is not None and there.startswith("files/") and there not in known:
                known.add(there)
                files.append(File.generated(config, there, content=(ROOT / path).read_bytes()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrites the links of pages that were written to be read in the repository."""
    uri = page.file.src_uri
    if uri.startswith("reference/"):
        return markdown
    return rewrite(markdown, _INSIDE.get(uri, f"docs/{uri}"), uri)
