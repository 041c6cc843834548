"""Makes the demonstration model's byte-pair vocabulary: every word of a caption is one token.

open_clip's own vocabulary has 49,408 entries, whose embeddings would be most of so small a model.

python -m pipelines.demo.model.vocabulary FILE    # writes it
"""

from __future__ import annotations

import argparse
import gzip
from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

from pipelines.demo.scenes.captions import vocabulary

SplitWord = tuple[str, ...]
_HEADER = "#version: 0.2 Fairshard demo captions"


def learn_merges(words: Iterable[str]) -> list[tuple[str, str]]:
    """Returns the merges that make every word one token: commonest pair first, ties by spelling."""
    split: list[SplitWord] = [(*word[:-1], f"{word[-1]}</w>") for word in sorted(set(words))]
    merges_found: list[tuple[str, str]] = []
    while any(len(word) > 1 for word in split):
        pairs = Counter(pair for word in split for pair in pairwise(word))
        commonest = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges_found.append(commonest)
        split = [_merge_pair(word, commonest) for word in split]
    return merges_found


def _merge_pair(word: SplitWord, pair: tuple[str, str]) -> SplitWord:
    out: list[str] = []
    for part in word:
        # A part that was just merged is not merged again in the same pass.
        if out and (out[-1], part) == pair:
            out[-1] += part
        else:
            out.append(part)
    return tuple(out)


def write_vocabulary(path: Path, words: Iterable[str]) -> int:
    """Writes the file that open_clip's SimpleTokenizer reads; returns the number of tokens."""
    pairs = learn_merges(words)
    # No newline at the end, because the tokenizer would read the empty line as one more token.
    text = "\n".join([_HEADER, *(" ".join(pair) for pair in pairs)])
    path.write_bytes(gzip.compress(text.encode(), 9, mtime=0))
    # 256 bytes, 256 bytes at the end of a word, the merges, and start and end of text.
    return 2 * 256 + len(pairs) + 2


def main() -> None:
    """Writes the vocabulary of the captions to a file."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.demo.model.vocabulary", description=write_vocabulary.__doc__
    )
    parser.add_argument("file", type=Path, help="such as fairshard-demo-bpe.txt.gz")
    write_vocabulary(parser.parse_args().file, vocabulary())


if __name__ == "__main__":
    main()
