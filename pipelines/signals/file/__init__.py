"""What a media file says about rights: XMP, IPTC, EXIF, C2PA."""
