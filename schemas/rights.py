"""The purposes and permissions that every rights signal is translated into."""

from __future__ import annotations

from enum import StrEnum


class Purpose(StrEnum):
    """What a work may be used for; the six purposes of the catalogue's grant columns."""

    TRAIN_GEN = "train_gen"
    TRAIN_NONGEN = "train_nongen"
    INFERENCE = "inference"
    DATA_MINING = "data_mining"
    INDEX = "index"
    SEARCH = "search"


class Permission(StrEnum):
    """What a signal says about a purpose. Only `ALLOW` permits anything."""

    ALLOW = "allow"
    DENY = "deny"
    CONDITIONAL = "conditional"
    UNKNOWN = "unknown"


class Basis(StrEnum):
    """What a contributor's consent rests on."""

    EXPLICIT = "explicit"
    TERMS = "terms"
    SILENCE = "silence"


PURPOSES: tuple[Purpose, ...] = tuple(Purpose)

#: What each purpose means in a deal; part of the terms of every delivery.
PURPOSE_MEANINGS: dict[Purpose, str] = {
    Purpose.TRAIN_GEN: "training of models whose outputs are media or text of the samples' kind",
    Purpose.TRAIN_NONGEN: "training of models that classify, embed, find or measure, and whose "
    "outputs are no media",
    Purpose.INFERENCE: "giving samples to trained models; captions and embeddings are inference",
    Purpose.DATA_MINING: "analysis of samples by machine for patterns, trends and correlations",
    Purpose.INDEX: "recording samples in an index",
    Purpose.SEARCH: "answering searches with samples or links to them",
}

# In a consent event, this stands for every purpose.
ALL_PURPOSES = "all"

# IPTC NewsCodes, http://cv.iptc.org/newscodes/digitalsourcetype/ ; True if the code says that some
# or all of the pixels were produced by a trained or programmed generator.
DIGITAL_SOURCE_TYPES: dict[str, bool] = {
    "digitalCapture": False,
    "computationalCapture": False,
    "negativeFilm": False,
    "positiveFilm": False,
    "print": False,
    "humanEdits": False,
    "minorHumanEdits": False,
    "algorithmicallyEnhanced": False,
    "digitalCreation": False,
    "digitalArt": False,
    "softwareImage": False,
    "dataDrivenMedia": False,
    "screenCapture": False,
    # By their definitions these two may contain generated elements; the strict reading applies.
    "virtualRecording": True,
    "composite": True,
    "compositeCapture": False,
    "compositeSynthetic": True,
    "compositeWithTrainedAlgorithmicMedia": True,
    "trainedAlgorithmicMedia": True,
    "algorithmicMedia": True,
}
DIGITAL_SOURCE_TYPE_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"
