"""Rights: rules that decide from the catalogue alone whether an asset may be delivered."""
