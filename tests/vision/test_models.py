"""Model names: which are refused, how fast, and what identifies a model."""

from __future__ import annotations

import hashlib
import json
import pickle
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import huggingface_hub
import numpy as np
import pytest
from huggingface_hub import constants
from PIL import Image
from torch.utils._python_dispatch import TorchDispatchMode

from pipelines.vision import demo_network
from pipelines.vision.caption import load_captioner
from pipelines.vision.compat import import_open_clip
from pipelines.vision.embed import load_encoder
from pipelines.vision.loading import load_network, open_network
from pipelines.vision.models import ModelRef, ModelRole, check_model, identity, parse_model
from pipelines.vision.weights import digest_files, known_digests, learn_digests
from schemas.errors import InputError

WEIGHTS = demo_network.FOLDER / demo_network.WEIGHTS_NAME


@pytest.mark.parametrize(
    ("name", "kind", "architecture", "rest"),
    [
        ("demo", "demo", "fairshard-demo", str(WEIGHTS)),
        ("ViT-B-32:laion2b_s34b_b79k", "tag", "ViT-B-32", "laion2b_s34b_b79k"),
        ("ViT-B/32:openai", "tag", "ViT-B-32", "openai"),
        ("ViT-B-32:/models/a.pt", "file", "ViT-B-32", "/models/a.pt"),
        ("coca_ViT-B-32:b.safetensors", "file", "coca_ViT-B-32", "b.safetensors"),
        ("local-dir:/models/x", "dir", "", "/models/x"),
    ],
)
def test_model_names_are_parsed(name: str, kind: str, architecture: str, rest: str) -> None:
    ref = parse_model(name)
    assert (ref.kind, ref.architecture, ref.weights) == (kind, architecture, rest)
    assert ref.is_demo == (name == "demo")
    assert pickle.loads(pickle.dumps(ref)) == ref


@pytest.mark.parametrize("name", ["", "ViT-B-32", ":x", "x:", "local-dir:", "hf-hub:a/b", "Demo"])
def test_name_without_weights_is_refused(name: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_model(name)
    assert caught.value.remedy


def test_unknown_precision_is_refused() -> None:
    with pytest.raises(InputError, match="precision"):
        parse_model("demo", "fp8")


@pytest.mark.parametrize(
    ("name", "role", "message"),
    [
        ("ViT-B-33:openai", "encoder", "Unknown model architecture.*ViT-B-32"),
        ("ViT-B-32:openia", "encoder", "no pretrained tag.*Similar tags: openai"),
        ("ViT-B-32:qqqq", "encoder", "no pretrained tag.*Its tags: .*laion2b"),
        ("ViT-B-32:openai", "captioner", "cannot write captions.*coca_ViT-B-32"),
        ("ViT-B-32:/no/such.pt", "encoder", "No such weights file: /no/such.pt"),
        ("local-dir:/no/such", "encoder", "No open_clip model in this folder"),
    ],
)
def test_unavailable_model_is_refused_with_a_remedy(
    name: str, role: ModelRole, message: str
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        check_model(parse_model(name), role)
    assert caught.value.remedy


@pytest.mark.parametrize("role", ["encoder", "captioner"])
def test_the_demo_model_suits_both_roles(demo_model: ModelRef, role: ModelRole) -> None:
    check_model(demo_model, role)


def test_an_empty_weights_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "w.safetensors").touch()
    with pytest.raises(InputError, match="empty"):
        check_model(parse_model(f"ViT-B-32:{tmp_path}/w.safetensors"), "encoder")


@pytest.mark.parametrize("damage", ["cut", "text", "text.pt", "other"])
def test_damaged_or_foreign_weights_never_load(tmp_path: Path, damage: str) -> None:
    data = WEIGHTS.read_bytes()
    path = tmp_path / ("w.pt" if damage.endswith(".pt") else "w.safetensors")
    path.write_bytes(data[: len(data) // 2] if damage == "cut" else b"not weights" * 9)
    architecture = "fairshard-demo"
    if damage == "other":
        path.write_bytes(data)
        architecture = "ViT-S-32"
    with pytest.raises(InputError, match="do not fit the model or are damaged"):
        load_encoder(parse_model(f"{architecture}:{path}"))


def test_missing_network_is_reported_at_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    import_open_clip()
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    # Nothing listens on this port, so the request fails as it does without a network.
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(InputError, match="not cached and cannot be reached") as caught:
        check_model(parse_model("ViT-B-32:laion2b_s34b_b79k"), "encoder")
    assert time.monotonic() - begun < 10
    assert "local-dir:/path" in caught.value.remedy


def test_no_request_is_sent_in_offline_mode(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(urllib.request, "urlopen", _never)
    with pytest.raises(InputError, match="offline mode"):
        check_model(parse_model("ViT-B-32:laion2b_s34b_b79k"), "encoder")


def _never(*_arguments: object, **_options: object) -> None:
    raise AssertionError("a request was sent")


def test_cached_tag_loads_without_a_network(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    demo_model: ModelRef,
    pictures: list[Image.Image],
) -> None:
    """A tag of the demo architecture, stored in the hub's cache as the hub stores it."""
    open_clip = import_open_clip()
    snapshot = tmp_path / "models--someone--small" / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    (snapshot.parents[1] / "refs").mkdir()
    (snapshot.parents[1] / "refs" / "main").write_text("abc")
    shutil.copy(WEIGHTS, snapshot / "open_clip_model.safetensors")
    record = {"hf_hub": "someone/small/", "mean": (0.1, 0.2, 0.3), "std": (1.0, 1.0, 1.0)}
    monkeypatch.setitem(open_clip.pretrained._PRETRAINED, "fairshard-demo", {"mine": record})
    monkeypatch.setattr(urllib.request, "urlopen", _never)
    found = huggingface_hub.try_to_load_from_cache
    monkeypatch.setattr(
        huggingface_hub,
        "try_to_load_from_cache",
        lambda repository, file: found(repository, file, cache_dir=tmp_path),
    )
    demo_network.register()
    ref = parse_model("fairshard-demo:mine")
    check_model(ref, "captioner")
    encoder = load_encoder(ref, batch=8)
    assert re.fullmatch(
        r"fairshard-demo\.mine@sha256-[0-9a-f]{64}@pixels-v2@fp32", encoder.identity
    )
    # The tag's own normalisation is used, so the same weights get other input.
    ours = load_encoder(demo_model, batch=8).embed_images(pictures)
    assert not np.allclose(encoder.embed_images(pictures), ours, atol=1e-3)
    assert np.array_equal(
        encoder.embed_texts(["x"]), load_encoder(demo_model, batch=8).embed_texts(["x"])
    )


def test_local_folder_is_the_same_model(
    tmp_path: Path, demo_model: ModelRef, pictures: list[Image.Image]
) -> None:
    config = demo_network.config()
    text = config["text_cfg"]
    assert isinstance(text, dict)
    text["tokenizer_kwargs"] = {"bpe_path": str(demo_network.VOCABULARY)}
    (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": config}))
    ref = parse_model(f"local-dir:{tmp_path}")
    with pytest.raises(InputError, match="No weights in this folder"):
        check_model(ref, "encoder")
    shutil.copy(WEIGHTS, tmp_path / "open_clip_model.safetensors")
    check_model(ref, "captioner")
    mine, ours = load_encoder(ref, batch=8), load_encoder(demo_model, batch=8)
    assert np.array_equal(mine.embed_images(pictures), ours.embed_images(pictures))
    assert load_captioner(ref).caption(pictures[:2]) == load_captioner(demo_model).caption(
        pictures[:2]
    )
    assert mine.identity != ours.identity


def test_checkpoint_file_is_the_same_model(tmp_path: Path, demo_model: ModelRef) -> None:
    shutil.copy(WEIGHTS, tmp_path / "w.safetensors")
    ref = parse_model(f"fairshard-demo:{tmp_path}/w.safetensors")
    check_model(ref, "captioner")
    # The identity depends on the bytes of the weights, not on their path.
    assert identity(ref) == identity(demo_model)


def test_identity_depends_on_weights_and_precision(tmp_path: Path, demo_model: ModelRef) -> None:
    assert re.fullmatch(r"fairshard-demo@sha256-[0-9a-f]{64}@pixels-v2@fp32", identity(demo_model))
    assert identity(parse_model("demo", "bf16")) == identity(demo_model).replace("@fp32", "@bf16")
    changed = bytearray(WEIGHTS.read_bytes())
    changed[-1] ^= 1
    (tmp_path / "w.safetensors").write_bytes(changed)
    assert identity(parse_model(f"fairshard-demo:{tmp_path}/w.safetensors")) != identity(demo_model)


def test_replaced_weights_file_is_another_model(tmp_path: Path, demo_model: ModelRef) -> None:
    """The next deal's features must not be kept under the earlier file's name."""
    file = tmp_path / "w.safetensors"
    shutil.copy(WEIGHTS, file)
    ref = parse_model(f"fairshard-demo:{file}")
    first, loaded = identity(ref), load_encoder(ref, batch=8)
    changed = bytearray(WEIGHTS.read_bytes())
    changed[-1] ^= 1
    file.write_bytes(changed)
    assert loaded.identity == first == identity(demo_model)
    assert identity(ref) == load_encoder(ref, batch=8).identity != first


def test_captioner_needs_a_decoder(monkeypatch: pytest.MonkeyPatch, demo_model: ModelRef) -> None:
    network = load_network(demo_model, 1)
    without = type("Bare", (), {"model": object()})()
    monkeypatch.setattr("pipelines.vision.caption.load_network", lambda ref, threads: without)
    with pytest.raises(InputError, match="cannot write captions"):
        load_captioner(demo_model)
    assert hasattr(network.model, "text_decoder")


def test_the_package_command_does_not_import_torch() -> None:
    """Importing torch costs time and memory that a run with all its features does not need."""
    script = "import sys, pipelines.commands.packaging; sys.exit('torch' in sys.modules)"
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)


class _Operators(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Notes the names of all operators that torch computes."""

    names: set[str]

    def __torch_dispatch__(
        self, operator: Any, types: Any, arguments: Any = (), options: Any = None
    ) -> Any:
        self.names.add(operator.overloadpacket.__name__)
        return operator(*arguments, **(options or {}))


def test_no_random_numbers_are_drawn_for_weights_that_are_replaced(demo_model: ModelRef) -> None:
    seen = _Operators()  # type: ignore[no-untyped-call]
    seen.names = set()
    with seen:
        open_network(demo_model)
    assert "copy_" in seen.names  # the weights
    assert not {"uniform_", "normal_"} & seen.names


def test_a_file_whose_digest_another_process_knows_is_not_read_again(tmp_path: Path) -> None:
    file = tmp_path / "weights.pt"
    file.write_bytes(b"first")
    found = digest_files([file])
    [(key, digest)] = [(key, known_digests()[key]) for key in known_digests() if key[0] == file]
    assert (digest, len(found)) == (found, 64)
    learn_digests({key: "told"})
    assert digest_files([file]) == "told"
    file.write_bytes(b"second")  # of another size, so that it is read
    assert digest_files([file]) == hashlib.sha256(b"second").hexdigest()
