"""Reads what a media file states about rights: XMP, IPTC, EXIF, C2PA."""
