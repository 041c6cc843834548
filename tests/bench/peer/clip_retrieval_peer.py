"""Runs clip-retrieval's inference on a folder of pictures, in its own environment."""

from __future__ import annotations

import argparse

from clip_retrieval.clip_inference.main import main as clip_inference


def main() -> None:
    """Writes the vectors of a folder's pictures as clip-retrieval does."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("pictures")
    parser.add_argument("output")
    parser.add_argument("--model", required=True, help="ARCHITECTURE/path of the weights")
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--readers", type=int, required=True, help="processes that decode")
    options = parser.parse_args()
    clip_inference(
        options.pictures,
        options.output,
        batch_size=options.batch,
        num_prepro_workers=options.readers,
        enable_text=False,
        clip_model=f"open_clip:{options.model}",
    )


if __name__ == "__main__":
    main()
