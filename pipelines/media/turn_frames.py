"""Turns a film's frames as they are displayed."""

from __future__ import annotations

from typing import cast

from av.filter import Graph
from av.video.frame import VideoFrame
from PIL import Image

# FFmpeg's filters for what `open_film.turn_of` returns. "vflip" only says that rows are stored from
# the last to the first, which SVT-AV1 does not take; the filter after it puts them in order.
_FILTERS: dict[Image.Transpose, tuple[tuple[str, str], ...]] = {
    Image.Transpose.FLIP_LEFT_RIGHT: (("hflip", ""),),
    Image.Transpose.FLIP_TOP_BOTTOM: (("vflip", ""), ("copy", "")),
    Image.Transpose.ROTATE_180: (("vflip", ""), ("hflip", "")),
    Image.Transpose.ROTATE_90: (("transpose", "cclock"),),
    Image.Transpose.ROTATE_270: (("transpose", "clock"),),
    Image.Transpose.TRANSPOSE: (("transpose", "cclock_flip"),),
    Image.Transpose.TRANSVERSE: (("transpose", "clock_flip"),),
}


class Turner:
    """Turns frames as they are displayed."""

    def __init__(self, turn: Image.Transpose | None) -> None:
        self._filters = () if turn is None else _FILTERS[turn]
        self._graph: Graph | None = None

    def turn(self, frame: VideoFrame) -> VideoFrame:
        """Returns the frame upright."""
        if not self._filters:
            return frame
        if self._graph is None:
            graph = Graph()
            nodes = [
                graph.add_buffer(
                    width=frame.width,
                    height=frame.height,
                    format=frame.format,
                    time_base=frame.time_base,
                ),
                *(graph.add(name, options or None) for name, options in self._filters),
                graph.add("buffersink"),
            ]
            graph.link_nodes(*nodes).configure()
            self._graph = graph
        self._graph.push(frame)
        return cast("VideoFrame", self._graph.pull())
