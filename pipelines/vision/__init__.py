"""Loads models through open_clip and computes embeddings and captions. Never uses Beam."""

from pipelines.process.postponed import postpone

# open_clip: so that its list of pretrained tags can be imported without the rest of it and torch.
# torchvision: so that its operators for detectors do not import torch's compiler, which takes as
# long as torch itself; open_clip uses its transforms and one layer.
postpone(
    "open_clip",
    "safetensors.torch",
    "timm",
    "torchvision.datasets",
    "torchvision.models",
    "torchvision.ops",
)
