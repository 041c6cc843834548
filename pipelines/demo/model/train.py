"""Trains the demonstration model, an open_clip CoCa of a few megabytes, on drawn scenes.

Training pictures use the seeds from `pictures.FIRST_TRAIN_SEED` on. A run resumes from its
checkpoint, and writes usable weights at every check.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel

from pipelines.demo.model import pictures
from pipelines.demo.model.metrics import CaptionMetrics, measure, to_input
from pipelines.demo.model.training_step import (
    Losses,
    TrainingBatch,
    backward,
    label_scenes,
    make_optimiser,
    make_patch_head,
    make_replica,
)
from pipelines.vision.demo_network import WEIGHTS_NAME, build

_EPILOG = """examples:
  python -m pipelines.demo.model.train --out /tmp/demo-model --minutes 60
  python -m pipelines.demo.model.train --out /tmp/demo-model --steps 500 --scenes 4000
  python -m pipelines.demo.model.train --out /tmp/demo-model --minutes 60   # again: resumes
"""


@dataclass(frozen=True)
class TrainingSettings:
    """The settings of one training run."""

    out: Path
    minutes: float
    steps: int  # 0: as many as the minutes allow
    scenes: int
    batch: int
    rate: float
    threads: int
    check_minutes: float
    check_scenes: int
    seed: int


@dataclass
class TrainingProgress:
    """The progress of a run, saved in its checkpoint."""

    step: int = 0
    wall_s: float = 0.0
    cpu_s: float = 0.0

    def share(self, settings: TrainingSettings) -> float:
        """Returns the share of the run that is done, from 0 to 1."""
        done = (
            self.step / settings.steps if settings.steps else self.wall_s / (60 * settings.minutes)
        )
        return min(1.0, done)


def parse_settings(arguments: list[str]) -> TrainingSettings:
    """Parses the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.demo.model.train",
        description="Train the demonstration model on drawn scenes.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and checkpoint")
    parser.add_argument("--minutes", type=float, default=60.0, help="training time (default 60)")
    parser.add_argument(
        "--steps", type=int, default=0, help="train this many steps, instead of minutes"
    )
    parser.add_argument(
        "--scenes", type=int, default=100_000, help="training pictures (default 100000)"
    )
    parser.add_argument("--batch", type=int, default=128, help="pictures per step (default 128)")
    parser.add_argument("--rate", type=float, default=1e-3, help="peak learning rate")
    parser.add_argument("--threads", type=int, default=2, help="training threads (default 2)")
    parser.add_argument("--check-minutes", type=float, default=4.0, help="time between checks")
    parser.add_argument(
        "--check-scenes", type=int, default=400, help="pictures per check (default 400)"
    )
    parser.add_argument("--seed", type=int, default=1, help="random seed")
    return TrainingSettings(**vars(parser.parse_args(arguments)))


def learning_rate(settings: TrainingSettings, progress: TrainingProgress) -> float:
    """Returns the learning rate: warm-up over 200 steps, and cosine decay to 1 % of the peak."""
    warm_up = min(1.0, (progress.step + 1) / 200)
    decay = 0.5 * (1 + math.cos(math.pi * progress.share(settings)))
    return settings.rate * warm_up * (0.01 + 0.99 * decay)


class Trainer:
    """One training run: the model, its optimiser, the pictures and the progress."""

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings = settings
        settings.out.mkdir(parents=True, exist_ok=True)
        torch.manual_seed(settings.seed)
        # Each thread works on a part of the batch with its own gradients. Threads within torch's
        # operators would wait for one another, and for other processes, thousands of times a step.
        torch.set_num_threads(1)
        self.model = build()
        self.head = make_patch_head(self.model)
        self.network = nn.ModuleDict({"model": self.model, "head": self.head})
        self.replicas = [
            self.network,
            *(make_replica(self.network) for _ in range(settings.threads - 1)),
        ]
        self.pool = ThreadPoolExecutor(settings.threads)
        self.optimiser = make_optimiser(self.network, settings.rate)
        self.progress = TrainingProgress()
        path = settings.out / f"pictures-{settings.scenes}.u8"
        self.pictures = pictures.load_or_draw(
            path, pictures.FIRST_TRAIN_SEED, settings.scenes, settings.threads
        )
        self.labels = label_scenes(pictures.FIRST_TRAIN_SEED, settings.scenes)
        self.checkpoint = settings.out / "checkpoint.pt"
        if self.checkpoint.is_file():
            self._resume()

    def _resume(self) -> None:
        state = torch.load(self.checkpoint, weights_only=True)
        self.model.load_state_dict(state["model"])
        self.head.load_state_dict(state["head"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.progress = TrainingProgress(**state["progress"])
        print_line(f"resuming at step {self.progress.step}, after {self.progress.wall_s:.0f} s")

    def batch(self) -> TrainingBatch:
        """Returns the batch of the current step; every epoch has another order of all scenes."""
        settings, step = self.settings, self.progress.step
        steps_per_epoch = settings.scenes // settings.batch
        epoch, index = divmod(step, steps_per_epoch)
        order = np.random.default_rng((settings.seed, epoch)).permutation(settings.scenes)
        rows = np.sort(order[index * settings.batch : (index + 1) * settings.batch])
        rng = np.random.default_rng((settings.seed, 7, step))
        mirrored = rng.random(settings.batch) < 0.5
        pixels = pictures.augment(self.pictures[rows], mirrored, rng)
        patches = self.labels.patches[rows]
        patches = np.where(mirrored[:, None, None], patches[:, :, ::-1], patches)
        says_all = rng.random(settings.batch) >= 0.12
        text = np.where(says_all[:, None], self.labels.tokens[rows, 0], self.labels.tokens[rows, 1])
        return TrainingBatch(
            to_input(pixels),
            torch.from_numpy(text),
            torch.from_numpy(says_all),
            torch.from_numpy(patches.reshape(settings.batch, -1).astype(np.int64)),
        )

    def step(self) -> Losses:
        """Runs one step of the optimiser and returns the losses of the first part."""
        for group in self.optimiser.param_groups:
            group["lr"] = learning_rate(self.settings, self.progress)
        parts = self.batch().split(len(self.replicas))
        losses_by_part = list(self.pool.map(backward, self.replicas, parts))
        for replicated in zip(*(replica.parameters() for replica in self.replicas), strict=True):
            gradients = [parameter.grad for parameter in replicated if parameter.grad is not None]
            if gradients:
                replicated[0].grad = torch.stack(gradients).mean(0)
        losses = losses_by_part[0]
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimiser.step()
        self.progress.step += 1
        return losses

    def check(self) -> CaptionMetrics:
        """Measures on the check seeds and writes weights, record and checkpoint."""
        self.model.eval()
        metrics = measure(self.model, pictures.FIRST_CHECK_SEED, self.settings.check_scenes)
        self.model.train()
        half_precision = {
            name: t.detach().half().contiguous() for name, t in self.model.state_dict().items()
        }
        target = self.settings.out / WEIGHTS_NAME
        save_file(half_precision, target.with_suffix(".partial"))
        target.with_suffix(".partial").rename(target)
        record = {
            "parameters": sum(p.numel() for p in self.model.parameters()),
            **asdict(self.progress),
            "scenes": self.settings.scenes,
            "batch": self.settings.batch,
            "check": asdict(metrics),
        }
        (self.settings.out / "training.json").write_text(json.dumps(record, indent=1) + "\n")
        state = {
            "model": self.model.state_dict(),
            "head": self.head.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "progress": asdict(self.progress),
        }
        torch.save(state, self.checkpoint.with_suffix(".partial"))
        self.checkpoint.with_suffix(".partial").rename(self.checkpoint)
        return metrics

    def run(self) -> CaptionMetrics:
        """Trains until the steps or minutes are used up, and returns the last check's figures."""
        clock_start, cpu_start = time.monotonic(), time.process_time()
        wall_before = last_check_s = self.progress.wall_s
        cpu_before = self.progress.cpu_s
        while self.progress.share(self.settings) < 1.0:
            losses = self.step()
            self.progress.wall_s = wall_before + time.monotonic() - clock_start
            self.progress.cpu_s = cpu_before + time.process_time() - cpu_start
            if self.progress.step % 25 == 0:
                speed = self.progress.step * self.settings.batch / self.progress.wall_s
                print_line(
                    f"step {self.progress.step} {self.progress.wall_s:.0f} s"
                    f" contrast {losses.contrastive:.3f} caption {losses.caption:.4f}"
                    f" patch {losses.patch:.3f} {speed:.0f} img/s"
                )
            if self.progress.wall_s - last_check_s > 60 * self.settings.check_minutes:
                print_line(f"check: {self.check()}")
                last_check_s = self.progress.wall_s
        return self.check()


def print_line(line: str) -> None:
    """Prints one line and flushes it."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command."""
    settings = parse_settings(sys.argv[1:] if arguments is None else arguments)
    # On a CPU the backward pass of fused attention is slow; the plain one takes half as long.
    with sdpa_kernel(SDPBackend.MATH):
        print_line(f"done: {Trainer(settings).run()}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
