"""Reads what a media file itself states about rights: XMP, IPTC, EXIF and C2PA."""
