#!/usr/bin/env python3
"""Starts a Dask scheduler and workers on one machine, each a process, for trying and for tests.

    .venv/bin/python infra/dask/local_cluster.py [--workers N] [--tls] [--port PORT]

They listen only on loopback. With --tls, nodes talk by TLS and prove themselves with certificates
that are generated for this start. When all workers have joined, one line of JSON is printed with
the scheduler's address, each process's id, and the variables by which a command finds the
certificates. It runs until its standard input is closed or it is interrupted; then it stops its
processes, each by its id, and removes its files.

Exit codes: 0 it ran and was stopped, 1 it failed, with the reason on stderr.
"""

from __future__ import annotations

import argparse
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_READY_S = 60.0
_STOP_S = 10.0
_VALID = timedelta(days=7)


def main() -> int:
    """Starts the processes, says so, waits and stops them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--workers", type=int, default=2, metavar="N", help="how many (default: 2)")
    parser.add_argument("--tls", action="store_true", help="TLS between nodes")
    parser.add_argument("--port", type=int, default=0, help="the scheduler's (default: any)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    processes: list[subprocess.Popen[bytes]] = []
    with tempfile.TemporaryDirectory(prefix="fairshard-dask-") as folder:
        try:
            variables = make_certificates(Path(folder)) if options.tls else {}
            ready = _start(Path(folder), options, variables, processes)
            sys.stdout.write(json.dumps(ready) + "\n")
            sys.stdout.flush()
            _wait_for_end_of_input()
        except KeyboardInterrupt:
            pass
        except RuntimeError as error:
            sys.stderr.write(f"infra/dask/local_cluster.py: {error}\n")
            return 1
        finally:
            _stop(processes)
    return 0


def _start(
    folder: Path,
    options: argparse.Namespace,
    variables: dict[str, str],
    processes: list[subprocess.Popen[bytes]],
) -> dict[str, object]:
    """Starts the scheduler and its workers, and waits until all have joined."""
    scheme = "tls" if options.tls else "tcp"
    found = folder / "scheduler.json"
    scheduler = [
        *("distributed.cli.dask_scheduler", "--host", f"{scheme}://127.0.0.1"),
        *("--port", str(options.port), "--no-dashboard", "--scheduler-file", str(found)),
    ]
    processes.append(_process(scheduler, folder, "scheduler", variables))
    _await(lambda: bool(_address(found)), processes, folder)
    address = _address(found)
    for number in range(options.workers):
        processes.append(start_worker(address, folder, f"worker-{number}", variables))
    logs = [folder / f"worker-{number}.log" for number in range(options.workers)]
    _await(lambda: all(b"Registered to" in log.read_bytes() for log in logs), processes, folder)
    return {
        "scheduler": address,
        "pids": {
            "scheduler": processes[0].pid,
            "workers": [process.pid for process in processes[1:]],
        },
        "environment": variables,
        "folder": str(folder),
    }


def _address(file: Path) -> str:
    """Returns the address in a scheduler's file; "" while that is not written in full."""
    try:
        return str(json.loads(file.read_bytes())["address"])
    except (FileNotFoundError, json.JSONDecodeError):
        return ""


def start_worker(
    address: str, folder: Path, name: str, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    """Starts a worker of one thread, which joins the scheduler; its log is NAME.log in a folder."""
    worker = [
        *("distributed.cli.dask_worker", address, "--nthreads", "1", "--name", name),
        *("--no-dashboard", "--local-directory", str(folder / name)),
    ]
    return _process(worker, folder, name, variables)


def _process(
    words: list[str], folder: Path, name: str, variables: dict[str, str]
) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-m", *words],
            cwd=folder,
            env={**os.environ, **variables},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )


def make_certificates(folder: Path) -> dict[str, str]:
    """Writes an authority's certificate and one for all nodes; returns Dask's variables for them.

    Whoever has the node's key may send work to the cluster, so it is for the owner only, and a
    cluster of several machines needs one pair for each of them.
    """
    authority_key, node_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    issuer, subject = (
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        for name in ("fairshard-dask-ca", "fairshard-dask-node")
    )
    now = datetime.now(UTC)

    def builder(name: x509.Name, key: ec.EllipticCurvePrivateKey) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(minutes=5))
            .not_valid_after(now + _VALID)
        )

    authority = builder(issuer, authority_key).add_extension(
        x509.BasicConstraints(ca=True, path_length=0), critical=True
    )
    names = x509.SubjectAlternativeName(
        [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    )
    node = builder(subject, node_key).add_extension(names, critical=False)
    paths = {name: folder / f"{name}.pem" for name in ("ca", "node", "node-key")}
    for name, certificate in (("ca", authority), ("node", node)):
        signed = certificate.sign(authority_key, hashes.SHA256())
        paths[name].write_bytes(signed.public_bytes(serialization.Encoding.PEM))
    paths["node-key"].touch(mode=0o600)
    paths["node-key"].write_bytes(
        node_key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    tls = "DASK_DISTRIBUTED__COMM__TLS"
    variables = {
        "DASK_DISTRIBUTED__COMM__REQUIRE_ENCRYPTION": "True",
        f"{tls}__CA_FILE": str(paths["ca"]),
    }
    for role in ("CLIENT", "SCHEDULER", "WORKER"):
        variables[f"{tls}__{role}__CERT"] = str(paths["node"])
        variables[f"{tls}__{role}__KEY"] = str(paths["node-key"])
    return variables


def _await(
    ready: Callable[[], bool], processes: list[subprocess.Popen[bytes]], folder: Path
) -> None:
    until = time.monotonic() + _READY_S
    while not ready():
        for process in processes:
            if process.poll() is not None:
                logs = b"".join(log.read_bytes()[-2000:] for log in sorted(folder.glob("*.log")))
                raise RuntimeError(f"a process ended early: {logs.decode(errors='replace')}")
        if time.monotonic() > until:
            raise RuntimeError(f"not ready after {_READY_S:.0f} s")
        time.sleep(0.05)


def _wait_for_end_of_input() -> None:
    while select.select([sys.stdin], [], [], None)[0]:
        if not os.read(sys.stdin.fileno(), 4096):
            return


def _stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """Stops each process, workers first; a worker's own child ends with it."""
    for process in reversed(processes):
        if process.poll() is None:
            process.terminate()
    until = time.monotonic() + _STOP_S
    for process in processes:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    sys.exit(main())
