"""Storage: folders and S3 prefixes behind one interface, and the tables in them."""
