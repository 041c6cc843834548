"""Finds the clips of a film: one of each shot that is long enough."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypedDict


class ShotBounds(TypedDict):
    """What is needed of a shot."""

    first_frame: int
    end_frame: int
    motion_milli: int


class ClipLimits(Protocol):
    """How long clips may be, in frames; a deal's section `[clips]` has them."""

    @property
    def min_frames(self) -> int:
        """The least."""

    @property
    def max_frames(self) -> int:
        """The most; 0 for any."""


@dataclass(frozen=True)
class ClipBounds:
    """The frames of a clip: from `first_frame` up to but not including `end_frame`.

    Attributes:
        shot: Number of the shot that it is in, from 0.
        first_frame: Number of its first frame.
        end_frame: Number of the frame after its last.
    """

    shot: int
    first_frame: int
    end_frame: int

    @property
    def frames(self) -> int:
        """How many frames it has."""
        return self.end_frame - self.first_frame


def find_clips(shots: Sequence[ShotBounds], limits: ClipLimits) -> list[ClipBounds]:
    """Returns the clips of a film, in order.

    A shot that is too long gives its middle; one that is too short gives none.
    """
    clips = []
    for number, shot in enumerate(shots):
        first, frames = shot["first_frame"], shot["end_frame"] - shot["first_frame"]
        if frames < limits.min_frames:
            continue
        taken = min(frames, limits.max_frames) if limits.max_frames else frames
        first += (frames - taken) // 2
        clips.append(ClipBounds(number, first, first + taken))
    return clips


def choose_clip(clips: Sequence[ClipBounds], shots: Sequence[ShotBounds]) -> ClipBounds:
    """Returns the longest clip; of equal ones, that of the shot with the most motion, the first."""
    return max(clips, key=lambda clip: (clip.frames, shots[clip.shot]["motion_milli"], -clip.shot))
