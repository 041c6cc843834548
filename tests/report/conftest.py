"""One browser for the tests of pages."""

from __future__ import annotations

from tests.statements.conftest import chromium

__all__ = ["chromium"]
