"""Turns the options of a command that say how a catalogue is mapped into a choice."""

from __future__ import annotations

import argparse

from pipelines.catalogue.choice import MappingChoice


def mapping_choice(options: argparse.Namespace) -> MappingChoice:
    """Returns what a command's options say about how a catalogue is mapped."""
    return MappingChoice(options.mapping, options.preset, options.media_prefix)
