"""Turns what preparing a media file found into rows of the feature store."""

from __future__ import annotations

from pipelines.features.prepare import PreparedMedia
from schemas.features import FactsRow
from schemas.measures import MeasuresRow


def facts_row(prepared: PreparedMedia) -> FactsRow:
    """Returns the probed facts of one media file, as a row of FACTS_SCHEMA."""
    return {
        "media_sha256": prepared.media_sha256,
        "bytes": prepared.bytes,
        "format": prepared.format,
        "width": prepared.width,
        "height": prepared.height,
        "stored_width": prepared.stored_width,
        "stored_height": prepared.stored_height,
        "mode": prepared.mode,
        "bit_depth": prepared.bit_depth,
        "orientation": prepared.orientation,
        "has_icc": prepared.has_icc,
        "duration_ms": prepared.duration_ms,
        "fps_num": prepared.fps_num,
        "fps_den": prepared.fps_den,
        "frames": prepared.frames,
        "keyframes": prepared.keyframes,
        "phash": prepared.phash,
        "colour": prepared.colour,
        "looks": [look.search for look in prepared.looks],
        "cells": [look.cells for look in prepared.looks],
        "motion_milli": prepared.motion_milli,
        "stretches": [
            {"kind": one.kind, "start_ms": one.start_ms, "end_ms": one.end_ms}
            for one in prepared.stretches
        ],
        "black_ms": prepared.black_ms,
        "frozen_ms": prepared.frozen_ms,
        "silent_ms": prepared.silent_ms,
        "sound": prepared.sound,
        **prepared.file_facts,
        "shots": [
            {
                "first_frame": shot.first_frame,
                "end_frame": shot.end_frame,
                "start_ms": shot.start_ms,
                "end_ms": shot.end_ms,
                "keyframe": shot.keyframe,
                "keyframe_ms": shot.keyframe_ms,
                "motion_milli": shot.motion_milli,
            }
            for shot in prepared.shots
        ],
    }


def measures_row(prepared: PreparedMedia) -> MeasuresRow:
    """Returns what was measured of one media file, as a row of MEASURES_SCHEMA."""
    measured = prepared.measured
    return {
        "media_sha256": prepared.media_sha256,
        "sharpness_milli": measured.sharpness_milli,
        "brightness_milli": measured.brightness_milli,
        "shadows_milli": measured.shadows_milli,
        "highlights_milli": measured.highlights_milli,
    }
