"""C2PA in whole files: trust, tampering, remote manifests, hostile bytes, and no network."""

from __future__ import annotations

import http.server
import io
import pickle
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import c2pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pipelines.media.formats import Format
from pipelines.media.sniff import sniff_format
from pipelines.signals.file.c2pa import may_hold_c2pa, read_c2pa, read_report
from pipelines.signals.file.trust import NO_TRUST, TrustLists, load_trust_lists
from schemas.errors import InputError
from schemas.rights import Permission, Purpose
from schemas.signal import AssertionKind, Reading
from tests.signals.file.c2pa_builder import (
    CLAIM_SIGNING,
    MIME,
    SIGNER,
    allowing,
    altered,
    denying,
    every_entry,
    identity,
    jumbf,
    mining,
    plain,
    sign,
    with_length,
)

ROOT = Path(__file__).parents[3]
VECTORS = ROOT.parent / "shared" / "vectors" / "c2pa"
FORMATS: tuple[Format, ...] = ("jpg", "png", "webp", "mp4")


def state(reading: Reading) -> list[str]:
    return [claim.value for claim in reading.claims if claim.kind is AssertionKind.C2PA_STATE]


def values(reading: Reading) -> set[Permission]:
    return {signal.value for signal in reading.signals}


@pytest.mark.parametrize("fmt", FORMATS)
def test_only_a_trusted_signer_can_permit(fmt: Format) -> None:
    trusted = read_c2pa(allowing(fmt), fmt, identity().trust)
    assert state(trusted) == ["Trusted"] and values(trusted) == {Permission.ALLOW}
    assert {signal.who for signal in trusted.signals} == {SIGNER}
    valid = read_c2pa(allowing(fmt), fmt, NO_TRUST)
    assert state(valid) == ["Valid"] and values(valid) == {Permission.UNKNOWN}
    stranger = read_c2pa(allowing(fmt), fmt, identity(CLAIM_SIGNING).trust)
    assert state(stranger) == ["Valid"] and values(stranger) == {Permission.UNKNOWN}
    for reading in (trusted, valid, stranger):
        assert not reading.faults
        assert [claim.value for claim in reading.claims][1:] == ["digitalCapture"]


def test_an_altered_file_can_deny_but_not_permit() -> None:
    reading = read_c2pa(altered(allowing("jpg")), "jpg", identity().trust)
    assert state(reading) == ["Invalid"] and values(reading) == {Permission.UNKNOWN}
    reading = read_c2pa(altered(denying("jpg")), "jpg", identity().trust)
    assert state(reading) == ["Invalid"] and values(reading) == {Permission.DENY}


def test_an_altered_assertion_does_not_permit() -> None:
    data = denying("jpg").replace(b"jnotAllowed", b"gallowed\x61x", 1)
    reading = read_c2pa(data, "jpg", identity().trust)
    assert Permission.ALLOW not in values(reading)
    assert reading.faults or Permission.DENY in values(reading)


def test_key_usages_can_be_configured() -> None:
    signer = identity(CLAIM_SIGNING)
    data = sign(plain("jpg"), "jpg", [], signer=signer)
    assert state(read_c2pa(data, "jpg", signer.trust)) == ["Invalid"]
    lists = TrustLists(signer.root, ekus=CLAIM_SIGNING)
    assert state(read_c2pa(data, "jpg", lists)) == ["Trusted"]


def test_a_signal_of_an_ingredient_says_so_in_where() -> None:
    data = sign(plain("jpg"), "jpg", [], [denying("jpg")])
    reading = read_c2pa(data, "jpg", identity().trust)
    assert state(reading) == ["Trusted"]
    assert {signal.where.rpartition("/")[0] for signal in reading.signals} == {
        "c2pa ingredient cawg.training-mining"
    }


def test_the_same_bytes_give_the_same_reading() -> None:
    data = sign(
        plain("jpg"),
        "jpg",
        [mining("cawg.training-mining", every_entry("notAllowed")) for _ in range(4)],
        [denying("jpg"), allowing("jpg")],
    )
    readings = {repr(read_c2pa(data, "jpg", identity().trust)) for _ in range(5)}
    assert len(readings) == 1


def test_a_file_without_a_manifest_says_nothing() -> None:
    for fmt in FORMATS:
        assert not may_hold_c2pa(plain(fmt))
        assert not read_c2pa(plain(fmt), fmt, NO_TRUST)
        assert may_hold_c2pa(denying(fmt)) and sniff_format(denying(fmt)) == fmt


# --- What the library does not report --------------------------------------------------------


def _two(first: str, second: str) -> bytes:
    return sign(
        plain("jpg"),
        "jpg",
        [
            mining("cawg.training-mining.aa", every_entry(first)),
            mining("cawg.training-mining.ab", every_entry(second)),
        ],
    )


@pytest.mark.parametrize("names", [(b"mining.aa", b"mining.ab"), (b"mining.ab", b"mining.aa")])
@pytest.mark.parametrize("uses", [("allowed", "notAllowed"), ("notAllowed", "allowed")])
def test_two_assertions_with_the_same_label_are_a_fault(
    names: tuple[bytes, bytes], uses: tuple[str, str]
) -> None:
    reading = read_c2pa(_two(*uses).replace(*names), "jpg", identity().trust)
    assert reading.faults and Permission.ALLOW not in values(reading)


@pytest.mark.parametrize("which", [0, 1])
def test_a_missing_assertion_is_a_fault(which: int) -> None:
    data = _two("allowed", "notAllowed")
    at = [data.index(b"mining.ab"), data.rindex(b"mining.ab")][which]
    reading = read_c2pa(data[:at] + b"mining.zz" + data[at + 9 :], "jpg", identity().trust)
    assert reading.faults and Permission.ALLOW not in values(reading)


@pytest.mark.parametrize("damage", [b"knotAllowed", b"jn\xfftAllowed", b"\xffnotAllowed"])
def test_an_assertion_that_cannot_be_decoded_is_a_fault(damage: bytes) -> None:
    data = denying("jpg").replace(b"jnotAllowed", damage, 1)
    assert read_c2pa(data, "jpg", identity().trust).faults


def test_an_assertion_about_rights_stored_outside_the_file_is_a_fault() -> None:
    for label, fault in (("cawg.training-mining", True), ("stds.exif", True), ("com.x.y", False)):
        content = {"label": label, "location": {"url": "https://x.example/a"}, "size": 9}
        report = {
            "active_manifest": "m",
            "validation_state": "Trusted",
            "manifests": {"m": {"assertion_store": {"c2pa.cloud-data": content}}},
        }
        assert bool(read_report(report, b"").faults) is fault


@pytest.mark.parametrize(
    "report",
    [
        None,
        [],
        {},
        {"manifests": {}},
        {"manifests": {"m": {}}, "active_manifest": "n", "validation_state": "Trusted"},
        {"manifests": {"m": 1}, "active_manifest": "m", "validation_state": "Trusted"},
        {"manifests": {"m": {}}, "active_manifest": "m", "validation_state": "Trusted"},
        {"manifests": {"m": {"assertion_store": {}}}, "active_manifest": "m"},
    ],
)
def test_a_malformed_report_is_a_fault(report: object) -> None:
    assert read_report(report, b"").faults


# --- No network ------------------------------------------------------------------------------


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_error(404)

        do_HEAD = do_POST = do_GET

        def log_message(self, format: str, *args: Any) -> None:
            return

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}", asked
        listening.shutdown()


def test_a_remote_manifest_is_a_claim_and_never_fetched(server: tuple[str, list[str]]) -> None:
    address, asked = server
    data = sign(plain("jpg"), "jpg", [], remote=f"{address}/m.c2pa")
    (claim,) = read_c2pa(data, "jpg", identity().trust).claims
    assert (claim.kind, claim.value) == (AssertionKind.REMOTE_MANIFEST, f"{address}/m.c2pa")
    assert asked == []
    # Control: the library does contact the server if it is configured to fetch.
    fetching = c2pa.Context.from_dict({"verify": {"remote_manifest_fetch": True}})
    with pytest.raises(c2pa.C2paError):
        c2pa.Reader(MIME["jpg"], io.BytesIO(data), context=fetching)
    assert asked == ["/m.c2pa"]


_PROGRAM = """
import sys
from pathlib import Path
from pipelines.signals.file.c2pa import read_c2pa
from pipelines.signals.file.trust import TrustLists
trust = TrustLists(Path(sys.argv[1]).read_text())
for path in sys.argv[2:]:
    print(len(read_c2pa(Path(path).read_bytes(), "jpg", trust).claims))
"""


@pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed")
def test_reading_opens_no_socket(tmp_path: Path) -> None:
    root = tmp_path / "root.pem"
    root.write_text(identity().root)
    files = {
        "signed.jpg": denying("jpg"),
        "remote.jpg": sign(plain("jpg"), "jpg", [], remote="http://192.0.2.1/m.c2pa"),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    log = tmp_path / "log"
    command = ["strace", "-f", "-e", "trace=socket,connect", "-o", str(log), sys.executable]
    command += ["-c", _PROGRAM, str(root), *(str(tmp_path / name) for name in files)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=120)
    if "ptrace" in run.stderr.lower():
        pytest.skip("strace is not permitted on this machine")
    assert run.stdout.split() == ["2", "1"], run.stderr
    assert "AF_INET" not in log.read_text()


# --- Hostile bytes ---------------------------------------------------------------------------


def refuses(data: bytes, fmt: Format) -> None:
    """Asserts that a damaged signed denial denies or gives a fault, within 20 seconds."""
    started = time.monotonic()
    reading = read_c2pa(data, fmt, identity().trust)
    assert time.monotonic() - started < 20
    assert Permission.ALLOW not in values(reading)
    denied = {s.purpose for s in reading.signals if s.value is Permission.DENY}
    assert reading.faults or Purpose.TRAIN_GEN in denied


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_bits_never_hide_a_denial(draw: st.DataObject) -> None:
    fmt = draw.draw(st.sampled_from(FORMATS))
    data = bytearray(denying(fmt))
    start = jumbf(bytes(data), b"c2pa")
    end = data.index(b"c2pa.signature\0", start)
    for _ in range(draw.draw(st.integers(1, 4))):
        at = draw.draw(st.integers(start, end))
        data[at] ^= draw.draw(st.integers(1, 255))
    reading = read_c2pa(bytes(data), fmt, identity().trust)
    assert Permission.ALLOW not in values(reading)
    # A flip may turn `notAllowed` into another word, or an entry into an unknown one: both deny. It
    # cannot change all four entries.
    assert reading.faults or Permission.DENY in values(reading)


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_flipped_bits_never_permit_without_trust(draw: st.DataObject) -> None:
    fmt = draw.draw(st.sampled_from(FORMATS))
    data = bytearray(allowing(fmt))
    at = draw.draw(st.integers(0, len(data) - 1))
    data[at] ^= draw.draw(st.integers(1, 255))
    reading = read_c2pa(bytes(data), fmt, identity().trust)
    # Bytes that no signature covers, such as padding, may change.
    assert Permission.ALLOW not in values(reading) or state(reading) == ["Trusted"]


@pytest.mark.parametrize("fmt", FORMATS)
def test_a_truncated_denial_is_refused(fmt: Format) -> None:
    data = denying(fmt)
    start = jumbf(data, b"c2pa")
    label = data.index(b"c2pa\0", start) + 5
    for end in range(label, len(data) - len(plain(fmt)) - 8, 97):
        refuses(data[:end], fmt)


@pytest.mark.parametrize("length", [0, 1, 7, 8, 9, 2**16, 2**31, 2**32 - 1])
@pytest.mark.parametrize(
    "label", [b"c2pa", b"c2pa.assertions", b"cawg.training-mining", b"c2pa.claim.v2"]
)
@pytest.mark.parametrize("fmt", FORMATS)
def test_boxes_with_wrong_lengths_are_refused(fmt: Format, label: bytes, length: int) -> None:
    refuses(with_length(denying(fmt), label, length), fmt)


@pytest.mark.parametrize(
    "label", [b"c2pa", b"c2pa.assertions", b"c2pa.claim.v2", b"c2pa.signature"]
)
def test_boxes_with_wrong_labels_are_refused(label: bytes) -> None:
    refuses(denying("jpg").replace(label + b"\0", b"X" + label[1:] + b"\0"), "jpg")


# --- Trust lists ------------------------------------------------------------------------------


def test_trust_lists_are_read_and_can_be_serialised(tmp_path: Path) -> None:
    path = tmp_path / "roots.pem"
    path.write_text("a comment\n" + identity().root + "\n" + identity(CLAIM_SIGNING).root)
    lists = load_trust_lists([path], ekus=[CLAIM_SIGNING])
    assert lists.anchors_pem == identity().root + identity(CLAIM_SIGNING).root
    copy = pickle.loads(pickle.dumps(lists))
    assert copy == lists and copy.digest == lists.digest != NO_TRUST.digest
    assert TrustLists(**lists.as_json()) == lists
    assert load_trust_lists([]) == NO_TRUST
    assert (
        len({TrustLists("a", "b").digest, TrustLists("ab").digest, TrustLists("", "ab").digest})
        == 3
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "rubbish",
        identity().key,
        identity().root + identity().key,
        identity().root[:-40],
        identity().root.replace("MII", "AAA", 1),
        identity().root * 2 + "-----BEGIN X-----",
    ],
    ids=["empty", "rubbish", "key", "key_too", "cut", "damaged", "begun"],
)
def test_an_invalid_trust_list_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "list.pem"
    path.write_text(text)
    with pytest.raises(InputError, match=r"list\.pem"):
        load_trust_lists([path])


def test_a_missing_trust_list_or_invalid_oid_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none\.pem: No such file"):
        load_trust_lists([tmp_path / "none.pem"])
    with pytest.raises(InputError, match="Not an OID"):
        load_trust_lists([], ekus=["e-mail"])


# --- External test files ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "states", "denied", "source"),
    [
        ("C.jpg", ["Valid"], set(), ["algorithmicMedia"]),
        ("CA.jpg", ["Valid"], set(), []),
        (
            "C_with_CAWG_data.jpg",
            ["Valid"],
            {Purpose.TRAIN_GEN, Purpose.INFERENCE},
            ["digitalCapture"],
        ),
        ("XCA.jpg", ["Invalid"], set(), []),
        ("no_manifest.jpg", [], set(), []),
    ],
)
def test_external_vectors(
    name: str, states: list[str], denied: set[Purpose], source: list[str]
) -> None:
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"the C2PA project's test file {name} is not available")
    reading = read_c2pa(path.read_bytes(), "jpg", NO_TRUST)
    assert not reading.faults and state(reading) == states
    assert {s.purpose for s in reading.signals if s.value is Permission.DENY} == denied
    assert values(reading) <= {Permission.DENY}
    found = [claim.value for claim in reading.claims if claim.kind is AssertionKind.SOURCE_TYPE]
    assert found == source
    if denied:
        assert {signal.when for signal in reading.signals} == {"2025-07-29T23:13:49+00:00"}
