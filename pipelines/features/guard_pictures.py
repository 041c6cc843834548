"""What the guarded child is asked about pictures."""

from __future__ import annotations

from PIL import Image

from pipelines.features.answers import (
    PictureText,
    faces_answer,
    image_answer,
    texts_answer,
)
from pipelines.features.guarded_child import GuardedChild, max_pixel_bytes
from pipelines.features.pipe_messages import Header, pack_image
from pipelines.media.formats import Format
from pipelines.media.images import HashedImage
from pipelines.media.limits import MediaLimits


class PictureGuard(GuardedChild):
    """Has pictures decoded in the child, and faces and text looked for in them."""

    def image(self, data: bytes, fmt: Format, limits: MediaLimits) -> HashedImage:
        """Decodes and hashes a picture; see `images.decode_and_hash`.

        Raises:
            BadRecord: As there, and `media.undecodable` if the child dies of it.
        """
        request = {
            "what": "image",
            "format": fmt,
            "cpu_s": limits.picture_cpu_s,
            "memory_bytes": min(limits.picture_memory_bytes, limits.decode_memory_bytes),
        }
        return image_answer(*self.ask(request, data, limits, max_pixel_bytes(limits)))

    def faces(self, image: Image.Image, limits: MediaLimits) -> int:
        """Counts the faces in an RGB picture; see `faces.find_faces`.

        Raises:
            BadRecord: `media.undecodable` if the child fails or dies.
        """
        return faces_answer(self._look(image, "faces", limits))

    def texts(self, image: Image.Image, limits: MediaLimits) -> PictureText:
        """Reads the text in an RGB picture; see `texts.find_texts`.

        Raises:
            BadRecord: `media.undecodable` if the child fails or dies.
        """
        return texts_answer(self._look(image, "texts", limits))

    def _look(self, image: Image.Image, what: str, limits: MediaLimits) -> Header:
        size, pixels = pack_image(image)
        request: Header = {"what": what, "size": size, "cpu_s": limits.inspect_cpu_s}
        return self.ask(request, pixels, limits, 0)[0]
