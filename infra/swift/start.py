#!/usr/bin/env python3
"""Starts a real S3 service, OpenStack Swift with s3api, that listens only on loopback.

    infra/swift/start.py [--home FOLDER] [--no-install]

It needs Debian's memcached (`apt-get install memcached`) and, on first use, a package index: Swift
is installed into its own environment in FOLDER (default: $FAIRSHARD_SWIFT_HOME, or
~/.cache/fairshard/swift). When the server is ready, it prints one line of JSON with its endpoint,
access key, secret, region, data folder and process id; every start has a new random secret. It runs
until its standard input is closed or it is interrupted, then stops its five processes, each by its
id, and removes its data.

Exit codes: 0 it ran and was stopped, 1 it failed, 3 it cannot run here; the reason is on stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import getpass
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

ACCESS_KEY = "test:tester"
REGION = "us-east-1"
CANNOT_RUN = 3
_READY_S = 60.0
_STOP_S = 10.0
_KINDS = ("account", "container", "object")
_REQUIREMENTS = Path(__file__).with_name("requirements.txt")

_SWIFT = """\
[swift-hash]
swift_hash_path_prefix = {prefix}
swift_hash_path_suffix = {suffix}
[storage-policy:0]
name = gold
default = yes
"""
_SERVER = """\
[DEFAULT]
devices = {folder}/srv
mount_check = false
bind_ip = 127.0.0.1
bind_port = {port}
workers = 1
user = {user}
swift_dir = {folder}/etc
disable_fallocate = true
log_address = {folder}/no-syslog
[pipeline:main]
pipeline = {kind}-server
[app:{kind}-server]
use = egg:swift#{kind}
"""
_PROXY = """\
[DEFAULT]
bind_ip = 127.0.0.1
bind_port = {port}
workers = 1
user = {user}
swift_dir = {folder}/etc
log_address = {folder}/no-syslog
[pipeline:main]
pipeline = {pipeline}
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
allow_account_management = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:healthcheck]
use = egg:swift#healthcheck
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:{memcached}
[filter:s3api]
use = egg:swift#s3api
s3_acl = no
check_bucket_owner = no
location = {region}
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = {secret} .admin
[filter:bulk]
use = egg:swift#bulk
[filter:slo]
use = egg:swift#slo
[filter:dlo]
use = egg:swift#dlo
[filter:versioned_writes]
use = egg:swift#versioned_writes
allow_object_versioning = true
[filter:symlink]
use = egg:swift#symlink
"""

_PIPELINE = (
    "catch_errors healthcheck cache s3api tempauth bulk slo dlo versioned_writes symlink"
    " proxy-server"
)

# One process instead of nine calls to swift-ring-builder, which would take seconds.
_RINGS = """\
import sys
from swift.common.ring import RingBuilder
for kind, port in zip(("account", "container", "object"), map(int, sys.argv[2:])):
    builder = RingBuilder(4, 1, 1)
    at = {"ip": "127.0.0.1", "port": port, "replication_ip": "127.0.0.1", "replication_port": port}
    builder.add_dev({"region": 1, "zone": 1, "device": "d1", "weight": 1, "meta": "", **at})
    builder.rebalance()
    builder.get_ring().save(f"{sys.argv[1]}/{kind}.ring.gz")
"""


class CannotRunError(Exception):
    """The server needs something that this machine does not have."""


def default_home() -> Path:
    """Returns the folder of the environment unless --home is given."""
    configured = os.environ.get("FAIRSHARD_SWIFT_HOME")
    return Path(configured) if configured else Path.home() / ".cache" / "fairshard" / "swift"


def find_memcached() -> str:
    """Returns the path of memcached.

    Raises:
        CannotRunError: If it is not installed.
    """
    found = shutil.which("memcached", path=os.environ.get("PATH", "") + ":/usr/bin:/usr/sbin")
    if found is None:
        raise CannotRunError("memcached is not installed: apt-get install memcached")
    return found


def prepare(home: Path, install: bool) -> Path:
    """Creates the environment with Swift on first use; returns the folder of its commands.

    Raises:
        CannotRunError: If it does not exist and may not or cannot be created.
    """
    place, mark = home / "venv", home / "venv" / ".ready"
    wanted = _REQUIREMENTS.read_text(encoding="utf-8")
    if mark.is_file() and mark.read_text(encoding="utf-8") == wanted:
        return place / "bin"
    if not install:
        raise CannotRunError(f"{place} is not ready: run `make swift-env`")
    home.mkdir(parents=True, exist_ok=True)
    pip = [str(place / "bin" / "python"), "-m", "pip", "--disable-pip-version-check"]
    steps = (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [*pip, "install", "--quiet", "--requirement", str(_REQUIREMENTS)],
    )
    for step in steps:
        done = subprocess.run(step, capture_output=True, text=True, check=False)
        if done.returncode:
            raise CannotRunError(f"Swift cannot be installed: {done.stderr.strip()[-300:]}")
    mark.write_text(wanted, encoding="utf-8")
    return place / "bin"


def free_ports(count: int) -> list[int]:
    """Returns distinct ports that are free at the moment; all are bound at once to ensure it."""
    with contextlib.ExitStack() as stack:
        found = []
        for _ in range(count):
            taken = stack.enter_context(socket.socket())
            taken.bind(("127.0.0.1", 0))
            found.append(int(taken.getsockname()[1]))
        return found


def lay_out(folder: Path, commands: Path, ports: list[int], secret: str) -> None:
    """Writes the configuration and builds the rings.

    Args:
        folder: An empty folder.
        commands: The folder of the environment's commands.
        ports: Ports of the account, container and object servers, the proxy and memcached.
        secret: The secret key that belongs to `ACCESS_KEY`.
    """
    etc = folder / "etc"
    for name in ("etc", "srv/d1", "run"):
        (folder / name).mkdir(parents=True)
    user = getpass.getuser()
    hashes = {"prefix": secrets.token_hex(16), "suffix": secrets.token_hex(16)}
    (etc / "swift.conf").write_text(_SWIFT.format(**hashes), encoding="utf-8")
    for kind, port in zip(_KINDS, ports, strict=False):
        text = _SERVER.format(kind=kind, folder=folder, port=port, user=user)
        (etc / f"{kind}.conf").write_text(text, encoding="utf-8")
    words = [str(commands / "python"), "-c", _RINGS, str(etc), *map(str, ports[:3])]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)
    proxy = etc / "proxy.conf"
    proxy.touch(mode=0o600)
    proxy.write_text(
        _PROXY.format(
            folder=folder,
            port=ports[3],
            memcached=ports[4],
            user=user,
            secret=secret,
            region=REGION,
            pipeline=_PIPELINE,
        ),
        encoding="utf-8",
    )


def start(
    folder: Path, commands: Path, memcached: str, ports: list[int]
) -> list[subprocess.Popen[bytes]]:
    """Starts the five processes, each in its own process group with the workers that it forks."""
    cache = [memcached, "-l", "127.0.0.1", "-p", str(ports[4]), "-U", "0", "-m", "64"]
    if os.geteuid() == 0:
        cache += ["-u", getpass.getuser()]
    lines = [cache]
    for kind in (*_KINDS, "proxy"):
        lines.append([str(commands / f"swift-{kind}-server"), str(folder / "etc" / f"{kind}.conf")])
    with (folder / "log").open("ab") as log:
        return [
            subprocess.Popen(
                line,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                env={**os.environ, "XDG_CACHE_HOME": str(folder / "run")},
            )
            for line in lines
        ]


def await_ready(endpoint: str, running: list[subprocess.Popen[bytes]]) -> None:
    """Waits until the proxy's health check succeeds.

    Raises:
        RuntimeError: If a process ended, or the proxy took too long.
    """
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        for process in running:
            if process.poll() is not None:
                raise RuntimeError(f"{process.args!r} ended with {process.returncode}")
        with (
            contextlib.suppress(urllib.error.URLError, OSError),
            urllib.request.urlopen(f"{endpoint}/healthcheck", timeout=2),  # noqa: S310
        ):
            return
        time.sleep(0.05)
    raise RuntimeError(f"the proxy did not answer within {_READY_S:.0f} s")


def stop(running: list[subprocess.Popen[bytes]]) -> None:
    """Stops the processes that were started here, and the workers that they forked."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        until = time.monotonic() + _STOP_S
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))


def serve(home: Path, install: bool) -> None:
    """Runs a server until standard input is closed or a signal arrives."""
    memcached = find_memcached()
    commands = prepare(home, install)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: ended.set())
    with tempfile.TemporaryDirectory(prefix="fairshard-swift-", ignore_cleanup_errors=True) as name:
        folder, ports, secret = Path(name), free_ports(5), secrets.token_urlsafe(24)
        lay_out(folder, commands, ports, secret)
        running = start(folder, commands, memcached, ports)
        try:
            endpoint = f"http://127.0.0.1:{ports[3]}"
            try:
                await_ready(endpoint, running)
            except RuntimeError as error:
                log = (folder / "log").read_text(encoding="utf-8", errors="replace")
                raise RuntimeError(f"{error}\n{log[-2000:]}") from error
            details = {"endpoint": endpoint, "access_key": ACCESS_KEY, "secret_key": secret}
            details |= {"region": REGION, "data": str(folder / "srv"), "pid": str(os.getpid())}
            sys.stdout.write(json.dumps(details) + "\n")
            sys.stdout.flush()
            threading.Thread(target=_await_end_of_input, args=(ended,), daemon=True).start()
            ended.wait()
        finally:
            stop(running)


def _await_end_of_input(ended: threading.Event) -> None:
    while os.read(sys.stdin.fileno(), 4096):
        pass
    ended.set()


def main() -> int:
    """Runs the command; returns its exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--home", type=Path, default=default_home(), metavar="FOLDER")
    parser.add_argument("--no-install", action="store_true", help="exit 3 if not yet installed")
    options = parser.parse_args()
    try:
        serve(options.home.absolute(), not options.no_install)
    except CannotRunError as error:
        sys.stderr.write(f"{error}\n")
        return CANNOT_RUN
    except (RuntimeError, subprocess.CalledProcessError) as error:
        sys.stderr.write(f"Swift did not start: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
