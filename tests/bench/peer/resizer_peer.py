"""Runs img2dataset's resize in its own environment: each input line names a file and a count.

The answer is a line with the processor time of that many resizes and the size of the result.
"""

from __future__ import annotations

import io
import json
import os
import sys
import time
from pathlib import Path

from img2dataset.resizer import Resizer


def main() -> None:
    """Answers until the input ends."""
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    side, quality = int(sys.argv[1]), int(sys.argv[2])
    resize = Resizer(side, "keep_ratio_largest", resize_only_if_bigger=True, encode_quality=quality)
    answers.write("ready\n")
    answers.flush()
    for line in sys.stdin:
        request = json.loads(line)
        data = Path(request["path"]).read_bytes()
        processor = time.process_time()
        for _ in range(request["count"]):
            made, width, height, _, _, error = resize(io.BytesIO(data))
            if error is not None:
                raise RuntimeError(error)
        answer = {
            "processor_s": time.process_time() - processor,
            "bytes": len(made),
            "size": [width, height],
        }
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
