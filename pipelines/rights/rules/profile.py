"""Rule 13: what the deal's profile needs of the catalogue, so that no media are read in vain."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pipelines.rights.arrow import BoolArray, is_present
from pipelines.rights.release_traits import IS_MODEL
from pipelines.rights.rules.batch import AssetBatch
from pipelines.rights.rules.licence import has_part
from pipelines.rights.rules.releases import named_releases
from pipelines.rights.rules.rule import Rule
from pipelines.rights.rules.selection import SELECTION
from schemas.deal import Deal

BOX_MOTION, HUMAN_MOTION = "box-motion", "human-motion"
FIRST_LAST_FRAME, STRUCTURE_DEPTH = "first-last-frame", "structure-depth"


def _is_for(*profiles: str) -> Callable[[Deal], bool]:
    return lambda deal: deal.profile in profiles


def _lacks(column: str) -> Callable[[AssetBatch], BoolArray]:
    return lambda batch: ~is_present(batch.column(column))


def _lacks_model_release(batch: AssetBatch) -> BoolArray:
    """Where no valid model release is named, whatever the number of people is said to be."""
    named = batch.shared(named_releases)
    return np.asarray(~named.lists.any(named.is_valid(IS_MODEL)))


def _lacks_identity(batch: AssetBatch) -> BoolArray:
    """Where a model release does not say who signed it: another may be of the same person."""
    named = batch.shared(named_releases)
    unknown = named.has_trait(IS_MODEL) & ~named.names_subject
    return np.asarray(named.lists.any(unknown))


RULES = (
    Rule(
        code="profile.no_boxes",
        topic=SELECTION,
        where=_lacks("boxes"),
        applies=_is_for(BOX_MOTION),
        columns=("boxes",),
        sentence="The deal's profile needs boxes of what moves, and the catalogue names no file "
        "with them.",
        remedy="Name the file in assets.boxes.",
        governed_by=("profile",),
        travels=False,
    ),
    Rule(
        code="profile.no_poses",
        topic=SELECTION,
        where=_lacks("poses"),
        applies=_is_for(HUMAN_MOTION),
        columns=("poses",),
        sentence="The deal's profile needs the poses of a person, and the catalogue names no file "
        "with them.",
        remedy="Name the file in assets.poses.",
        governed_by=("profile",),
        travels=False,
    ),
    Rule(
        code="profile.no_depth",
        topic=SELECTION,
        where=_lacks("depth"),
        applies=_is_for(STRUCTURE_DEPTH),
        columns=("depth",),
        sentence="The deal's profile needs depth maps, and the catalogue names no file with them.",
        remedy="Name the file in assets.depth.",
        governed_by=("profile",),
        travels=False,
    ),
    Rule(
        code="profile.no_model_release",
        topic=SELECTION,
        where=_lacks_model_release,
        applies=_is_for(HUMAN_MOTION),
        columns=("people_count", "release_ids"),
        sentence="The deal's profile is about a person, and there is no valid model release.",
        source="assets.release_ids, releases",
        remedy="Add a valid release of the person who is shown.",
        governed_by=("profile",),
        travels=False,
    ),
    Rule(
        code="profile.no_identity",
        topic=SELECTION,
        where=_lacks_identity,
        applies=_is_for(HUMAN_MOTION),
        columns=("release_ids",),
        sentence="A model release does not say whose it is, so that samples of one person cannot "
        "be kept in one split.",
        source="releases.subject_ref",
        remedy="Set releases.subject_ref, the same for all releases of a person.",
        governed_by=("profile",),
        travels=False,
    ),
    # What the file says about it is decided when it is read: `rendition.not_allowed`.
    Rule(
        code="profile.no_derivatives",
        topic=SELECTION,
        where=has_part("ND"),
        applies=_is_for(FIRST_LAST_FRAME, HUMAN_MOTION, STRUCTURE_DEPTH),
        columns=("licence_code",),
        sentence="The deal's profile delivers frames of films, or depth maps of them, as pictures, "
        "and the licence code forbids derivatives.",
        remedy="Get a licence that allows derivatives, or use a deal with another profile.",
        governed_by=("profile",),
        travels=False,
    ),
)
