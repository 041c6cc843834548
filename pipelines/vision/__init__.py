"""Loads models through open_clip and computes embeddings and captions. Never uses Beam."""
