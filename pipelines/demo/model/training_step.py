"""The data, losses and gradients of one step of training the demonstration model."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn import functional

from pipelines.demo.model import pictures
from pipelines.demo.scenes.captions import caption, caption_variants, vocabulary
from pipelines.demo.scenes.scene import KINDS, draw_scene_spec
from pipelines.vision.demo_network import tokenizer


@dataclass(frozen=True)
class SceneLabels:
    """The labels of the training scenes."""

    tokens: npt.NDArray[np.int64]  # [n, 2, context length]: the caption, and a shorter one
    patches: npt.NDArray[
        np.uint8
    ]  # [n, 8, 8]: the kind of object on each patch, as in pictures.patch_labels


def label_scenes(first: int, count: int) -> SceneLabels:
    """Returns the labels of the scenes of `count` seeds from `first`.

    Every word is one token, so tokens are looked up by word; the tokenizer would take minutes for
    so many captions.
    """
    encode = tokenizer()
    length = encode(["a"]).shape[1]
    token_ids = {word: int(encode([word])[0, 1]) for word in vocabulary()}
    tokens = np.zeros((count, 2, length), dtype=np.int64)
    patches = np.zeros(
        (count, pictures.PATCHES_PER_SIDE, pictures.PATCHES_PER_SIDE), dtype=np.uint8
    )
    for row in range(count):
        scene = draw_scene_spec(first + row)
        variants = caption_variants(scene)
        for column, text in enumerate((caption(scene), variants[scene.seed % len(variants)])):
            words = [token_ids[word] for word in text.split()]
            line = [encode.sot_token_id, *words, encode.eot_token_id]
            tokens[row, column, : len(line)] = line
        patches[row] = pictures.patch_labels(scene)
    return SceneLabels(tokens, patches)


@dataclass(frozen=True)
class TrainingBatch:
    """One step's input: pictures [n, 3, 64, 64], tokens [n, t] and labels."""

    images: Tensor
    text: Tensor
    says_all: Tensor  # [n], false where the text is the shorter caption
    patches: Tensor  # [n, 64]: the kind of object on each patch

    def split(self, parts: int) -> list[TrainingBatch]:
        """Splits the batch into equal parts, one per thread."""
        chunks = [
            tensor.chunk(parts) for tensor in (self.images, self.text, self.says_all, self.patches)
        ]
        return [TrainingBatch(*tensors) for tensors in zip(*chunks, strict=True)]


@dataclass(frozen=True)
class Losses:
    """The three losses of a step."""

    contrastive: Tensor
    caption: Tensor
    patch: Tensor

    def total(self) -> Tensor:
        """Returns the weighted sum that is minimised."""
        return self.contrastive + 2 * self.caption + self.patch


def compute_losses(network: nn.ModuleDict, batch: TrainingBatch) -> Losses:
    """Computes the three losses; rows with shorter captions do not count in the caption loss.

    The patch loss trains the image tower's tokens to tell which object they show. From captions
    alone, a tower of this size learns the shapes of small objects only after hours. The head is
    discarded after training.
    """
    with torch.autocast("cpu", dtype=torch.bfloat16):
        model, head = network["model"], network["head"]
        encoded = model(batch.images)
        latent, tokens = encoded["image_features"], encoded["image_embs"]
        decoded = model(None, batch.text, image_latent=latent, image_embs=tokens)
        patch_logits = head(tokens)
    scale = decoded["logit_scale"].clamp(max=100.0)
    image, words = decoded["image_features"].float(), decoded["text_features"].float()
    logits = scale * image @ words.T
    target = torch.arange(len(image))
    contrastive_loss = functional.cross_entropy(logits, target) + functional.cross_entropy(
        logits.T, target
    )
    labels = torch.where(
        batch.says_all[:, None], decoded["labels"], torch.zeros_like(decoded["labels"])
    )
    caption_loss = functional.cross_entropy(
        decoded["logits"].float().flatten(0, 1), labels.flatten(), ignore_index=0
    )
    # Most patches show nothing, so these get less weight.
    weight = torch.ones(patch_logits.shape[-1])
    weight[0] = 0.1
    patch_loss = functional.cross_entropy(
        patch_logits.float().flatten(0, 1), batch.patches.flatten(), weight=weight
    )
    return Losses(contrastive_loss / 2, caption_loss, patch_loss)


def make_optimiser(model: nn.Module, rate: float) -> torch.optim.AdamW:
    """Returns AdamW, with weight decay for matrices but not for vectors and embeddings."""
    with_decay: list[nn.Parameter] = []
    without_decay: list[nn.Parameter] = []
    for name, parameter in model.named_parameters():
        is_matrix = parameter.ndim >= 2 and "embedding" not in name
        (with_decay if is_matrix else without_decay).append(parameter)
    groups = [
        {"params": with_decay, "weight_decay": 0.05},
        {"params": without_decay, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-6, fused=True)


def make_patch_head(model: nn.Module) -> nn.Linear:
    """Returns a head that predicts from a token which kind of object its patch shows."""
    return nn.Linear(model.get_parameter("visual.proj").shape[0], len(KINDS) + 1)


def make_replica(network: nn.ModuleDict) -> nn.ModuleDict:
    """Returns a copy of the network that shares its weights and has separate gradients."""
    other = copy.deepcopy(network)
    for own, shared in zip(other.parameters(), network.parameters(), strict=True):
        own.data = shared.data
    return other


def backward(network: nn.ModuleDict, batch: TrainingBatch) -> Losses:
    """Computes the losses of a part of a batch and sets the gradients of `network`."""
    losses = compute_losses(network, batch)
    network.zero_grad(set_to_none=True)
    torch.autograd.backward(losses.total())
    return losses
