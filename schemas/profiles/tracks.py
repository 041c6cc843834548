"""The tracks that samples carry as members: boxes, and the poses of one person.

Coordinates are those of the delivered film as it is displayed: x to the right and y down from the
upper left corner, in thousandths of a square pixel. Frames are counted from 0 in the order in which
they are shown. Values are in columns of equal length, which load as a table.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.profiles.common import Count, Pixels, SampleFields

#: The joints of COCO's keypoints, in their order.
COCO_17 = (
    *("nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder"),
    *("left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip"),
    *("left_knee", "right_knee", "left_ankle", "right_ankle"),
)
#: The ending of the member with boxes, and of that with poses.
BOXES_MEMBER, POSES_MEMBER = "boxes.json", "poses.json"
#: The ending of the member with the frame that shows how the person looks.
REFERENCE_MEMBER = "reference.png"
MAX_BOXES = 200_000
MAX_OBJECTS = 10_000
MAX_POSES = 100_000

Milli = Annotated[int, Field(ge=0, le=2**53 - 1)]
ConfidenceBp = Annotated[int, Field(ge=0, le=10_000)]
ObjectId = Annotated[int, Field(ge=0, le=2**31 - 1)]
MAX_PHRASE = 500  # characters
Phrase = Annotated[str, Field(min_length=1, max_length=MAX_PHRASE)]
TrackSource = Literal["agency", "tracker"]


class Track(SampleFields):
    """What both kinds of track say about their film and of where they come from."""

    frames: Count
    """Of the film."""
    width: Pixels
    """Of the film as delivered, as is `height`."""
    height: Pixels
    source: TrackSource
    """Who drew it: people for the agency, or a program."""
    tracker: str
    """The program's name; "" of the agency's people, as its version."""
    tracker_version: str

    @model_validator(mode="after")
    def _check_source(self) -> Self:
        named = bool(self.tracker), bool(self.tracker_version)
        if named != (self.source == "tracker",) * 2:
            raise ValueError("a tracker, and only a tracker, has a name and a version")
        return self


class BoxColumns(SampleFields):
    """A box in each row: from (x0, y0) to (x1, y1)."""

    frame: Annotated[list[Count], Field(max_length=MAX_BOXES)]
    x0_milli: list[Milli]
    y0_milli: list[Milli]
    x1_milli: list[Milli]
    y1_milli: list[Milli]

    def find_fault(self, track: Track) -> str:
        """Returns what is wrong with the boxes of a track, or ""."""
        lengths = {len(getattr(self, name)) for name in type(self).model_fields}
        if len(lengths) != 1:
            return "its columns differ in length"
        width, height = 1000 * track.width, 1000 * track.height
        rows = zip(
            self.frame, self.x0_milli, self.y0_milli, self.x1_milli, self.y1_milli, strict=True
        )
        for frame, x0, y0, x1, y1 in rows:
            if frame >= track.frames:
                return f"frame {frame} is not one of {track.frames}"
            if not (x0 < x1 <= width and y0 < y1 <= height):
                return f"the box in frame {frame} is empty, or outside the picture"
        return ""


class TrackedObject(SampleFields):
    """Something that has the same id in all frames."""

    id: ObjectId
    phrase: Phrase
    """What it is, in words."""


class ObjectBoxes(BoxColumns):
    """Boxes of objects, sorted by frame and object."""

    object: list[ObjectId]
    """Its id in `objects`."""
    hard: list[bool]
    """Whether the box is the object's own outline; a soft one is somewhere around the object."""
    confidence_bp: list[ConfidenceBp]


class BoxTrack(Track):
    """The member `boxes.json`: where objects are in each frame."""

    objects: Annotated[list[TrackedObject], Field(min_length=1, max_length=MAX_OBJECTS)]
    boxes: ObjectBoxes

    @model_validator(mode="after")
    def _check_boxes(self) -> Self:
        fault = self.boxes.find_fault(self)
        ids = [one.id for one in self.objects]
        order = list(zip(self.boxes.frame, self.boxes.object, strict=True)) if not fault else []
        if not fault and any(second <= first for first, second in pairwise(order)):
            fault = "an object has two boxes in a frame, or they are not sorted"
        if not fault and (sorted(set(ids)) != ids or set(ids) != set(self.boxes.object)):
            fault = "the ids of its objects are not sorted, or not those of its boxes"
        if fault:
            raise ValueError(fault)
        return self

    def counts(self) -> dict[str, int]:
        """Returns the sample's fields about the track."""
        return {
            "objects": len(self.objects),
            "boxes": len(self.boxes.frame),
            "hard_boxes": sum(self.boxes.hard),
            "boxed_frames": len(set(self.boxes.frame)),
        }


class PersonPoses(BoxColumns):
    """The person's box and joints in each frame that shows them, sorted by frame."""

    keypoints: list[Annotated[list[Milli], Field(min_length=51, max_length=51)]]
    """x and y in thousandths of a pixel, and the confidence in ten-thousandths, of each joint; all
    three are 0 for a joint that is not seen."""


class PoseTrack(Track):
    """The member `poses.json`: the poses of one person."""

    skeleton: Literal["coco-17"]
    joints: list[str]
    """Their names, in the order of the keypoints."""
    poses: PersonPoses

    @model_validator(mode="after")
    def _check_poses(self) -> Self:
        fault = self.poses.find_fault(self)
        if not fault and tuple(self.joints) != COCO_17:
            fault = "its joints are not those of its skeleton"
        frames = self.poses.frame
        if not fault and (not frames or sorted(set(frames)) != frames):
            fault = "no frame shows the person, or the frames are not sorted"
        if not fault:
            fault = next(filter(None, map(self._joint_fault, self.poses.keypoints)), "")
        if fault:
            raise ValueError(fault)
        return self

    def _joint_fault(self, values: list[int]) -> str:
        width, height = 1000 * self.width, 1000 * self.height
        for x, y, confidence in zip(*(values[at::3] for at in range(3)), strict=True):
            if x > width or y > height or confidence > 10_000 or (not confidence and (x or y)):
                return "a joint is outside the picture, or has no valid confidence"
        return ""

    def counts(self) -> dict[str, int]:
        """Returns the sample's fields about the track."""
        seen = sum(value > 0 for row in self.poses.keypoints for value in row[2::3])
        return {"posed_frames": len(self.poses.frame), "seen_joints": seen}
