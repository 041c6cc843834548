"""Addresses of a bucket's objects, signed on this machine."""

from __future__ import annotations

from dataclasses import dataclass

from pipelines.pull.addresses import SignedAddresses
from pipelines.storage.s3_client import S3Options
from pipelines.storage.s3_presign import presigned_url

# They cost nothing, so that they need not live long.
_LIFE_S = 3_600


@dataclass
class S3Addresses(SignedAddresses):
    """Objects of a bucket; addresses are signed with the credentials that boto3 finds.

    Attributes:
        bucket: The bucket.
        prefix: Key prefix, empty or ending in a slash.
        options: Which S3 service.
    """

    bucket: str
    prefix: str
    options: S3Options

    def sign(self, path: str) -> tuple[str, float]:
        """See `SignedAddresses.sign`."""
        url = presigned_url(self.options, self.bucket, f"{self.prefix}{path}", _LIFE_S)
        return url, _LIFE_S / 2
