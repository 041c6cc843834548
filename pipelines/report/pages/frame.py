"""The frame of a page: head, navigation, sections, data and the script that fills the gallery."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from pipelines.report.pages.parts import text
from pipelines.statements.inline import embedded_json, inline_file, page_head

_PACKAGE = "pipelines.report.pages"
_TITLE = re.compile(r'<section id="([a-z]+)"[^>]*>\n<h2[^>]*>([^<]*)</h2>')


def make_page(
    *, title: str, by: str, lead: str, sections: Sequence[str], data: Mapping[str, object]
) -> bytes:
    """Returns a whole page, UTF-8.

    Args:
        title: Its heading.
        by: For whom it is, and from whom.
        lead: What the first screen says, HTML.
        sections: The sections, HTML; empty ones are left out.
        data: What the script shows, by name.
    """
    style = inline_file("pipelines.statements", "page.css") + inline_file(_PACKAGE, "report.css")
    script = inline_file(_PACKAGE, "report.js")
    there = [one for one in sections if one]
    links = "".join(
        f'<a href="#{match[1]}">{match[2]}</a>\n'
        for one in there
        if (match := _TITLE.match(one)) is not None
    )
    embedded = "".join(
        f'<script type="application/json" id="data-{name}">{embedded_json(_keys(value))}</script>\n'
        for name, value in data.items()
    )
    return "".join(
        (
            page_head(title, style, script, images=True),
            f'<header>\n<h1>{text(title)}</h1>\n<p class="soft">{text(by)}</p>\n</header>\n',
            f'<nav aria-label="On this page">\n{links}</nav>\n<main>\n{lead}',
            *there,
            f"</main>\n{embedded}<script>{script}</script>\n</body>\n</html>\n",
        )
    ).encode("utf-8", "backslashreplace")


def _keys(value: object) -> object:
    """Returns a value with texts as keys of objects, which JSON requires."""
    if isinstance(value, Mapping):
        return {str(key): item for key, item in value.items()}
    return value
