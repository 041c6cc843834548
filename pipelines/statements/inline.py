"""What a page that needs no server holds itself: styles, scripts, data and a policy for them.

The content security policy has the digests of the page's own style and script and allows nothing
else, so neither an id nor a name can load or run anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import lru_cache
from importlib.resources import files

import orjson

from pipelines.statements.text import escape


@lru_cache
def inline_file(package: str, name: str) -> str:
    """Returns a style or a script that lies in a package."""
    return files(package).joinpath(name).read_text(encoding="utf-8")


def embedded_json(value: object) -> str:
    """Returns JSON that cannot end its script element or begin a comment in it."""
    text = orjson.dumps(value).decode()
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def page_head(
    title: str, style: str, script: str, *, verdict: str = "", images: bool = False
) -> str:
    """Returns the beginning of a page, up to the start of its body.

    Args:
        title: Its title, as text.
        style: Its only style.
        script: Its only script; the page has to hold exactly this text.
        verdict: What the page says about itself until its script has checked it; "" if it checks
            nothing.
        images: Whether it shows pictures, which it holds itself as `data:`.
    """
    allowed = "img-src data:; " if images else ""
    checked = f' data-verdict="{escape(verdict)}"' if verdict else ""
    return (
        f'<!doctype html>\n<html lang="en"{checked}>\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" content="'
        f"default-src 'none'; {allowed}script-src '{_source(script)}'; "
        f"style-src '{_source(style)}'; base-uri 'none'; form-action 'none'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(title)}</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n"
    )


def _source(text: str) -> str:
    """Returns a content security policy's source that is exactly this text."""
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"
