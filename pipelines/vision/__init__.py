"""Loads models through open_clip and computes embeddings and captions. Never uses Beam."""

from pipelines.process.postponed import postpone

# So that open_clip's list of pretrained tags can be imported without the rest of it and torch.
postpone("open_clip", "safetensors.torch")
