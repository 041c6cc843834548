"""Full verification of a delivery: `python -m tests.bench.verify DELIVERY --rounds 5`."""

from __future__ import annotations

import argparse
import statistics
import time

from pipelines.verify.delivery import verify_delivery


def main() -> None:
    """Verifies once to warm up, then in rounds, and prints the median of each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("delivery", help="folder of a sound delivery, of some hundred MB or more")
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    size = verify_delivery(options.delivery).bytes
    clock_s, processor_s = [], []
    for _ in range(options.rounds):
        clock, processor = time.perf_counter(), time.process_time()
        report = verify_delivery(options.delivery)
        clock_s.append(time.perf_counter() - clock)
        processor_s.append(time.process_time() - processor)
        if not report.sound:
            raise RuntimeError(f"not a sound delivery: {report.problems[0].describe()}")
    for name, seconds in (("clock", clock_s), ("processor", processor_s)):
        middle = statistics.median(seconds)
        print(f"{name:<10} {middle:>8.2f} s {size / middle / 1e6:>8,.0f} MB/s")


if __name__ == "__main__":
    main()
