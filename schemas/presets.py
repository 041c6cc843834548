"""The names of the presets, by which exports of agencies are read."""

from __future__ import annotations

PRESETS = (
    "adobe",
    "shutterstock",
    "getty",
    "istock-video",
    "pond5",
    "dreamstime",
    "dreamstime-film",
    "123rf",
    "freepik",
    "vecteezy",
)
