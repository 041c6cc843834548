"""Models: loading through open_clip, embeddings and captions. Pure: nothing here knows Beam."""
