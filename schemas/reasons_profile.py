"""Why an asset does not meet what the deal's profile needs."""

from __future__ import annotations

from schemas.reason_info import Outcome, ReasonInfo, Stage


def _profile(sentence: str, source: str, remedy: str, *keys: str) -> ReasonInfo:
    return ReasonInfo(Stage.ENRICH, Outcome.REFUSED, sentence, source, remedy, ("profile", *keys))


#: By code.
PROFILE_TEXTS: dict[str, ReasonInfo] = {
    "profile.no_caption": _profile(
        "There is no caption: the contributor wrote none, and no model was allowed to or did.",
        "assets.title, assets.description",
        "Write a title, or get consent to inference.",
    ),
    "profile.no_shot_captions": _profile(
        "The film has several shots, which no model is allowed to caption, and the deal's profile "
        "needs a caption for each.",
        "consents, assets.media_uri",
        "Get consent to inference, or split the film into its shots.",
    ),
    "profile.too_many_shots": _profile(
        "The film has more shots than can be captioned.",
        "assets.media_uri",
        "Split the film into shorter ones.",
    ),
    "profile.not_moving": _profile(
        "The film has only one frame, or no duration.",
        "assets.media_uri",
        "Deliver it as a picture.",
    ),
    "profile.no_frame_rate": _profile(
        "The film does not state its frame rate, and it cannot be inferred.",
        "assets.media_uri",
        "Export the film again with a time for each frame.",
    ),
    "profile.no_clip": _profile(
        "No shot of the film is as long as the clips that the deal wants.",
        "assets.media_uri",
        "Use a deal with a smaller clips.min_frames, or supply a longer film.",
        "clips.min_frames",
    ),
    "profile.track_invalid": _profile(
        "The file with the film's boxes, poses or depth says something impossible; the detail says "
        "what.",
        "assets.boxes, assets.poses, assets.depth",
        "Correct the file; docs/profiles.md says what is in it.",
    ),
    "profile.track_mismatch": _profile(
        "The boxes, poses or depth are of a film of another size, or with other frames.",
        "assets.boxes, assets.poses, assets.depth",
        "Draw them over the film as it is displayed: turned, in square pixels, and with the frames "
        "that its edit list shows.",
    ),
    "profile.unmet": _profile(
        "The asset lacks something that the deal's profile needs; the detail says what.",
        "assets.media_uri",
        "Use another profile, or supply another original.",
    ),
}
