"""Why an asset that may be delivered was not selected."""

from __future__ import annotations

from schemas.reason_info import Outcome, ReasonInfo, Stage


def _select(sentence: str, key: str, remedy: str, source: str = "", *other_keys: str) -> ReasonInfo:
    return ReasonInfo(
        Stage.SELECT, Outcome.REFUSED, sentence, source or key, remedy, (key, *other_keys)
    )


#: By code.
SELECTION_TEXTS: dict[str, ReasonInfo] = {
    "duplicate.of_refused": _select(
        "Another asset with the same file is refused for its rights.",
        "rights.copies_of_refused",
        'Clear the other asset, or use a deal with rights.copies_of_refused = "accept".',
        "assets.media_uri, sha256",
        "rulings",
    ),
    "duplicate.like_refused": _select(
        "It shows nearly the same picture as an asset which is refused.",
        "rights.copies_of_refused",
        'Clear the other asset, or use a deal with rights.copies_of_refused = "accept".',
        "assets.media_uri, sha256",
        "select.dedupe",
    ),
    "duplicate.contested": _select(
        "Another contributor offers the same bytes; nobody is paid until the agency decides whose.",
        "rulings",
        "Name the owner in a [[rulings]] entry of the deal.",
        "assets.media_uri, contributors",
    ),
    "duplicate.placeholder": _select(
        "Three or more contributors offer the same bytes, so the file is taken for a placeholder.",
        "rulings",
        "Put the assets' own files in place, or name the owner in the deal's [[rulings]].",
        "assets.media_uri, contributors",
    ),
    "select.too_small": _select(
        "The shorter side has fewer pixels than the deal requires.",
        "select.min_short_side",
        "Supply a larger original.",
    ),
    "select.blank": _select(
        "There is nothing to see: one shade, or nearly.",
        "select.blank",
        "Replace the file; a white drawing on transparency needs a background that shows it.",
        "assets.media_uri",
    ),
    "select.too_black": _select(
        "The film is black for a larger share of its length than the deal accepts.",
        "select.max_black_share",
        "Supply a film without the black stretches.",
    ),
    "select.too_frozen": _select(
        "The film shows still pictures for a larger share of its length than the deal accepts.",
        "select.max_frozen_share",
        "Supply a film without the still stretches.",
    ),
    "select.too_silent": _select(
        "The film's sound is silent for a larger share of its length than the deal accepts, or "
        "cannot be decoded.",
        "select.max_silent_share",
        "Supply a film with sound, or without a sound track.",
    ),
    "select.blurred": _select(
        "The picture is less sharp than the deal requires.",
        "quality.min_sharpness",
        "Supply a sharper original.",
        "assets.media_uri",
    ),
    "select.exposure": _select(
        "The picture is darker or brighter than the deal accepts, or too much of it is clipped.",
        "quality.max_clipped",
        "Supply a better exposed original.",
        "assets.media_uri",
        "quality.min_brightness",
        "quality.max_brightness",
    ),
    "select.aspect": _select(
        "The aspect ratio is none of those that the deal lists.",
        "quality.aspects",
        "Add the ratio to the deal's list.",
        "assets.media_uri",
    ),
    "select.nsfw": _select(
        "The picture is more like nudity or gore than the deal accepts.",
        "quality.max_nsfw",
        "Look at the picture; raise the limit if it is harmless.",
        "assets.media_uri",
    ),
    "select.aesthetics": _select(
        "The picture looks less good than the deal requires.",
        "quality.min_aesthetics",
        "Supply a better original, or lower the limit.",
        "assets.media_uri",
    ),
    "select.text": _select(
        "More of the picture is covered by text than the deal accepts.",
        "quality.max_text_area",
        "Supply an original without text.",
        "assets.media_uri",
    ),
    "select.watermark": _select(
        "The picture has a watermark, or what looks like one.",
        "quality.watermark",
        "Supply the original without the watermark.",
        "assets.media_uri",
    ),
    "select.not_measured": _select(
        "The deal requires a measure that the asset does not have: no model may see it, or failed.",
        "quality.max_nsfw",
        "Get consent to inference, or leave the key out of the deal.",
        "consents, assets.media_uri",
        "quality.min_aesthetics",
        "quality.max_text_area",
        "quality.watermark",
    ),
    "duplicate.exact": _select(
        "Another asset in the delivery has the same bytes.",
        "select.dedupe",
        "None needed.",
    ),
    "duplicate.near": _select(
        "Another asset in the delivery shows nearly the same picture.",
        "select.dedupe",
        "None needed; if they are different works, name both in the deal's select.keep_both.",
        "assets.media_uri",
        "select.keep_both",
    ),
    "duplicate.semantic": _select(
        "Another asset in the delivery shows nearly the same, judged by their embeddings.",
        "select.dedupe",
        "None needed; if both are wanted, name them in the deal's select.keep_both.",
        "assets.media_uri",
        "select.semantic_cosine",
        "select.keep_both",
    ),
    "select.over_cap": _select(
        "Other assets already fill the deal's cap.",
        "select.max_assets",
        "Raise the cap.",
    ),
}
