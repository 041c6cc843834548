"""How often the product says `Any`, which mypy checks nothing of.

python -m tests.structure.any_count [CHECKOUT]
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.structure.figures import PACKAGES, ROOT

# In an annotation that is a text, such as the first argument of `cast`.
_IN_TEXT = re.compile(r"\[[^\]]*\bAny\b")


def count_any(source: str) -> int:
    """How often a module's code says `Any`, in annotations or elsewhere; imports do not count."""
    tree = ast.parse(source)
    docstrings = set(_docstrings(tree))
    names = texts = 0
    for node in ast.walk(tree):
        if isinstance(node, ast.Name):
            names += node.id == "Any"
        elif isinstance(node, ast.Constant) and node not in docstrings:
            text = str(node.value)
            texts += len(re.findall(r"\bAny\b", text)) if _IN_TEXT.search(text) else 0
    return names + texts


def _docstrings(tree: ast.AST) -> Iterator[ast.expr]:
    """Every text that stands by itself."""
    return (node.value for node in ast.walk(tree) if isinstance(node, ast.Expr))


def any_by_module(root: Path) -> dict[str, int]:
    """The modules that say it, with how often, the most often first."""
    counts = {
        str(path.relative_to(root)): count_any(path.read_text(encoding="utf-8"))
        for package in PACKAGES
        for path in sorted((root / package).rglob("*.py"))
    }
    return dict(sorted(((k, n) for k, n in counts.items() if n), key=lambda item: -item[1]))


if __name__ == "__main__":
    found = any_by_module(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT)
    for module, number in found.items():
        print(f"{number:>4}  {module}")
    print(f"{sum(found.values()):>4}  in all")
