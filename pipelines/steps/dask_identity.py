"""Which program a Dask worker has: its version, a digest of its files, and what bytes depend on.

The function is sent to workers as code and not by its name, since a worker that lacks this program
or has another version of it could not import it. So it names nothing outside of itself.
"""

from __future__ import annotations

from collections.abc import Callable


def identity_probe() -> Callable[[], dict[str, str]]:
    """Returns a function that says which versions the machine has that it is called on."""

    def probe() -> dict[str, str]:
        import hashlib
        import importlib.util
        import platform
        from importlib.metadata import PackageNotFoundError, version
        from pathlib import Path

        found = {"Python": ".".join(platform.python_version_tuple()[:2])}
        digest = hashlib.sha256()
        for package in ("pipelines", "schemas"):
            spec = importlib.util.find_spec(package)
            if spec is None or spec.submodule_search_locations is None:
                return {**found, "fairshard": "not installed"}
            root = Path(next(iter(spec.submodule_search_locations)))
            for path in sorted(root.rglob("*")):
                if path.is_file() and "__pycache__" not in path.parts:
                    digest.update(f"{package}/{path.relative_to(root).as_posix()}\0".encode())
                    digest.update(hashlib.sha256(path.read_bytes()).digest())
        for package in (
            "fairshard apache-beam av dask distributed numpy open-clip-torch orjson pillow pyarrow "
            "pydantic simplejpeg torch"
        ).split():
            try:
                found[package] = version(package)
            except PackageNotFoundError:
                found[package] = ""
        return {**found, "code": digest.hexdigest()[:12]}

    return probe
