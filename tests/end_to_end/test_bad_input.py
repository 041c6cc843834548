"""Bad input to the command: one clear message, exit code 2, and nothing left behind."""

from __future__ import annotations

import io
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from moto.server import ThreadedMotoServer

from pipelines.cli import main
from tests.end_to_end.command import (
    AS_OF,
    CommandResult,
    Demo,
    command,
    environment,
    fairshard,
    folders,
    tables,
    tree,
)

_S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}


@dataclass
class Inputs:
    """The inputs of a run, of which a test invalidates one.

    Attributes:
        folder: The test's own folder.
        deal: The text of the deal.
        catalogue: The folder of the catalogue, a copy of the tables without media.
        out: The output.
        env: Additional environment variables.
    """

    folder: Path
    deal: str
    catalogue: str
    out: str
    env: dict[str, str] = field(default_factory=dict)

    def replace(self, old: str, new: str) -> None:
        """Changes the deal's text."""
        assert old in self.deal
        self.deal = self.deal.replace(old, new, 1)

    def column(self, name: str, change: Callable[[list[object]], list[object] | None]) -> None:
        """Changes a column of the assets, or drops it if `change` returns None."""
        path = Path(self.catalogue) / "assets.parquet"
        table = pq.read_table(path)
        at = table.schema.get_field_index(name)
        values = change(table[name].to_pylist())
        if values is None:
            table = table.remove_column(at)
        else:
            kept = table.schema.field(at)
            table = table.set_column(at, kept, pa.array(values, kept.type))
        pq.write_table(table, path)

    def run(self) -> CommandResult:
        """Packages in this process, through the function that the command calls."""
        arguments = self._arguments()
        output, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(output), redirect_stderr(errors):
            code = main(arguments)
        return CommandResult(code, output.getvalue(), errors.getvalue())

    def run_apart(self) -> CommandResult:
        """Packages in a separate process."""
        return fairshard(*self._arguments(), env={**_S3, **self.env})

    def _arguments(self) -> list[str]:
        deal = self.folder / "deal.toml"
        deal.write_text(self.deal, encoding="utf-8")
        options = ["--deal", str(deal), "--out", self.out, "--as-of", AS_OF, "--workers", "1"]
        return ["package", "--catalogue", self.catalogue, *options, "--quiet"]


@pytest.fixture
def inputs(demo: Demo, tmp_path: Path) -> Inputs:
    catalogue = tmp_path / "catalogue"
    catalogue.mkdir()
    for table in demo.catalogue.glob("*.parquet"):
        shutil.copy(table, catalogue)
    text = demo.deal("demo-strict").read_text(encoding="utf-8")
    return Inputs(tmp_path, text, str(catalogue), str(tmp_path / "out"))


def assert_refused(ended: CommandResult, *words: str, counted: bool = False) -> None:
    """Asserts that the run was refused with a message that contains `words`.

    If the rows were counted before, the counts are on stdout; otherwise stdout is empty.
    """
    assert ended.code == 2, (ended.code, ended.err)
    assert "Traceback" not in ended.err + ended.out
    assert ended.out.startswith("\nFrom catalogue to delivery") if counted else not ended.out
    # A run from a shell first says what it looks at.
    said = ended.err.partition("\n")[2] if ended.err.startswith("Checking the ") else ended.err
    assert said.startswith("fairshard package: ")
    missing = [word for word in words if word not in ended.err]
    assert not missing, ended.err


def assert_nothing_left(out: str) -> None:
    """Asserts that there is no deal folder and no work area; the agency's key may exist."""
    assert folders(Path(out)) <= {"agency"}
    assert folders(Path(out) / "agency") <= {"signing.key"}


def test_unknown_deal_key_is_refused(inputs: Inputs) -> None:
    inputs.replace("[select]", "[select]\nmin_side = 99")
    assert_refused(inputs.run_apart(), "select.min_side = 99", "unknown key", "min_short_side")
    assert_nothing_left(inputs.out)


def test_closed_output_ends_the_command_without_a_message(inputs: Inputs) -> None:
    """As in `fairshard check --json | head -1`."""
    (inputs.folder / "deal.toml").write_text(inputs.deal, encoding="utf-8")
    options = [
        "--catalogue",
        inputs.catalogue,
        "--deal",
        inputs.folder / "deal.toml",
        "--json",
        "--quiet",
    ]
    process = subprocess.Popen(
        command("check", *options, "--as-of", AS_OF),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None and process.stderr is not None
    process.stdout.close()
    assert (process.wait(300), process.stderr.read()) == (141, b"")
    process.stderr.close()


def test_deal_value_of_the_wrong_type_is_refused(inputs: Inputs) -> None:
    inputs.replace("min_short_side = 512", 'min_short_side = "512"')
    inputs.replace('agency_share = "0.50"', "agency_share = 0.5")
    inputs.replace('target_bytes = "', 'target_bytes = "0B" # "')
    assert_refused(
        inputs.run(),
        *("select.min_short_side", "price.agency_share = 0.5", 'text such as "0.40"'),
        "shards.target_bytes",
    )
    assert_nothing_left(inputs.out)


def test_unknown_territory_in_the_deal_is_refused(inputs: Inputs) -> None:
    inputs.replace('["WORLD"]', '["DE", "ZZ"]')
    assert_refused(inputs.run(), "territory", "ZZ", "ISO 3166")
    assert_nothing_left(inputs.out)


def test_unknown_territory_in_the_catalogue_is_refused(inputs: Inputs) -> None:
    inputs.replace(', "territory_codes"', "")
    assert_refused(
        inputs.run_apart(),
        *("territory_codes", "DEMO-", "territory UK", "ISO 3166", "gate.divert"),
        counted=True,
    )
    assert_nothing_left(inputs.out)


def test_splits_that_do_not_sum_are_refused(inputs: Inputs) -> None:
    inputs.replace('"splits_sum", ', "")
    words = ("splits_sum", "contributors", "10000", "gate.divert")
    assert_refused(inputs.run(), *words, counted=True)
    assert_nothing_left(inputs.out)


def test_unknown_rule_to_divert_is_refused(inputs: Inputs) -> None:
    inputs.replace('"splits_sum"', '"splits_some"')
    assert_refused(inputs.run(), "gate.divert", "splits_some", "splits_sum")
    assert_nothing_left(inputs.out)


def test_missing_required_column_is_refused(inputs: Inputs) -> None:
    inputs.column("licence_model", lambda values: None)
    assert_refused(inputs.run(), "assets", "licence_model")
    assert_nothing_left(inputs.out)


def test_missing_catalogue_is_refused(inputs: Inputs) -> None:
    inputs.catalogue = str(inputs.folder / "nowhere")
    assert_refused(inputs.run(), "catalogue", inputs.catalogue)
    assert_nothing_left(inputs.out)


def test_catalogue_without_assets_is_refused(inputs: Inputs) -> None:
    (Path(inputs.catalogue) / "assets.parquet").unlink()
    assert_refused(inputs.run(), "assets", inputs.catalogue)
    assert_nothing_left(inputs.out)


def test_damaged_table_is_refused(inputs: Inputs) -> None:
    path = Path(inputs.catalogue) / "consents.parquet"
    path.write_bytes(path.read_bytes()[:-40])
    assert_refused(inputs.run(), "consents.parquet")
    assert_nothing_left(inputs.out)


def test_missing_deal_is_refused(demo: Demo, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.toml"
    out = tmp_path / "out"
    ended = fairshard("package", "--catalogue", demo.catalogue, "--deal", missing, "--out", out)
    assert_refused(ended, "deal", str(missing), "Give the path")
    assert_nothing_left(str(out))


def test_unknown_model_and_missing_weights_are_refused(inputs: Inputs) -> None:
    before = inputs.deal
    inputs.replace('clip = "demo"', 'clip = "ViT-Q-32:laion9b"')
    assert_refused(inputs.run(), "ViT-Q-32")
    inputs.deal = before
    missing = inputs.folder / "weights.safetensors"
    inputs.replace('clip = "demo"', f'clip = "ViT-B-32:{missing}"')
    assert_refused(inputs.run(), str(missing))
    assert_nothing_left(inputs.out)


def test_output_with_another_deal_is_refused(demo: Demo, inputs: Inputs) -> None:
    shutil.copytree(demo.out / "demo-strict", Path(inputs.out) / "demo-strict")
    before = tree(Path(inputs.out))
    inputs.replace('pool = "9999.99"', 'pool = "1.00"')
    assert_refused(inputs.run(), "already holds a different deal", "demo-strict/v0001", "deal_id")
    after = tree(Path(inputs.out))
    after.pop("agency/signing.key", None)
    assert after == before


def test_output_that_cannot_be_created_is_refused(inputs: Inputs) -> None:
    blocker = inputs.folder / "file"
    blocker.write_bytes(b"")
    inputs.out = str(blocker / "out")
    assert_refused(inputs.run(), inputs.out)
    assert blocker.read_bytes() == b""


@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_missing_bucket_is_refused(inputs: Inputs, moto: str) -> None:
    inputs.env = {"AWS_ENDPOINT_URL": moto}
    inputs.out = "s3://no-such-bucket/out"
    assert_refused(inputs.run_apart(), "bucket does not exist", "s3://no-such-bucket", "Create it")
    inputs.out, inputs.catalogue = str(inputs.folder / "out"), "s3://no-such-bucket/catalogue"
    assert_refused(inputs.run_apart(), "bucket does not exist", "s3://no-such-bucket", "Create it")
    assert_nothing_left(inputs.out)


class _DenyingHandler(BaseHTTPRequestHandler):
    """An S3 service that denies every request."""

    def _deny(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = b"<Error><Code>AccessDenied</Code><Message>no</Message></Error>"
        self.send_response(403)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = _deny

    def log_message(self, format: str, *args: object) -> None:
        """Logs nothing."""


def test_denied_bucket_is_refused(inputs: Inputs) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _DenyingHandler)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        inputs.env = {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{server.server_port}"}
        inputs.out = "s3://private/out"
        assert_refused(inputs.run_apart(), "denied", "s3://private", "Check the credentials")
    finally:
        server.shutdown()
        server.server_close()


def test_unreachable_service_is_reported(inputs: Inputs) -> None:
    with ThreadingHTTPServer(("127.0.0.1", 0), _DenyingHandler) as free:
        address = f"http://127.0.0.1:{urlsplit(f'//x:{free.server_port}').port}"
    inputs.env = {"AWS_ENDPOINT_URL": address, "AWS_MAX_ATTEMPTS": "1"}
    inputs.out = "s3://somewhere/out"
    assert_refused(inputs.run_apart(), "cannot be reached", "s3://somewhere")


def test_too_many_failed_assets_stop_the_run_until_fixed(demo: Demo, inputs: Inputs) -> None:
    """The copy of the catalogue has no media, so every cleared asset fails."""
    inputs.replace('dead_letter_share = "0.50"', 'dead_letter_share = "0.01"')
    ended = inputs.run_apart()
    assert ended.code == 1 and "Traceback" not in ended.err
    for word in ("Too many failed assets", "limits.dead_letter_share = 0.01", "raise the limit"):
        assert word in ended.err
    out = Path(inputs.out)
    agency = out / "demo-strict" / "v0001" / "agency"
    assert len(tables(agency / "dead_letters")) > demo.key["rows"] / 50
    assert folders(out / "demo-strict") == {"v0001"}
    assert folders(agency.parent) == {"agency"}
    assert folders(out / "agency") <= {"signing.key", "features", "runs"}
    # After the media are added and the limit is raised, the same output accepts the deal.
    shutil.copytree(demo.catalogue / "media", Path(inputs.catalogue) / "media")
    inputs.replace('dead_letter_share = "0.01"', 'dead_letter_share = "0.50"')
    ended = inputs.run_apart()
    assert ended.code == 0, ended.err
    key = demo.key["deals"]["demo-strict"]["counts"]
    delivered = tables(out / "demo-strict" / "v0001" / "delivery" / "shards")
    assert len(delivered) == key["delivered"]
    assert len(tables(agency / "decisions")) == demo.key["rows"]


def test_wrong_options_are_refused() -> None:
    for arguments in (["package"], ["nothing"]):
        ended = fairshard(*arguments)
        assert ended.code == 2 and "usage: fairshard" in ended.err
        assert "Traceback" not in ended.err
